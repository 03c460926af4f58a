"""Submit phases as SLURM jobs: scenes packed by predicted cost, arrays linked per scene, drained in time.

Phases 1-4 end with the calibration; look at it and approve it, then submit 5-6 (a second submission, since
the cost is known better by then, and a job that waits for days may be purged). Started again, it submits
only what is not complete. `focusgen submit --focal` submits a training of the focal-stack model instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from focusgen import config
from focusgen.base.files import share_with_group
from focusgen.commands.groups import SCENES_HELP, DataSetFlags, RunSettings, SceneSettings, scenes_named
from focusgen.config.flags import option, parse, positional, sets
from focusgen.config.graph import parse_phases


@dataclass(frozen=True)
class SubmitFlags(SceneSettings, RunSettings, DataSetFlags):
    """Which phases of which scenes, and where they run."""

    phases: str | None = option(None, "e.g. 1-4, 5-6, 3; default: 1-4 before the approval, 5-6 after it")
    cluster: Literal["slurm", "local", "debug"] = option(
        "slurm", "local: on this machine; debug: this process"
    )
    scene: tuple[str, ...] = positional((), "only these scenes; default: all")
    scenes: str | None = option(None, SCENES_HELP)
    split: str | None = option(None, "only scenes of this split: train, val or test")
    backend: str | None = option(None, "backends by name, comma-separated, e.g. classical,dryrun")
    hold: bool = option(False, "submit held; scontrol release starts it")
    force: bool = option(False, "submit although something is missing here that the nodes may have")
    dry_run: bool = option(False, "print the exact sbatch scripts and the forecast; submit and write nothing")
    account: str | None = sets("cluster.account")
    tasks: int | None = sets("cluster.tasks")
    throttle: int | None = sets("cluster.throttle")
    one_scene_per_task: bool = sets("cluster.one_scene_per_task")


FLAGS = SubmitFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen submit`; with --focal, a training is submitted instead of phases."""
    if "--focal" in argv:
        from focusgen.commands.submit_focal import main as submit_focal

        return submit_focal([word for word in argv if word != "--focal"])
    parsed = parse(FLAGS, argv, prog="focusgen submit", doc=__doc__)
    given = parsed.flags
    from focusgen.cluster.submission import Submission, next_phases, submit
    from focusgen.cluster.submit import absolute
    from focusgen.commands.run import backend_overrides
    from focusgen.run.raw_files import keeping_looks
    from focusgen.run.settings import with_last_settings

    cfg = config.load(given.config, parsed.on_top_of(backend_overrides(given.backend)))
    with keeping_looks(not given.dry_run):
        phases = parse_phases(given.phases) if given.phases is not None else next_phases(cfg)
        cfg = absolute(with_last_settings(cfg, phases))
        share_with_group(cfg.data.group_writable)
        names = scenes_named(given.scenes, given.scene)
        asked = Submission(cfg, phases, names, given.split, given.hold, given.force)
        return submit(asked, given.cluster, dry_run=given.dry_run)
