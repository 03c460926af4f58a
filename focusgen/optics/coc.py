"""Circle of confusion and focus label: the one place where the thin-lens formula stands.

Operators only, so that numpy and torch arrays both pass. Imports numpy and nothing heavier, so that a
training data loader can use these functions instead of a copy of them::

    CoC(d) = f^2 / (N S) |d - S| / d          formula "paper": what training code recomputes (default)
    CoC(d) = f^2 / (N (S - f)) |d - S| / d    formula "exact": the thin lens focused at S
    focus  = 1 - clamp(CoC / max_coc, 0, 1)

References:
    Potmesil and Chakravarty 1982 (thin-lens circle of confusion); decision note 1 on the two formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import DepthRangeError
from focusgen.optics.arrays import Values

Formula = Literal["paper", "exact"]

MAX_RADIUS_OF_WIDTH = 0.1
"""Largest blur radius where none is given, as part of the width: larger is no picture, and takes for ever."""

FULL_FRAME_WIDTH_M = 36e-3
"""Width of a 35 mm film frame, the default sensor of the report's focal lengths."""

LAST_DEPTH = 0x7BFF  # bit pattern of the largest finite float16; 1 is the smallest positive one


@dataclass(frozen=True)
class Lens:
    """A thin lens focused at one distance; checked when it is built.

    Attributes:
        focal_length_m: f, metres.
        f_number: N, focal length over aperture diameter.
        focus_distance_m: S, metres from the lens; the law of `lenses` keeps S >= 2 f.
        formula: which denominator the circle of confusion uses.
    """

    focal_length_m: float
    f_number: float
    focus_distance_m: float
    formula: Formula = "paper"

    def __post_init__(self) -> None:
        for name in ("focal_length_m", "f_number", "focus_distance_m"):
            value = getattr(self, name)
            # Python floats only: an np.float64 scalar would promote the float32 depth.
            if type(value) is not float:
                raise TypeError(f"Lens.{name} must be a Python float, not {type(value).__name__}")
            if not (np.isfinite(value) and value > 0.0):
                raise ValueError(f"Lens.{name} must be finite and > 0, not {value}")
        if self.formula not in ("paper", "exact"):
            raise ValueError(f"Lens.formula must be 'paper' or 'exact', not {self.formula!r}")
        if self.formula == "exact" and self.focus_distance_m <= self.focal_length_m:
            raise ValueError("the exact formula needs a focus distance beyond the focal length")

    @property
    def coc_scale_m(self) -> float:
        """f^2 / (N S), or f^2 / (N (S - f)): CoC in metres of a point at infinity."""
        f, n, s = self.focal_length_m, self.f_number, self.focus_distance_m
        if self.formula == "exact":
            return f * f / (n * (s - f))
        return f * f / (n * s)

    @property
    def coc_per_diopter_m2(self) -> float:
        """The k of ``CoC = k |1/d - 1/S|``, in square metres: both formulas are linear in inverse depth."""
        return self.coc_scale_m * self.focus_distance_m


def coc_diameter_m(depth_m: Values, lens: Lens) -> Values:
    """Return the diameter of the blur disc on the sensor, per pixel.

    Args:
        depth_m: (..., H, W) floating numpy or torch array, metres along the optical axis. float32 depth
            read from the saved float16 gives the label's own bits. Not checked here: `check_depth_m`.

    Returns:
        Same shape and type as `depth_m`, metres on the sensor; 0 on the focal plane.
    """
    depth: Any = depth_m
    coc: Values = lens.coc_scale_m * abs(depth - lens.focus_distance_m) / depth
    return coc


def check_depth_m(depth_m: npt.NDArray[Any]) -> None:
    """Refuse depth that would turn into confident wrong labels.

    Raises:
        DepthRangeError: a depth is not finite or not positive. Holes are phase 3's to fill.
    """
    if depth_m.dtype == np.float16 and depth_m.size:
        # The positive finite float16 are the patterns 1 to LAST_DEPTH; arithmetic in halves is 70 x slower.
        bits = depth_m.view(np.uint16)
        if bits.min() >= 1 and bits.max() <= LAST_DEPTH:
            return
    bad = ~(np.isfinite(depth_m) & (depth_m > 0))
    n_bad = int(np.count_nonzero(bad))
    if n_bad:
        raise bad_depth(n_bad, depth_m.size)


def bad_depth(n_bad: int, n_all: int) -> DepthRangeError:
    """Return the error of depths of which no CoC can be told."""
    return DepthRangeError(
        f"{n_bad} of {n_all} depths are not finite or not positive",
        "focusgen repair makes depth maps anew that are not as phase 3 wrote them.",
    )


