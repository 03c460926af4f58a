"""What the numbers of a depth file mean: their unit and marks for "no depth", and how they become metres."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError, UndecidedInputError

DepthMap = npt.NDArray[np.float32]
"""(H, W) float32, metres; NaN where nothing was measured, +inf where it is beyond all measure (sky)."""

Numbers = npt.NDArray[Any]
"""(H, W) numbers as a file holds them."""

PLAUSIBLE_MEDIAN_M = (0.05, 500.0)
"""Medians of a scene that people film: a macro shot, a landscape; outside, the unit is usually another."""

STRANGELY_FAR_M = 1e4
"""Farther than cameras see anything of: more often a mark for no depth."""

SATURATED = 65535
"""What a 16-bit sensor or writer puts where the depth is larger than it can say."""

SCALE_ADVICE = (
    "Say how many units make one metre, e.g. --depth_scale 1000 (millimetres; or --depth.unit mm), "
    "100 (centimetres), 256 (KITTI), 5000 (TUM)."
)


NEITHER_ADVICE = (
    " If neither is plausible: is --depth_scale another number, or does this one mean no depth "
    "(--depth.invalid_value {:.6g})?"
)


@dataclass(frozen=True)
class DepthOptions:
    """How the files of a person's own depth are to be read.

    Attributes:
        depth_scale: units per metre that somebody stated; None: whole numbers are refused, floats are metres.
        scale_floats: whether it divides floats too; None: where only one of the two is plausible.
        invalid_values: numbers, as they stand in the file, that mean "no depth".
        ray_distance_focal_px: focal length in pixels of the map, if it holds distances along the rays.
        ray_focal_per_width: the same as a part of the map's width, for maps of any size.
        far_from_m: from which number on, in metres, a data set means "beyond all measure" (sky).
        channel: of an EXR file, where its names do not tell.
        key: of an npz or HDF5 file, where its names do not tell.
    """

    depth_scale: float | None = None
    scale_floats: bool | None = None
    invalid_values: tuple[float, ...] = ()
    ray_distance_focal_px: float | None = None
    ray_focal_per_width: float | None = None
    far_from_m: float | None = None
    channel: str | None = None
    key: str | None = None

    def ray_focal_px(self, width: int) -> float | None:
        """Return the focal length of maps of a width that hold distances along rays; None if they do not."""
        if self.ray_distance_focal_px is not None:
            return self.ray_distance_focal_px
        return None if self.ray_focal_per_width is None else self.ray_focal_per_width * width


@dataclass(frozen=True)
class DepthReading:
    """One map and what was noticed while it was read.

    Attributes:
        depth_m: the map.
        unit: the unit of its numbers, for people.
        saturated: (H, W) which pixels stand at the largest 16-bit number; None where none does.
    """

    depth_m: DepthMap
    unit: str
    saturated: npt.NDArray[np.bool_] | None


def is_plausible_median(median_m: float) -> bool:
    """Say whether a scene may have this median depth."""
    return PLAUSIBLE_MEDIAN_M[0] <= median_m <= PLAUSIBLE_MEDIAN_M[1]


def check_numbers(dtype: np.dtype[Any]) -> None:
    """Refuse a type of numbers that cannot be depth.

    Raises:
        CorruptInputError: 8 bits, truth values, complex numbers, objects.
    """
    if dtype.kind in "iu" and dtype.itemsize == 1:
        raise CorruptInputError(
            f"numbers of 8 bits ({dtype}) are a picture of depth, no metric depth",
            "Give the depth that the picture was made from: floats in metres, or whole numbers of 16 bits or "
            "more with --depth_scale.",
        )
    if dtype.kind not in "fiu":
        raise CorruptInputError(
            f"an array of {dtype} is no depth",
            "Give floating point numbers in metres, or whole numbers with --depth_scale (units per metre).",
        )


def units_per_metre(values: Numbers, options: DepthOptions) -> float | None:
    """Return by what the numbers are to be divided, None if a map without any depth cannot tell.

    Raises:
        UndecidedInputError: whole numbers without a stated scale; floats that are plausible metres both
            with and without the stated scale.
    """
    scale = options.depth_scale
    if values.dtype.kind != "f":
        if scale is None:
            raise UndecidedInputError(
                f"whole numbers ({values.dtype}), and nobody says of which unit", SCALE_ADVICE
            )
        return scale
    if scale is None or scale == 1.0 or options.scale_floats is False:
        return 1.0
    if options.scale_floats:
        return scale
    return _judged(values, options, scale)


def _judged(values: Numbers, options: DepthOptions, scale: float) -> float | None:
    """Return 1 or the stated scale for floats, whichever alone gives a scene that somebody could film."""
    measured = values[np.isfinite(values) & (values > 0) & ~_is_marked(values, options.invalid_values)]
    if not measured.size:
        return None
    median = float(np.median(measured))
    as_metres, as_units = is_plausible_median(median), is_plausible_median(median / scale)
    if as_metres == as_units:
        raise UndecidedInputError(
            f"floats with a median of {median:.4g}: {median:.4g} m if they are metres, "
            f"{median / scale:.4g} m if depth_scale ({scale:g} per metre) holds for floats too",
            "Say which: --depth.scale_floats false (they are metres) or --depth.scale_floats true."
            + ("" if as_metres else NEITHER_ADVICE.format(median)),
        )
    return 1.0 if as_metres else scale


def read_numbers(values: Numbers, options: DepthOptions, divisor: float) -> DepthReading:
    """Return the map that a file's numbers stand for.

    Args:
        values: as they stand in the file.
        options: how to read them.
        divisor: from `units_per_metre`.
    """
    is_float = values.dtype.kind == "f"
    depth_m = _floats_as_metres(values, divisor) if is_float else _integers_as_metres(values, divisor)
    if options.invalid_values:
        depth_m[_is_marked(values, options.invalid_values)] = np.nan
    if options.far_from_m is not None:
        depth_m[depth_m >= options.far_from_m] = np.inf
    focal_px = options.ray_focal_px(depth_m.shape[1])
    if focal_px is not None:
        depth_m *= _planar_share(depth_m.shape, focal_px)
    unit = "metres" if is_float and divisor == 1.0 else f"{divisor:g} per metre"
    return DepthReading(depth_m, f"{unit} ({values.dtype.name})", _saturated(values, options, divisor))


def _floats_as_metres(values: Numbers, divisor: float) -> DepthMap:
    with np.errstate(over="ignore", invalid="ignore"):
        if divisor != 1.0:
            values = values / np.result_type(values.dtype, np.float32).type(divisor)  # no half holds 3.28084
        depth_m = np.array(values, dtype=np.float32, order="C")
        if not depth_m.min() > 0.0:  # rarely: the comparison of every pixel costs more than the minimum
            depth_m[~(depth_m > 0.0)] = np.nan
        if values.dtype.itemsize > depth_m.itemsize and depth_m.max() == np.inf:
            # A number, however large, is not infinity: it is refused later by its value.
            depth_m[np.isinf(depth_m) & np.isfinite(values)] = np.finfo(np.float32).max
    return depth_m


def _integers_as_metres(values: Numbers, divisor: float) -> DepthMap:
    depth_m = np.asarray(values / divisor, dtype=np.float32)
    depth_m[values <= 0] = np.nan
    return np.ascontiguousarray(depth_m)


def _is_marked(values: Numbers, marks: tuple[float, ...]) -> npt.NDArray[np.bool_]:
    """Return where a number is one of the marks for "no depth", compared as the file can say it."""
    is_marked = np.zeros(values.shape, bool)
    with np.errstate(over="ignore"):
        for mark in marks:
            is_marked |= values == (values.dtype.type(mark) if values.dtype.kind == "f" else mark)
    return is_marked


def _saturated(values: Numbers, options: DepthOptions, divisor: float) -> npt.NDArray[np.bool_] | None:
    is_sixteen_bit = values.dtype.kind == "u" and values.dtype.itemsize == 2
    if not is_sixteen_bit or SATURATED in options.invalid_values or values.max() != SATURATED:
        return None
    if options.far_from_m is not None and SATURATED / divisor >= options.far_from_m:
        return None  # the data set says what it means
    return np.asarray(values == SATURATED)


@functools.lru_cache(maxsize=2)
def _planar_share(shape: tuple[int, int], focal_px: float) -> npt.NDArray[np.float32]:
    """Return depth along the axis over distance along the ray, of a camera that looks through its centre."""
    y = np.arange(shape[0], dtype=np.float64)[:, None] - (shape[0] - 1) / 2.0
    x = np.arange(shape[1], dtype=np.float64)[None, :] - (shape[1] - 1) / 2.0
    return (focal_px / np.sqrt(x * x + y * y + focal_px * focal_px)).astype(np.float32)


def unit_text(unit: str, median_m: float) -> str:
    """Return e.g. "1000 per metre, median 2.4 m (uint16)"."""
    words, _, kind = unit.partition(" (")
    shown = f"{median_m:.3g}" if math.isfinite(median_m) and median_m < 1000.0 else f"{median_m:.0f}"
    return f"{words}, median {shown} m" + (f" ({kind}" if kind else "")
