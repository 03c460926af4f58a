"""Draw a focal stack from one sharp picture with depth, with occlusion, in linear light.

Writes slice_00.png ... from near to far as given, aif.png, depth.npy, and stack.json with distances and lens.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from focusgen.base.errors import ConfigError
from focusgen.commands.focal import ALIASES, renamed
from focusgen.config.flags import Flags, option, parse, required
from focusgen.optics.transfer import Transfer


@dataclass(frozen=True)
class FocalRenderFlags(Flags):
    """Which picture, focused where, through which lens."""

    aif: Path = required("the sharp picture")
    depth: Path = required("metres: npz, npy, 16-bit png, exr")
    focus_distances: str = required("metres: 0.5,1,inf")
    output: Path = required("folder for the slices (-o)")
    focal_length: float = option(50.0, "millimetres")
    f_number: float = option(2.0, "f-number (--aperture)")
    sensor_width: float | None = option(
        None, "millimetres that the picture's width shows (--sensor-size); default: 36 along its long side"
    )
    formula: Literal["paper", "exact"] = option("paper", "denominator of the circle of confusion")
    transfer: Transfer = option("gamma22", "curve of the picture: srgb for photographs, gamma22 for synth's")
    depth_scale: float = option(1000.0, "units per metre of whole numbers")
    device: str = option("cpu", "where to compute")


FLAGS = FocalRenderFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen focal render`."""
    flags = parse(FLAGS, renamed(argv, ALIASES), prog="focusgen focal render", doc=__doc__).flags
    from focusgen.focal.distances import parse_distances
    from focusgen.focal.lens_checks import check_lens
    from focusgen.focal.stack import StackLens
    from focusgen.tools.focal_render import SharpView, write_stack

    if not 0.0 < flags.depth_scale < float("inf"):
        raise ConfigError(f"--depth_scale must be > 0 units per metre, not {flags.depth_scale:g}")
    check_lens(flags.focal_length, flags.f_number, flags.sensor_width, "focal render")
    lens = StackLens(flags.focal_length / 1e3, flags.f_number, formula=flags.formula)
    distances_m = parse_distances(flags.focus_distances, "--focus-distances")
    sensor_width_m = None if flags.sensor_width is None else flags.sensor_width / 1e3
    view = SharpView(flags.aif, flags.depth, flags.depth_scale, flags.transfer, sensor_width_m)
    tell = functools.partial(print, "note:", file=sys.stderr)
    for path in write_stack(view, distances_m, lens, flags.output, device=flags.device, note=tell):
        print(path)
    return 0
