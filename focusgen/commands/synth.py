"""Write procedural scenes with exact metric depth, as raw frames and as depth for the `provided` backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from focusgen.base.errors import ConfigError
from focusgen.config import flags
from focusgen.run.console import make_console

EXTRAS: list[flags.Extra] = [
    ("raw_root", Path, flags.REQUIRED, "folder for the frames, one folder per scene"),
    ("depth_root", Path, flags.REQUIRED, "folder for the depth, one folder per scene"),
    ("families", str | None, None, "comma-separated; default: all, in turn"),
    ("seed", int, 0, "seed of the first scene of each family"),
    ("n_scenes", int, 3, "how many scenes"),
    ("n_frames", int, 24, "frames per scene"),
    ("width", int, 320, "pixels"),
    ("height", int, 192, "pixels"),
    ("faults", Literal["none", "camera", "depth", "all"], "none", "what phases 2 and 3 shall have to repair"),
]


def main(argv: Sequence[str]) -> int:
    """Run `focusgen synth`."""
    flag_set = flags.flags_class("SynthFlags", {}, EXTRAS)
    parsed, dotted = flags.parse(flag_set, argv, prog="focusgen synth", doc=__doc__ or "")
    if dotted:
        raise ConfigError(f"--{next(iter(dotted))} has no meaning here")
    from rich.progress import Progress

    from focusgen.synth.write import available_cores, synth_dataset

    with Progress(console=make_console(), transient=True) as progress:
        task = progress.add_task("synth", total=parsed.n_scenes * parsed.n_frames)
        names = synth_dataset(
            parsed.raw_root,
            parsed.depth_root,
            families=parsed.families.split(",") if parsed.families else None,
            seed=parsed.seed,
            n_scenes=parsed.n_scenes,
            n_frames=parsed.n_frames,
            width=parsed.width,
            height=parsed.height,
            faults=parsed.faults,
            workers=available_cores(),
            progress=lambda name, done, total: progress.advance(task),
        )
    print(f"{len(names)} scenes in {parsed.raw_root}, depth in {parsed.depth_root}: {', '.join(names)}")
    return 0
