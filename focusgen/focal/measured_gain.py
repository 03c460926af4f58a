"""How much the lens of a stack blurs, measured from the slices themselves.

The radius of blur grows by one number of pixels per diopter of defocus. With the right one, some depth
explains all slices of a pixel; with another one, three slices contradict each other, whatever the depth. So
it is the number that leaves least unexplained: first with depth by sharpness, which needs no lens, then with
depth by relative blur, which is found anew for every number tried.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from focusgen.focal.classical import from_blur
from focusgen.focal.fit import CLEARLY_BETTER, FEWEST_SLICES, FITS, VISIBLE, compared, left_and_there
from focusgen.focal.sharpness import depth_from_focus
from focusgen.focal.stack import Floats, FocalStack

LEAST_CHANGE_PX, LARGEST_PART = 1.0, 0.3
"""Looked at is blur that changes by so many px from the nearest slice to the farthest, up to this part of the
shorter side."""

STEPS_PER_OCTAVE, FINE_STEP, MOST_FINE_STEPS = 2, 1.08, 6

CLEARLY_WORSE = 1.25
"""Half and twice the blur must leave so many times what the best leaves: else the slices do not tell it. Of
37 traced stacks and photographs drawn with occlusion, the least was 1.4."""


FEWEST_TOLD, LEFT_BY_METRES = 4, 0.55
"""Of so many slices, distances that leave less may well be metres: these leave .33 to .48 on traced stacks,
diopters and disparities taken for metres .63 and more, and taken for what they are as little as metres."""


def measured_gain(stack: FocalStack) -> float | None:
    """Return the blur radius in px per diopter that the slices show; None where they do not tell it.

    Args:
        stack: aligned slices. What is said of their lens is not heeded.

    Returns:
        None for two slices, blur that changes by less than 2 px or by a large part of the picture, slices
        without texture, and slices that no lens explains.
    """
    if len(stack) < FEWEST_SLICES:
        return None
    change_px = _coarse(stack).change_px
    return None if change_px is None else _fine_gain(_with_change(stack, change_px))


def _with_change(stack: FocalStack, change_px: float) -> FocalStack:
    """Return a stack whose blur radius changes by so many px from the nearest slice to the farthest."""
    return replace(stack, radius_px_m=change_px / stack.span)


def _share(stack: FocalStack, diopters: Floats) -> float:
    left, there = left_and_there(stack, diopters)
    return left / there if there > VISIBLE * len(stack) else math.inf


def fits_inverse_better(stack: FocalStack) -> bool:
    """Say whether focus distances explain slices clearly better if they are diopters, disparities or steps.

    What grows evenly from slice to slice is one of these mostly, and goes the other way than metres.

    Args:
        stack: aligned slices, near to far as if their distances were metres, of which none is infinite.
    """
    if len(stack) < FEWEST_TOLD or not (stack.diopters > 0.0).all():
        return False
    given = _coarse(stack)
    if given.left < LEFT_BY_METRES:
        return False
    inverse = replace(stack, slices=stack.slices[::-1], diopters=1.0 / stack.diopters[::-1])
    found = _coarse(inverse)
    return found.change_px is not None and found.left < CLEARLY_BETTER * given.left


class _Coarse(NamedTuple):
    """By how many px blur changes from end to end, None if the slices do not tell it; what that leaves."""

    change_px: float | None
    left: float


def _coarse(stack: FocalStack) -> _Coarse:
    """Return roughly how much blur changes, with depth by sharpness."""
    left: list[float] = []
    tried_px = _changes_px(min(stack.slices.shape[1:3]))
    depth_of_size: dict[tuple[int, ...], Floats] = {}  # many are compared at one size, and no lens enters it
    best = 0
    for change_px in tried_px:
        small = compared(_with_change(stack, change_px))
        size = small.slices.shape
        if size not in depth_of_size:
            depth_of_size[size] = depth_from_focus(small).diopters
        left.append(_share(small, depth_of_size[size]))
        best = min(range(len(left)), key=left.__getitem__)
        is_passed = best <= len(left) - 1 - STEPS_PER_OCTAVE
        if is_passed and left[-1] > CLEARLY_WORSE * left[best]:
            break  # of less blur, larger pictures would have to be compared
    else:
        return _Coarse(None, min(left, default=math.inf))
    is_found = best >= STEPS_PER_OCTAVE and left[best] < FITS
    is_told = is_found and left[best - STEPS_PER_OCTAVE] > CLEARLY_WORSE * left[best]
    return _Coarse(tried_px[best] if is_told else None, left[best])


def _changes_px(shorter_side_px: int) -> list[float]:
    """Return the changes of blur that are tried, largest first."""
    n_octaves = math.log2(max(LARGEST_PART * shorter_side_px / LEAST_CHANGE_PX, 1.0))
    steps = range(int(STEPS_PER_OCTAVE * n_octaves), -1, -1)
    return [LEAST_CHANGE_PX * 2.0 ** (step / STEPS_PER_OCTAVE) for step in steps]


def _fine_gain(stack: FocalStack) -> float | None:
    """Return the blur in px per diopter near that of a stack which leaves least; None if it is not near."""
    small = compared(stack)
    assert small.radius_px_m is not None and stack.radius_px_m is not None, "shrinking keeps the lens"
    gain = small.radius_px_m

    @cache
    def left(step: int) -> float:
        tried = replace(small, radius_px_m=gain * FINE_STEP**step)
        return _share(tried, from_blur(tried).diopters)

    best = 0
    while (step := min((best - 1, best, best + 1), key=left)) != best:
        best = step
        if abs(best) > MOST_FINE_STEPS:
            return None
    under, least, over = (left(best + side) for side in (-1, 0, 1))
    if least > FITS:
        return None
    between = 0.5 * (under - over) / max(under - least, over - least, 1e-9)  # the two lines of a V
    return stack.radius_px_m * math.pow(FINE_STEP, best + between)
