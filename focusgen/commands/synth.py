"""Write procedural scenes with exact metric depth, as raw frames and as depth for the `provided` backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from focusgen.base.cores import usable_cores
from focusgen.commands.groups import names_given
from focusgen.config.flags import Flags, option, parse, required
from focusgen.run.console import passing_bar


@dataclass(frozen=True)
class SynthFlags(Flags):
    """Where to, and which scenes."""

    raw_root: Path = required("folder for the frames, one folder per scene")
    depth_root: Path = required("folder for the depth, one folder per scene")
    families: str | None = option(None, "comma-separated, such as tabletop,bars; default: all, in turn")
    seed: int = option(0, "seed of the first scene of each family")
    n_scenes: int = option(3, "how many scenes")
    n_frames: int = option(24, "frames per scene")
    width: int = option(320, "pixels")
    height: int = option(192, "pixels")
    faults: Literal["none", "camera", "depth", "all"] = option(
        "none", "what phases 2 and 3 shall have to repair"
    )


FLAGS = SynthFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen synth`."""
    given = parse(FLAGS, argv, prog="focusgen synth", doc=__doc__).flags
    families = names_given("families", "family", given.families)

    from focusgen.synth.write import synth_dataset

    with passing_bar() as progress:
        task = progress.add_task("synth", total=given.n_scenes * given.n_frames)
        names = synth_dataset(
            given.raw_root,
            given.depth_root,
            families=families,
            seed=given.seed,
            n_scenes=given.n_scenes,
            n_frames=given.n_frames,
            width=given.width,
            height=given.height,
            faults=given.faults,
            workers=usable_cores(),
            progress=lambda name, done, total: progress.advance(task),
        )
    print(f"{len(names)} scenes in {given.raw_root}, depth in {given.depth_root}: {', '.join(names)}")
    return 0
