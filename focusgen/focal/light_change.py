"""Light that changes from slice to slice otherwise than by a gain: found and taken back.

Cameras set contrast by what they see, and corners grow darker as a lens focuses. Blur takes contrast from a
slice, too, so both show only beside what a first depth draws: where slices differ from that by brightness or
by distance from the centre, and become alike when that is taken back, no depth was the cause.
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
from focusgen.focal.misfit import fit_of, from_centre, robust_fit
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float64]

CONTRAST_STEP, CORNER_STEP = 0.01, 0.02
"""Exponents and corners that differ by less between slices are left alone. 18 traced and photographed stacks
without a change show up to .007 and .016, under noise of .03 up to .018 and .014, and with 1.4 times the blur
of their lens up to .1 and .06."""

CLEARLY_ALIKE = 0.96
"""Slices that were evened must differ from what their depth draws by less than this part of before: without
any change 1 and more, with noise .99, with another lens .94 to 1; with contrast that changes by 6 % .61 to
.93, with corners that do by 10 % .75 to .91."""

MOST_ROUNDS = 2
"""A first depth explains a part of the change: two rounds find 9 tenths of it."""

FEWEST_PIXELS = 1000


@dataclass(frozen=True)
class LightChange:
    """How the light of each slice differs from what is usual among all: natural logarithms, (N,) each.

    Attributes:
        gains: more light at the middle of the logarithms of light.
        exponents: by how much more the logarithm of light grows with that of light.
        corners: more light in the corners than in the centre; it grows with the squared distance.
        middle: the logarithm of light around which contrast turns.
    """

    gains: Floats
    exponents: Floats
    corners: Floats
    middle: float = 0.0

    @property
    def is_even(self) -> bool:
        """True if nothing has to be changed."""
        return not (self.gains.any() or self.exponents.any() or self.corners.any())

    @property
    def contrast_step(self) -> float:
        """Return by how much more contrast one slice has than another, as a part."""
        return float(np.ptp(self.exponents))

    @property
    def corner_step(self) -> float:
        """Return by how much lighter the corners of one slice are than those of another, as a part."""
        return float(np.expm1(np.ptp(self.corners)))

    @property
    def may_be_seen(self) -> bool:
        """True if it is more than slices without a change show."""
        return self.contrast_step > CONTRAST_STEP or self.corner_step > CORNER_STEP

    def evened(self, n: int, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return slice n, (H, W, 3) uint8 or uint16, in the usual light; clipped and black pixels stay."""
        if self.is_even:
            return pixels
        levels = np.arange(np.iinfo(pixels.dtype).max + 1).astype(pixels.dtype)
        seen = np.log(np.maximum(linear_of(levels).astype(np.float64), 1e-9)) - self.middle
        half = 0.5 * self.exponents[n]  # the exponent is that over the mean of both logarithms
        usual = np.exp(((1.0 - half) * seen - self.gains[n]) / (1.0 + half) + self.middle).astype(np.float32)
        corners = np.exp(-self.corners[n] / (1.0 + half) * from_centre(*pixels.shape[:2])).astype(np.float32)
        stays = (levels == 0) | (levels >= CLIPPED_SHARE * levels[-1])
        out = np.empty_like(pixels)
        for channel in range(pixels.shape[2]):  # one at a time: slices may have 20 megapixels
            shown = pixels[..., channel]
            evened = pixels_of(np.minimum(usual[shown] * corners, 1.0), pixels.dtype)
            out[..., channel] = np.where(stays[shown], shown, evened)
        return out

    def all_evened(self, stack: FocalStack) -> FocalStack:
        """Return a stack of slices in the usual light."""
        return replace(stack, slices=np.stack([self.evened(n, one) for n, one in enumerate(stack.slices)]))

    def with_more(self, more: LightChange) -> LightChange:
        """Return both changes as one."""
        gains = more.gains + self.gains + self.exponents * (more.middle - self.middle)
        exponents, corners = self.exponents + more.exponents, self.corners + more.corners
        return LightChange(gains, exponents, corners, more.middle)


def no_change(n_slices: int) -> LightChange:
    """Return that nothing has to be changed."""
    zeros = np.zeros(n_slices)
    return LightChange(zeros, zeros, zeros)


class Found(NamedTuple):
    """Depth, the slices that it was found in, and what was taken back of changes of light between them."""

    estimate: Estimate
    stack: FocalStack
    change: LightChange


def found_in_even_light(stack: FocalStack, find_depth: Callable[[FocalStack], Estimate]) -> Found:
    """Return what is found in slices of one light; the very same slices where that does not change.

    Args:
        stack: slices whose exposure was evened; of an unknown lens they stay.
        find_depth: called again where light was found to change.
    """
    found = Found(find_depth(stack), stack, no_change(len(stack)))
    if stack.radius_px_m is None:
        return found
    for _ in range(MOST_ROUNDS):
        more = measure_change(found.stack, found.estimate.diopters)
        if not more.may_be_seen or _is_otherwise_wrong(found):
            return found
        change = found.change.with_more(more)
        evened = change.all_evened(stack)
        again = Found(find_depth(evened), evened, change)
        if _left(again) > CLEARLY_ALIKE * _left(found):
            return found
        found = again
    return found


def _is_otherwise_wrong(found: Found) -> bool:
    """Say whether another lens or order explains the slices: they would not fit in even light either."""
    fit = fit_of(found.stack, found.estimate.diopters)
    return fit.factor != 1.0 or bool(fit.misfit.orders)


def _left(found: Found) -> float:
    return rerender_error(found.stack, found.estimate.diopters)


def measure_change(stack: FocalStack, diopters: npt.NDArray[np.float32]) -> LightChange:
    """Return how slices differ in light from what a depth draws, however little that is.

    Args:
        stack: aligned slices of a known lens.
        diopters: (H, W) inverse depth.
    """
    import cv2

    small = compared(stack)
    height, width = small.slices.shape[1:3]
    shown = cv2.resize(diopters, (width, height), interpolation=cv2.INTER_AREA)
    seen = [_seen(light, drawn) for light, drawn, _ in redrawn(small, np.asarray(shown, np.float32))]
    if min(len(one) for one in seen) < FEWEST_PIXELS:
        return no_change(len(stack))
    middle = float(np.median(np.concatenate([one[:, 0] for one in seen])))
    found = np.array([_difference(one, middle) for one in seen])
    gains, exponents, corners = (found - found.mean(0)).T
    return LightChange(gains, exponents, corners, middle)


def _seen(light: npt.NDArray[np.float32], drawn: npt.NDArray[np.float32]) -> Floats:
    """Return (pixels, 3), without dark and clipped ones: logarithm of seen and drawn light, place."""
    import cv2

    is_clipped = (light >= linear_of(np.array([CLIPPED_SHARE * 255.0], np.uint8))).astype(np.float32)
    seen, made, clipped = (cv2.GaussianBlur(one, (0, 0), COARSE_PX) for one in (light, drawn, is_clipped))
    is_used = (seen > DARKEST) & (made > DARKEST) & (clipped < DARKEST)
    place = from_centre(*light.shape)
    return np.stack([np.log(seen[is_used]), np.log(made[is_used]), place[is_used]], 1).astype(np.float64)


def _difference(seen: Floats, middle: float) -> Floats:
    """Return gain, exponent and corner of what was seen beside what was drawn."""
    terms = np.stack([np.ones(len(seen)), seen[:, :2].mean(1) - middle, seen[:, 2]], 1)
    return np.asarray(robust_fit(terms, seen[:, 0] - seen[:, 1])[0])
