"""Upload an export with its card to the Hugging Face hub, as a private data set; run it again to go on.

The token comes from HF_TOKEN or `hf auth login`, never from a flag. Without a licence in the card nothing is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.config.flags import Flags, option, parse, required


@dataclass(frozen=True)
class PushFlags(Flags):
    """What, and where to."""

    repo: str = required("ORG/NAME on the hub")
    dest: Path = required("folder of a finished export")
    dry_run: bool = option(False, "list files and bytes; send nothing")


def main(argv: Sequence[str]) -> int:
    """Run `focusgen push`."""
    parsed = parse(PushFlags, argv, prog="focusgen push", doc=__doc__)
    given = parsed.flags
    if parsed.dotted:
        raise ConfigError(f"--{next(iter(parsed.dotted))} has no meaning here")
    if given.repo.count("/") != 1 or not all(given.repo.split("/")):
        raise ConfigError(f"--repo {given.repo}: give ORG/NAME")
    from focusgen.tools.push import plan_upload, upload

    plan = plan_upload(given.dest)
    for name, size in plan.files:
        print(f"{size:>15,}  {name}")
    print(f"{plan.n_bytes:>15,}  bytes in {len(plan.files)} files, licence {plan.licence}, to {given.repo}")
    if not given.dry_run:
        print(upload(plan, given.repo))
    return 0
