"""Make focal stacks to train on: procedural scenes through many lenses, traced or drawn in layers.

Nothing is downloaded. The same seed gives the same stacks; what a folder has already is kept, so a call that
was stopped goes on. Noise, JPEG and jitter are added when stacks are read for training, anew each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen.base.cores import usable_cores
from focusgen.base.errors import ConfigError
from focusgen.commands.focal import ALIASES, renamed
from focusgen.config.flags import Flags, option, parse


@dataclass(frozen=True)
class FocalSynthFlags(Flags):
    """Where to, how many, and which."""

    output: Path = option(Path("focal_stacks"), "folder for the stacks (-o)")
    n_stacks: int = option(1000, "how many; rounded up to whole files of 8")
    seed: int = option(0, "of the whole set")
    families: str | None = option(None, "comma-separated; default: all that figures are not measured on")
    width: int = option(192, "pixels")
    height: int = option(128, "pixels")
    traced_share: float = option(0.7, "part that rays draw; the layered renderer draws the others")
    workers: int | None = option(None, "processes; default: one per core that this one may use")


FLAGS = FocalSynthFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal synth`."""
    words = renamed(argv, ALIASES)
    flags = parse(FLAGS, words, prog="focusgen focal synth", doc=__doc__).flags
    _check(flags)

    from focusgen.focal.learned.shards import make_stacks
    from focusgen.focal.learned.stacks import StackRecipe, count_by_family, families_of
    from focusgen.run.console import passing_bar

    families = families_of(flags.families)
    recipe = StackRecipe(flags.seed, families, flags.width, flags.height, flags.traced_share)
    with passing_bar() as progress:
        task = progress.add_task("focal synth", total=flags.n_stacks)
        made = make_stacks(
            flags.output,
            recipe,
            flags.n_stacks,
            lambda done, n: progress.update(task, completed=done, total=n),
            workers=flags.workers or usable_cores(),
        )
    counts = count_by_family(recipe, flags.n_stacks)
    print(f"{made.folder}: {flags.n_stacks} stacks, {', '.join(f'{n} {name}' for name, n in counts.items())}")
    return 0


def _check(flags: FocalSynthFlags) -> None:
    for name, least in (("n_stacks", 1), ("width", 32), ("height", 32)):
        if getattr(flags, name) < least:
            raise ConfigError(f"--{name} must be at least {least}, not {getattr(flags, name)}")
    if flags.workers is not None and flags.workers < 1:
        raise ConfigError(f"--workers must be at least 1, not {flags.workers}")
    for name in ("width", "height"):
        if getattr(flags, name) % 16:
            raise ConfigError(f"--{name} {getattr(flags, name)}: training wants a multiple of 16")
    if not 0.0 <= flags.traced_share <= 1.0:
        raise ConfigError(f"--traced_share must be from 0 to 1, not {flags.traced_share}")
