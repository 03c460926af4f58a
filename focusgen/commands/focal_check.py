"""Report on a file list: samples, missing files, ranges, what depth its lenses can tell, and leakage.

Some stacks are opened (--look): do their slices come out of their depth, distances and lens, or better of
others? With --config, print what a preset of configs/focal can tell instead. Ends with 3 if a file is
missing, a line says what it may not, labels are not those of the slices, or one scene lies in two splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen.base.errors import ConfigError, ExitCode
from focusgen.commands.focal import renamed
from focusgen.config.flags import Flags, option, parse, positional


@dataclass(frozen=True)
class CheckFlags(Flags):
    """Which lists, or which preset."""

    lists: tuple[Path, ...] = positional((), "file lists")
    config: str | None = option(None, "preset: base, hypersim, virtual_kitti, mixed, or a YAML file")
    data_root: str | None = option(None, "where relative paths start; default: beside the list")
    max_samples: int = option(200, "depth maps that are opened")
    look: int = option(5, "stacks of each source that are compared with their depth, spread over a list")


FLAGS = CheckFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal check`."""
    flags = parse(FLAGS, renamed(argv, {}), prog="focusgen focal check", doc=__doc__).flags
    if not flags.lists and flags.config is None:
        raise ConfigError("focusgen focal check needs a list or --config", "See focusgen focal check --help.")
    for name, n in (("max_samples", flags.max_samples), ("look", flags.look)):
        if n < 0:
            raise ConfigError(f"--{name} must be at least 0, not {n}")
    from focusgen.focal.presets import load_preset, roots_of
    from focusgen.tools.focal_check import check_lists, preset_lines

    preset = None if flags.config is None else load_preset(flags.config)
    if preset is not None:
        print("\n".join(preset_lines(preset)))
    if not flags.lists:
        return int(ExitCode.COMPLETE)
    roots = roots_of(flags.data_root, preset)
    report = check_lists(flags.lists, roots, flags.max_samples, preset, flags.look)
    print("\n".join(report.lines()))
    return int(ExitCode.INCOMPLETE if report.problems else ExitCode.COMPLETE)
