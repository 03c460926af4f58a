"""Report on a file list: samples, missing files, ranges, what depth its lenses can tell, and leakage.

With --config, print what a preset of configs/focal can tell instead. Ends with 3 if a file is missing, a line
says what it may not, or one scene lies in two splits.
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


FLAGS = CheckFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal check`."""
    flags = parse(FLAGS, renamed(argv, {}), prog="focusgen focal check", doc=__doc__).flags
    if not flags.lists and flags.config is None:
        raise ConfigError("focusgen focal check needs a list or --config", "See focusgen focal check --help.")
    if flags.max_samples < 0:
        raise ConfigError(f"--max_samples must be at least 0, not {flags.max_samples}")
    from focusgen.focal.presets import load_preset, roots_of
    from focusgen.tools.focal_check import check_lists, preset_lines

    preset = None if flags.config is None else load_preset(flags.config)
    if preset is not None:
        print("\n".join(preset_lines(preset)))
    if not flags.lists:
        return int(ExitCode.COMPLETE)
    report = check_lists(flags.lists, roots_of(flags.data_root, preset), flags.max_samples, preset)
    print("\n".join(report.lines()))
    return int(ExitCode.INCOMPLETE if report.problems else ExitCode.COMPLETE)
