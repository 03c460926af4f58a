"""Upload an export, or a data set with its card, to the Hugging Face hub, private; run it again to go on.

Sent is what focusgen made: published files, records, card, logs, report, previews. What else lies there is
named and stays there, but for what --also names. The token comes from HF_TOKEN or `hf auth login`, never
from a flag. Nothing is sent without a licence in the card.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.base.names import listed
from focusgen.commands.groups import DataSetFlags
from focusgen.config.flags import option, parse, required

if TYPE_CHECKING:
    from focusgen.tools.push import LeftBehind, Upload


@dataclass(frozen=True, kw_only=True)
class PushFlags(DataSetFlags):
    """What, and where to."""

    repo: str = required("ORG/NAME on the hub")
    dest: Path | None = option(None, "folder of a finished export; default: the data set with its card")
    also: tuple[str, ...] = option((), "files and folders of your own in there to send, too: LICENSE figures")
    leave_out: tuple[str, ...] = option((), "scenes to do without, as one that nothing mends")
    dry_run: bool = option(False, "list files and bytes; send nothing")


FLAGS = PushFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen push`."""
    parsed = parse(FLAGS, argv, prog="focusgen push", doc=__doc__)
    given = parsed.flags
    cfg = config.load(given.config, parsed.overrides)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", given.repo, re.ASCII):
        raise ConfigError(f"--repo {given.repo}: give ORG/NAME, of letters, digits, '-', '_' and '.'")
    from focusgen.tools.push import upload

    plan = _plan(given, cfg.data.out_root)
    for name, size in plan.files:
        print(f"{size:>15,}  {name}")
    if plan.left_behind:
        print(_left_behind(plan.left_behind, "export" if given.dest else "data set"), file=sys.stderr)
    print(f"{plan.n_bytes:>15,}  bytes in {len(plan.files)} files, licence {plan.licence}, to {given.repo}")
    if not given.dry_run:
        print(upload(plan, given.repo))
    return 0


def _plan(given: PushFlags, root: Path) -> Upload:
    from focusgen.tools.push import plan_data_set, plan_export_upload

    if given.dest is None:
        return plan_data_set(root, given.also, given.leave_out)
    if given.leave_out:
        raise ConfigError(
            "--leave_out: an export is sent as it was made",
            "Make it without them: focusgen export --leave_out.",
        )
    return plan_export_upload(given.dest, given.also)


def _left_behind(left: Sequence[LeftBehind], of_what: str) -> str:
    names = listed(one.name for one in left)
    n_files, n_bytes = sum(one.n_files for one in left), sum(one.n_bytes for one in left)
    return (
        f"not sent, being no part of the {of_what}: {names}: {n_files:,} files, {n_bytes:,} bytes "
        "(--also NAME sends it, too)"
    )
