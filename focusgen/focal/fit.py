"""Do the slices fit the lens and the distances that were given for them?

Depth explains a stack: blurred by it, the sharp picture gives every slice again. A lens that is not theirs,
distances in another order, slices that move or are copies leave differences that no depth explains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.focal.blur_bank import BlurBank
from focusgen.focal.fusion import fuse
from focusgen.focal.light import grey, linear_of
from focusgen.focal.sharpness import depth_from_focus
from focusgen.focal.stack import FocalStack, shrunk

Floats = npt.NDArray[np.float32]

COARSE_PX = 2.0
"""Differences are smoothed by this sigma first: noise goes, blur that is wrong stays."""

FITS = 0.8
"""Unexplained share from which slices do not fit. Traced stacks of five slices: .2 to .5, under noise of
sigma .04 up to .75; two slices: .2 to .7. Half of the blur: .7 to .9; twice: 1.2 to 2; two slices exchanged:
.85 to 1.1; copies of one picture: far above."""

WEAK_SPAN_PX, FITS_WEAK = 4.0, 2.5
"""Where blur changes by less from the nearest slice to the farthest, little differs, and what is left says
nothing: 20 drawn stacks of 1 to 4 px left 0 to 2.4, moved ones .8 to 1.8. Copies are far above."""

EVEN_SHARE = 0.03
"""Lines at the border of a picture in which values differ by less, in all slices, are bars."""

VISIBLE = 0.002
"""Mean relative difference of light below which there is nothing to explain."""

FITS_CLEARLY = 0.4
"""Of depth by sharpness alone: a lens that leaves less is right. 48 traced and drawn stacks leave .31 in the
median; told a lens of twice or half their blur, .50 and more."""

FACTORS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
DOUBTED, CLEARLY_BETTER = (0.25, 0.5, 0.7, 1.4, 2.0, 4.0), 0.75
"""A lens is wrong where one of such factors leaves less than this part of what the lens itself leaves. Of 114
drawn stacks, half of them noisy and compressed, the least part was .91; with 1 / 1.6 of their blur, as a
smaller sensor than was said gives, two in three lay below .75, with 1.6 times of it all but one."""

FAR_FACTORS = (8.0, 16.0, 32.0, 64.0, 128.0)
"""Looked at where blur should hardly change (`WEAK_SPAN_PX`), as between inches or centimetres taken for
metres. These left .29 to .59 of what such a lens left on four traced stacks; those that were drawn with so
little blur, noisy and moving ones among them, left 1 and more."""

BETTER_LENS = 0.95
"""Of two lenses that a stack may well have, the less likely one is taken where it leaves less than this part
of what the other leaves: 2 % of the same stacks decided wrongly, for blur that differs by a sixth."""

FEWEST_SLICES = 3
"""Between two slices nothing is seen to be sharp: depth without a lens is not to be had."""

COMPARED_PIXELS, COMPARED_SPAN_PX = 30_000, (5.0, 16.0)
"""Larger stacks are shrunk to that many pixels; but blur changes by so many px between the end slices."""


def redrawn(
    stack: FocalStack, diopters: Floats, rgb: npt.NDArray[Any] | None = None
) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Yield of each slice its light, the light that a depth gives it, and what differences are relative to.

    Args:
        stack: slices of a known lens.
        diopters: (H, W) inverse depth.
        rgb: slices fused by that depth, where the caller has them.
    """
    assert stack.radius_px_m is not None, "the caller has a lens"
    bank = BlurBank(grey(linear_of(fuse(stack, diopters).rgb if rgb is None else rgb)))
    for pixels, focus in zip(stack.slices, stack.diopters, strict=True):
        light = grey(linear_of(pixels))
        drawn = bank.blurred_by(stack.radius_px_m * np.abs(diopters - np.float32(focus)))
        yield light, drawn, 0.04 + 0.5 * (np.abs(drawn) + light)


def unexplained_share(stack: FocalStack, diopters: Floats) -> float:
    """Return how much of what differs between slices is left when each is drawn from depth.

    Args:
        stack: slices of a known lens.
        diopters: (H, W) inverse depth.

    Returns:
        0: all is explained, or nothing is there to explain; 1: as much is left as there was.
    """
    left, differs = left_and_there(stack, diopters)
    return left / max(differs, 1e-6) if left > VISIBLE * len(stack) else 0.0


def left_and_there(stack: FocalStack, diopters: Floats) -> tuple[float, float]:
    """Return how much light differs between slices and what depth draws, and between slices and their mean.

    Args:
        stack: slices of a known lens.
        diopters: (H, W) inverse depth.
    """
    import cv2

    usual = sum((grey(linear_of(pixels)) for pixels in stack.slices), np.float32(0.0)) / np.float32(
        len(stack)
    )
    inside = _between_bars(stack, diopters)
    left = differs = 0.0
    for light, drawn, scale in redrawn(stack, diopters):
        left += float((np.abs(cv2.GaussianBlur(drawn - light, (0, 0), COARSE_PX)) / scale)[inside].mean())
        differs += float((np.abs(cv2.GaussianBlur(light - usual, (0, 0), COARSE_PX)) / scale)[inside].mean())
    return left, differs


