"""Upload an export, or a data set with its card, to the Hugging Face hub, private; run it again to go on.

The token comes from HF_TOKEN or `hf auth login`, never from a flag. Nothing is sent without a licence in
the card.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.base.names import display
from focusgen.commands.groups import DataSetFlags
from focusgen.config.flags import option, parse, required

MAX_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class PushFlags(DataSetFlags):
    """What, and where to."""

    repo: str = required("ORG/NAME on the hub")
    dest: Path | None = option(None, "folder of a finished export; default: the data set with its card")
    dry_run: bool = option(False, "list files and bytes; send nothing")


FLAGS = PushFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen push`."""
    parsed = parse(FLAGS, argv, prog="focusgen push", doc=__doc__)
    given = parsed.flags
    cfg = config.load(given.config, parsed.overrides)
    if given.repo.count("/") != 1 or not all(given.repo.split("/")):
        raise ConfigError(f"--repo {given.repo}: give ORG/NAME")
    from focusgen.tools.push import plan_data_set, plan_export_upload, upload

    plan = plan_data_set(cfg.data.out_root) if given.dest is None else plan_export_upload(given.dest)
    for name, size in plan.files:
        print(f"{size:>15,}  {name}")
    if plan.left_behind:
        names = ", ".join(display(name) for name in plan.left_behind[:MAX_NAMED])
        more = f" and {len(plan.left_behind) - MAX_NAMED} more" if len(plan.left_behind) > MAX_NAMED else ""
        print(f"not sent, being no part of the export: {names}{more}", file=sys.stderr)
    print(f"{plan.n_bytes:>15,}  bytes in {len(plan.files)} files, licence {plan.licence}, to {given.repo}")
    if not given.dry_run:
        print(upload(plan, given.repo))
    return 0