def focus_map(
    depth_m: npt.NDArray[np.float16], lens: Lens, max_coc_m: float, coc_limit_m: float | None = None
) -> npt.NDArray[np.float16]:
    """Return the focus label (1 = sharp, 0 = blurred by max_coc or more), exactly as published.

    Args:
        depth_m: (..., H, W) float16, metres, as saved by phase 3; finite and > 0.
        max_coc_m: CoC that maps to 0, metres on the sensor, > 0.
        coc_limit_m: CoC at which the renderer stopped; larger ones are labelled as this one.

    Returns:
        Same shape, float16 in [0, 1], bit for bit what anyone computes from the saved depth:
        `1.0 - np.clip((f*f/(N*S)) * np.abs(d-S)/d / max_coc, 0.0, 1.0)`, d float32, the others Python floats.
        With a limit, np.minimum(CoC, coc_limit_m) stands in the place of the CoC.

    Raises:
        DepthRangeError: a depth is not finite or not positive.
    """
    check_depth_m(depth_m)
    # A float16 has 65,536 values: one table per lens is 5 x faster than the formula (measured).
    table = focus_table(lens, float(max_coc_m), coc_limit_m)
    return np.take(table, depth_m.view(np.uint16))


def focus_map_by_formula(
    depth_m: npt.NDArray[np.float16], lens: Lens, max_coc_m: float, coc_limit_m: float | None = None
) -> npt.NDArray[np.float16]:
    """Return the label by the published expression, pixel by pixel: the reference for `focus_map`."""
    d = depth_m.astype(np.float32)
    coc = coc_diameter_m(d, lens)
    if coc_limit_m is not None:
        coc = np.minimum(coc, coc_limit_m)
    return np.asarray((1.0 - np.clip(coc / max_coc_m, 0.0, 1.0)).astype(np.float16))


@lru_cache(maxsize=16)
def focus_table(lens: Lens, max_coc_m: float, coc_limit_m: float | None = None) -> npt.NDArray[np.float16]:
    """Return the label of each of the 65,536 float16 bit patterns; read-only."""
    if not max_coc_m > 0.0:
        raise ValueError(f"max_coc must be > 0 m, not {max_coc_m}")
    depths_m = np.arange(1, LAST_DEPTH + 1, dtype=np.uint16).view(np.float16)
    table = np.full(65536, np.nan, np.float16)  # a pattern that is no depth; check_depth_m refuses it before
    with np.errstate(over="ignore"):  # a tiny max_coc: infinite blur is clipped to the label 0
        table[1 : LAST_DEPTH + 1] = focus_map_by_formula(depths_m, lens, max_coc_m, coc_limit_m)
    table.setflags(write=False)
    return table


def signed_blur_radius_px(
    depth_m: Values,
    lens: Lens,
    *,
    image_width_px: int,
    sensor_width_m: float = FULL_FRAME_WIDTH_M,
    max_coc_m: float | None = None,
) -> Values:
    """Return the radius of the blur disc on the image, + nearer than the focus plane, - farther.

    Args:
        depth_m: (..., H, W) floating numpy or torch array, metres.
        image_width_px: width that shows the whole sensor width.
        sensor_width_m: metres.
        max_coc_m: when given, the CoC is clipped there, so that picture and label saturate together.

    Returns:
        Same shape and type as `depth_m`, pixels.
    """
    depth: Any = depth_m
    coc = coc_diameter_m(depth, lens)
    if max_coc_m is not None:
        coc = coc.clip(0.0, max_coc_m)
    nearer = (depth < lens.focus_distance_m) * 2.0 - 1.0
    radius = coc * (image_width_px / (2.0 * sensor_width_m)) * nearer
    kept: Values = radius.astype(coc.dtype) if hasattr(radius, "astype") else radius.to(coc.dtype)
    return kept


def shown_width(sensor_long_side: float, width_px: int, height_px: int) -> float:
    """Return how much of a sensor the width of a frame shows, in the unit of the long side.

    Its long side lies along that of the frame: a camera that is turned for a portrait is the same one.
    """
    return sensor_long_side * (width_px / height_px) if width_px < height_px else sensor_long_side


def blur_diameter_px(
    coc_m: float, *, image_width_px: int, sensor_width_m: float = FULL_FRAME_WIDTH_M
) -> float:
    """Return a CoC in metres on the sensor as a diameter in pixels on the image."""
    return coc_m * image_width_px / sensor_width_m


def coc_of_radius_m(
    radius_px: float, *, image_width_px: int, sensor_width_m: float = FULL_FRAME_WIDTH_M
) -> float:
    """Return the CoC in metres on the sensor that shows as a blur radius in pixels on the image."""
    return 2.0 * radius_px * sensor_width_m / image_width_px
