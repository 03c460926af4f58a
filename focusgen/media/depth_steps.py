"""What whole numbers of depth tell of their own unit by the steps between them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from focusgen.media.depth_units import SATURATED, Numbers

MIN_LEVELS = 50
"""Numbers that a map has to use before their steps tell anything."""

MILLIMETRES_PER_METRE = 1000
REACH_MM, REACH_PERCENTILE = 12_000, 99.0
"""Depth cameras of rooms reach no farther: 4.5 to 10 m. Numbers above it are no millimetres."""

KINECT_STEP_PER_M = (2.4e-3, 3.2e-3)
"""Steps of inverse depth of Kinect and Xtion, an eighth of a pixel at 575 px and 75 mm; 2.7e-3 in TUM's."""

MAX_SPREAD = 0.25
"""Of the middle half of such steps, as part of their median; .06 in TUM's files."""


TURNED_BITS = 3
"""SUN3D and SUN RGB-D turn the 16 bits of millimetres to the left by so many."""


def look_turned(values: Numbers) -> bool:
    """Say whether all numbers of a map divide by 8, as millimetres do whose bits were turned by three."""
    levels = _levels(values) if values.dtype == np.uint16 else np.zeros(0, np.int64)
    return levels.size >= MIN_LEVELS and not (levels % (1 << TURNED_BITS)).any()


def are_counted(values: Numbers) -> bool:
    """Say whether the floats of a map are whole numbers, as millimetres and levels of grey are."""
    if values.dtype.kind != "f":
        return False
    measured = values[np.isfinite(values) & (values > 0)]
    return bool((measured == np.rint(measured)).all()) and np.unique(measured).size >= MIN_LEVELS


def tell_unit(values: Numbers, units_per_metre: float) -> bool:
    """Say whether numbers can hardly be millimetres: these times a factor, too far for them, or a Kinect's.

    Args:
        values: (H, W) whole numbers as they stand in the file.
        units_per_metre: which they are asked about.
    """
    levels = _levels(values)
    if levels.size < MIN_LEVELS:
        return False
    factor = units_per_metre / MILLIMETRES_PER_METRE
    if factor.is_integer() and factor > 1 and not (levels % int(factor)).any():
        return True
    measured = values[(values > 0) & (values != SATURATED)]
    if factor > 1 and np.percentile(measured, REACH_PERCENTILE) > REACH_MM:
        return True
    low, step, high = np.percentile(-np.diff(units_per_metre / levels), (25, 50, 75))
    return bool(KINECT_STEP_PER_M[0] <= step <= KINECT_STEP_PER_M[1] and high - low <= MAX_SPREAD * step)


def _levels(values: Numbers) -> npt.NDArray[np.int64]:
    """Return the numbers that a map uses, rising, without its marks for no depth."""
    levels = np.unique(values)
    return np.asarray(levels[(levels > 0) & (levels != SATURATED)], np.int64)