def usual_share(stack: FocalStack) -> float:
    """Return the share up to which slices of a known lens fit."""
    assert stack.radius_px_m is not None, "the caller has a lens"
    return FITS_WEAK if stack.radius_px_m * stack.span < WEAK_SPAN_PX else FITS


def blur_factor(stack: FocalStack) -> float:
    """Return how many times the blur of its lens a stack shows; exactly 1 where the lens may well be right.

    Sharpness alone tells depth roughly, whatever the lens: drawn from that, slices tell the lens.

    Args:
        stack: slices of a known lens.

    Returns:
        One of `FACTORS` or `FAR_FACTORS`; the ends stand for all that is beyond. Focus distances that are all
        wrong by a factor look alike. 1 for two slices, which cannot tell.
    """
    assert stack.radius_px_m is not None, "the caller has a lens"
    if len(stack) < FEWEST_SLICES:
        return 1.0
    far = _far_factor(stack, stack.radius_px_m)
    if far != 1.0:
        return far
    left = _left_by_factor(stack)
    if left(1.0) < FITS_CLEARLY or min(map(left, DOUBTED)) >= CLEARLY_BETTER * left(1.0):
        return 1.0
    return min(FACTORS, key=left)


def _far_factor(stack: FocalStack, gain: float) -> float:
    """Return how many times the blur a stack shows that should hardly have any: 1, or a far factor."""
    if gain * stack.span >= WEAK_SPAN_PX:
        return 1.0

    def left(factor: float) -> float:
        """As a part of what the lens leaves; at a size at which that much blur is seen."""
        by_factor = _left_by_factor(replace(stack, radius_px_m=factor * gain))
        of_lens = by_factor(1.0 / factor)
        return by_factor(1.0) / of_lens if of_lens > FITS_CLEARLY else 1.0

    least, best = min((left(factor), factor) for factor in FAR_FACTORS)
    return best if least < CLEARLY_BETTER else 1.0


def shows_times_the_blur(stack: FocalStack, factor: float) -> bool:
    """Say whether a stack fits a lens of `factor` times the blur better than its own; never of two slices."""
    if len(stack) < FEWEST_SLICES:
        return False
    left = _left_by_factor(stack)
    return left(factor) < BETTER_LENS * left(1.0)


def _left_by_factor(stack: FocalStack) -> Callable[[float], float]:
    """Return what a lens of so many times the blur leaves unexplained; depth is found without any lens."""
    small = compared(stack)
    assert small.radius_px_m is not None, "shrinking keeps the lens"
    gain, diopters = small.radius_px_m, depth_from_focus(small).diopters
    return cache(lambda factor: unexplained_share(replace(small, radius_px_m=factor * gain), diopters))


def compared(stack: FocalStack) -> FocalStack:
    """Return a stack of a known lens, shrunk to what tells whether it fits."""
    assert stack.radius_px_m is not None, "the caller has a lens"
    most, least = (stack.radius_px_m * stack.span / span_px for span_px in COMPARED_SPAN_PX)
    wanted = math.sqrt(stack.slices[0, ..., 0].size / COMPARED_PIXELS)
    return shrunk(stack, max(1.0, least, min(wanted, most)))


def _between_bars(stack: FocalStack, diopters: Floats) -> tuple[slice, slice]:
    """Return rows and columns between the even bars of a video: their edges are sharp in every slice.

    What blur would have brought over such an edge is left out too.
    """
    assert stack.radius_px_m is not None, "the caller has a lens"
    widest = max(float(np.abs(diopters - np.float32(focus)).max()) for focus in stack.diopters)
    reach = math.ceil(stack.radius_px_m * widest + 2.0 * COARSE_PX)
    least = EVEN_SHARE * np.iinfo(stack.slices.dtype).max
    rows, columns = (_inner(_spread_along(stack.slices, axis) > least, reach) for axis in (2, 1))
    return rows, columns


def _spread_along(slices: npt.NDArray[Any], axis: int) -> npt.NDArray[np.int64]:
    """Return the largest difference of values along rows (axis 2) or columns (axis 1), of any slice."""
    spread = slices.max(axis).astype(np.int64) - slices.min(axis)
    return np.asarray(spread.max((0, 2)))


def _inner(shows: npt.NDArray[np.bool_], reach: int) -> slice:
    """Return from the first to the last line that shows something, less the reach of blur beside bars."""
    at = np.flatnonzero(shows)
    if not at.size or at.size == shows.size:
        return slice(None)
    start = at[0] + reach * bool(at[0] > 0)
    stop = at[-1] + 1 - reach * bool(at[-1] + 1 < shows.size)
    return slice(int(start), int(stop)) if start < stop else slice(None)


def believed_part(unexplained: float, factor: float = 1.0, usual: float = FITS) -> float:
    """Return what is left of confidence where slices do not fit; 1 where they do.

    Args:
        unexplained: of `unexplained_share`.
        factor: of `blur_factor`.
        usual: of `usual_share`.
    """
    of_share = min(1.0, (usual / unexplained) ** 4) if unexplained > 0.0 else 1.0
    return of_share * min(factor, 1.0 / factor) ** 2
