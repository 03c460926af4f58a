"""A focal stack in memory, and the lens that turns blur into distance.

Everything is linear in inverse distance: the blur radius of a point at d in a slice focused at S is
k |1/d - 1/S| pixels, with one k per stack. So distances are kept as diopters (1/m), infinity as 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.optics.coc import FULL_FRAME_WIDTH_M, Formula

Floats = npt.NDArray[np.float32]

TELLABLE_PX = 0.25
"""Smallest change of a blur radius that a picture shows; measured on ray-traced stacks."""

TELLABLE_SHARE = 0.1
"""Depth counts as identifiable where an error of this share changes the blur by `TELLABLE_PX`."""

FARTHEST_M, BEYOND_SLICES = 1000.0, 3.0
"""Infinity is written as so many metres, or as so many times the farthest slice that is not focused there,
whichever is more: a depth map holds finite metres."""


@dataclass(frozen=True)
class StackLens:
    """What every slice of a stack was taken through.

    Attributes:
        focal_length_m: f, metres.
        f_number: N.
        sensor_width_m: width of the sensor that the pictures show.
        formula: "paper": the pictures share one magnification (breathing was compensated); "exact": the
            magnification is that of a lens focused at `reference_m`.
        reference_m: focus distance of the slice to which the others were aligned; used by "exact" only.
    """

    focal_length_m: float
    f_number: float
    sensor_width_m: float = FULL_FRAME_WIDTH_M
    formula: Formula = "paper"
    reference_m: float | None = None

    def radius_px_m(self, width_px: int) -> float:
        """Return k of radius_px = k |1/d - 1/S|, in px m."""
        f = self.focal_length_m
        k = f * f / (2.0 * self.f_number) * width_px / self.sensor_width_m
        if self.formula == "exact" and self.reference_m is not None and np.isfinite(self.reference_m):
            k *= self.reference_m / (self.reference_m - f)
        return k

    def identifiable_to_m(self, width_px: int) -> float:
        """Return how far it can tell depth."""
        return identifiable_to_m(self.radius_px_m(width_px))


def identifiable_to_m(radius_px_m: float) -> float:
    """Return the depth up to which an error of a tenth shows as a quarter pixel of blur."""
    return TELLABLE_SHARE * radius_px_m / TELLABLE_PX


@dataclass(frozen=True)
class FocalStack:
    """Aligned slices, nearest focus first.

    Attributes:
        slices: (N, H, W, 3) uint8 or uint16 display pixels.
        diopters: (N,) inverse focus distances, falling.
        radius_px_m: blur radius in px per diopter; None without a known lens.
    """

    slices: npt.NDArray[Any]
    diopters: npt.NDArray[np.float64]
    radius_px_m: float | None

    def __len__(self) -> int:
        return len(self.diopters)

    @property
    def span(self) -> float:
        """Diopters between the nearest and the farthest slice."""
        return float(self.diopters.max() - self.diopters.min())

    @property
    def farthest_m(self) -> float:
        """What infinity is written as, and all that lies farther."""
        nearest_diopter = float(self.diopters[self.diopters > 0].min(initial=np.inf))
        return max(FARTHEST_M, BEYOND_SLICES / nearest_diopter)

    def nearest_radius_px(self, diopters: Floats) -> Floats:
        """Return the blur radius of each pixel, (H, W), in the slice that shows it sharpest."""
        assert self.radius_px_m is not None, "the caller has a lens"
        least = np.full(diopters.shape, np.inf, np.float32)
        for focus in self.diopters:
            np.minimum(least, np.abs(diopters - np.float32(focus)), out=least)
        return least * np.float32(self.radius_px_m)


def shrunk(stack: FocalStack, factor: float) -> FocalStack:
    """Return the same stack with sides smaller by a factor; itself for 1."""
    if factor == 1.0:
        return stack
    import cv2

    height, width = stack.slices.shape[1:3]
    target = (max(2, round(width / factor)), max(2, round(height / factor)))
    slices = np.stack([cv2.resize(one, target, interpolation=cv2.INTER_AREA) for one in stack.slices])
    gain = None if stack.radius_px_m is None else stack.radius_px_m * target[0] / width
    return FocalStack(slices, stack.diopters, gain)


def unshrunk(small: npt.NDArray[Any], size: tuple[int, int], *, is_hard: bool = False) -> npt.NDArray[Any]:
    """Return a map or picture of working size at the full size, (height, width), that it was shrunk from.

    It grows by the whole factor of `opened.shrunk_picture`; what that cut off at the right and below takes
    the last row and column. Pixels are interpolated, or repeated where `is_hard`.
    """
    import cv2

    rows, columns = small.shape[:2]
    factor = min(size[0] // rows, size[1] // columns)
    how = cv2.INTER_NEAREST if is_hard else cv2.INTER_LINEAR
    whole = np.asarray(cv2.resize(small, (columns * factor, rows * factor), interpolation=how))
    rest = ((0, size[0] - rows * factor), (0, size[1] - columns * factor), (0, 0))
    return np.pad(whole, rest[: whole.ndim], "edge")


def metres_of(diopters: npt.NDArray[Any], farthest_m: float = FARTHEST_M) -> Floats:
    """Return finite metres of inverse depth; of a stack, `farthest_m` is its own."""
    return np.asarray(1.0 / np.maximum(diopters, 1.0 / farthest_m), np.float32)
