"""List the focal stacks of a data set: one JSON line per scene and frame, to train on or to evaluate.

Each slice carries its own distance; lens sets of one focal length and f-number make a stack. With --source
thin_lens they are drawn anew from sharp frames and depth; mix lists both. Scenes that are
not finished, or stale, are left out, and said.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from focusgen.base.errors import ConfigError
from focusgen.commands.focal import ALIASES, renamed
from focusgen.config.flags import Flags, option, parse, required


@dataclass(frozen=True)
class StacksFlags(Flags):
    """Which data set, and which kind of stack."""

    scenes: Path = required("out_root of a data set, after phase 5")
    out: Path = required("list to write, .jsonl (-o)")
    source: Literal["bokeh", "thin_lens", "mix"] = option("bokeh", "renders of phase 5, or drawn on the fly")
    n_slices: int = option(5, "thin_lens: slices, even in diopters over the scene's depth")
    focal_length: float = option(50.0, "thin_lens: millimetres")
    f_number: float = option(2.0, "thin_lens: f-number (--aperture)")
    every: int = option(1, "only every so many frames")


FLAGS = StacksFlags
OUT_ALIASES = {**ALIASES, **dict.fromkeys(("-o", "--out", "--output"), "--out")}


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal stacks`."""
    flags = parse(FLAGS, renamed(argv, OUT_ALIASES), prog="focusgen focal stacks", doc=__doc__).flags
    from focusgen.base.names import rich_text
    from focusgen.focal.lens_checks import check_lens
    from focusgen.run.console import passing_bar
    from focusgen.tools.focal_stacks import Sweep, list_stacks

    for name, least in (("n_slices", 2), ("every", 1)):
        if getattr(flags, name) < least:
            raise ConfigError(f"--{name} must be at least {least}, not {getattr(flags, name)}")
    check_lens(flags.focal_length, flags.f_number, None, "focal stacks")
    sweep = Sweep(flags.n_slices, flags.focal_length / 1e3, flags.f_number)
    with passing_bar() as progress:
        task = progress.add_task("stacks", total=1.0)
        records = list_stacks(
            flags.scenes,
            flags.out,
            source=flags.source,
            sweep=sweep,
            every=flags.every,
            note=_note,
            tell=lambda name, part: progress.update(task, description=rich_text(name), completed=part),
        )
    splits = sorted({str(record["split"]) for record in records})
    print(f"{flags.out}: {len(records)} stacks, splits {', '.join(splits)}")
    return 0


def _note(line: str) -> None:
    print(f"note: {line}", file=sys.stderr)
