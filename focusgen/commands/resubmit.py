"""Submit again just what failed, is missing or stale; everything that is complete stays as it is.

Settings are those of --config, else of the newest plan, and of phases that it lacks those of their last run.
A scene that ran out of memory is submitted again only with another setting; a node that failed is left out.
Without a choice: failed and missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from focusgen.base.errors import ConfigError
from focusgen.base.files import share_with_group
from focusgen.commands.groups import DataSetFlags, RunSettings, SceneSettings
from focusgen.config.flags import option, parse
from focusgen.config.graph import parse_phases


@dataclass(frozen=True)
class ResubmitFlags(SceneSettings, RunSettings, DataSetFlags):
    """Which scenes again, and where they run."""

    failed: bool = option(False, "scenes with a failure record")
    missing: bool = option(False, "scenes that no running task works on and that are not complete")
    stale: bool = option(False, "scenes made with other settings; needs --on_stale redo or keep")
    indices: str | None = option(None, "array indices of a plan, e.g. 3,7")
    plan: str | None = option(None, "the plan of --indices; default: the newest")
    phases: str | None = option(None, "phases of --indices; default: all of the plan")
    cluster: Literal["slurm", "local", "debug"] = option(
        "slurm", "local: on this machine; debug: this process"
    )
    force: bool = option(False, "submit although something is missing here that the nodes may have")
    dry_run: bool = option(False, "print the exact sbatch scripts; submit and write nothing")


FLAGS = ResubmitFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen resubmit`."""
    parsed = parse(FLAGS, argv, prog="focusgen resubmit", doc=__doc__)
    given = parsed.flags
    from focusgen.cluster.resubmission import resubmit_indices, resubmit_scenes, settings_of
    from focusgen.dataset.states import State
    from focusgen.run.raw_files import keeping_looks

    again = settings_of(given.config, given.plan, parsed.overrides)
    share_with_group(again.cfg.data.group_writable)
    if given.indices is not None:
        phases = parse_phases(given.phases) if given.phases is not None else ()
        indices = _numbers(given.indices)
        return resubmit_indices(again.cfg, given.plan, phases, indices, given.cluster, dry_run=given.dry_run)
    kinds = {State.FAILED} if given.failed else set()
    kinds |= {State.PENDING, State.PARTIAL} if given.missing else set()
    kinds |= {State.STALE} if given.stale else set()
    with keeping_looks(not given.dry_run):
        return resubmit_scenes(again, kinds, given.cluster, dry_run=given.dry_run, force=given.force)


def _numbers(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise ConfigError(f"--indices {text!r}: give numbers, e.g. 3,7")
    return [int(word) for word in words]
