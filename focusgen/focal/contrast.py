"""Contrast that changes from slice to slice, as cameras set it by what they see: found and taken back.

Blur takes contrast from a slice, too. So it shows only beside what a first depth draws: where slices differ
from that by how bright they are, and become alike when that is taken back, no depth was the cause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.classical import Estimate, rerender_error
from focusgen.focal.exposure import CLIPPED_SHARE, DARKEST
from focusgen.focal.fit import COARSE_PX, compared, redrawn
from focusgen.focal.light import linear_of, pixels_of
from focusgen.focal.misfit import robust_fit
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float64]

SMALLEST_STEP = 0.01
"""Exponents that differ by less between slices are left alone. 34 traced and photographed stacks without any
change show up to .003, under noise of .03 up to .02, and with 1.4 times the blur of their lens up to .1."""

CLEARLY_ALIKE = 0.96
"""Slices whose contrast was evened must differ from what their depth draws by less than this part of before:
without any change 1 and more, with noise .99, with another lens .94 to 1; with 6 % of change .61 to .93."""

MOST_ROUNDS = 2
"""A first depth explains a part of the change: two rounds find 9 tenths of it."""

FEWEST_PIXELS = 1000


@dataclass(frozen=True)
class Contrast:
    """How the tone curve of each slice differs from the usual one of all.

    Attributes:
        gains: (N,) natural logarithms of how much more light a slice shows at the middle.
        exponents: (N,) by how much more its logarithm of light grows with that of light.
        middle: natural logarithm of the light around which contrast turns.
    """

    gains: Floats
    exponents: Floats
    middle: float = 0.0

    @property
    def is_even(self) -> bool:
        """True if nothing has to be changed."""
        return not (self.gains.any() or self.exponents.any())

    @property
    def largest_step(self) -> float:
        """Return by how much more contrast one slice has than another, as a part."""
        return float(np.ptp(self.exponents))

    def evened(self, n: int, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return slice n, uint8 or uint16, with the usual contrast; clipped and black pixels stay."""
        if self.is_even:
            return pixels
        levels = np.arange(np.iinfo(pixels.dtype).max + 1).astype(pixels.dtype)
        seen = np.log(np.maximum(linear_of(levels).astype(np.float64), 1e-9)) - self.middle
        half = 0.5 * self.exponents[n]  # the exponent is that over the mean of both logarithms
        usual = ((1.0 - half) * seen - self.gains[n]) / (1.0 + half)
        table = pixels_of(np.minimum(np.exp(usual + self.middle), 1.0).astype(np.float32), pixels.dtype)
        stays = (levels == 0) | (levels >= CLIPPED_SHARE * levels[-1])
        return np.asarray(np.where(stays, levels, table)[pixels])

    def all_evened(self, stack: FocalStack) -> FocalStack:
        """Return a stack of slices that have the usual contrast."""
        return replace(stack, slices=np.stack([self.evened(n, one) for n, one in enumerate(stack.slices)]))

    def with_more(self, more: Contrast) -> Contrast:
        """Return both changes as one."""
        gains = more.gains + self.gains + self.exponents * (more.middle - self.middle)
        return Contrast(gains, self.exponents + more.exponents, more.middle)


def no_contrast(n_slices: int) -> Contrast:
    """Return that nothing has to be changed."""
    return Contrast(np.zeros(n_slices), np.zeros(n_slices))


class Found(NamedTuple):
    """Depth, the slices that it was found in, and what was taken back of differences in contrast."""

    estimate: Estimate
    stack: FocalStack
    contrast: Contrast


def found_evenly(stack: FocalStack, find_depth: Callable[[FocalStack], Estimate]) -> Found:
    """Return what is found in slices of one contrast; the very same slices where that does not differ.

    Args:
        stack: slices whose exposure was evened; of an unknown lens they stay.
        find_depth: called again where contrast was found to differ.
    """
    found = Found(find_depth(stack), stack, no_contrast(len(stack)))
    if stack.radius_px_m is None:
        return found
    for _ in range(MOST_ROUNDS):
        more = measure_contrast(found.stack, found.estimate.diopters)
        if more.largest_step < SMALLEST_STEP:
            return found
        contrast = found.contrast.with_more(more)
        evened = contrast.all_evened(stack)
        again = Found(find_depth(evened), evened, contrast)
        if _left(again) > CLEARLY_ALIKE * _left(found):
            return found
        found = again
    return found


def _left(found: Found) -> float:
    return rerender_error(found.stack, found.estimate.diopters)


def measure_contrast(stack: FocalStack, diopters: npt.NDArray[np.float32]) -> Contrast:
    """Return how slices differ by brightness from what a depth draws; even where too little is seen.

    Args:
        stack: aligned slices of a known lens.
        diopters: (H, W) inverse depth.
    """
    import cv2

    small = compared(stack)
    height, width = small.slices.shape[1:3]
    shown = cv2.resize(diopters, (width, height), interpolation=cv2.INTER_AREA)
    pairs = [_logs(light, drawn) for light, drawn, _ in redrawn(small, np.asarray(shown, np.float32))]
    if min(len(pair) for pair in pairs) < FEWEST_PIXELS:
        return no_contrast(len(stack))
    middle = float(np.median(np.concatenate(pairs)))
    found = np.array([_difference(pair, middle) for pair in pairs])
    gains, exponents = (found - found.mean(0)).T
    return Contrast(gains, exponents, middle)


def _logs(light: npt.NDArray[np.float32], drawn: npt.NDArray[np.float32]) -> Floats:
    """Return (pixels, 2) logarithms of light that was seen and drawn, without dark and clipped pixels."""
    import cv2

    is_clipped = (light >= linear_of(np.array([CLIPPED_SHARE * 255.0], np.uint8))).astype(np.float32)
    seen, made, clipped = (cv2.GaussianBlur(one, (0, 0), COARSE_PX) for one in (light, drawn, is_clipped))
    is_used = (seen > DARKEST) & (made > DARKEST) & (clipped < DARKEST)
    return np.log(np.stack([seen[is_used], made[is_used]], 1).astype(np.float64))


def _difference(logs: Floats, middle: float) -> Floats:
    """Return gain and exponent of what was seen beside what was drawn."""
    terms = np.stack([np.ones(len(logs)), logs.mean(1) - middle], 1)
    return np.asarray(robust_fit(terms, logs[:, 0] - logs[:, 1])[0])
