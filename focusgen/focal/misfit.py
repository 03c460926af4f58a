"""Why slices do not fit: taken in another order, or in light that changed otherwise than by a gain.

Both are seen in the pictures alone. Slices of neighbouring distances resemble each other most, so the right
order is a short path from picture to picture. Blur keeps the light of a block, so blocks that grow darker
towards the corners, or by how bright they are, tell of vignetting and tone curves.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.exposure import CLIPPED_SHARE, FEWEST_BLOCKS, block_means, block_side
from focusgen.focal.fit import (
    CLEARLY_BETTER,
    FITS,
    believed_part,
    blur_factor,
    compared,
    unexplained_share,
    usual_share,
)
from focusgen.focal.sharpness import depth_from_focus, display_grey
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float64]
Light = Literal["vignetting", "tone", "clipped"]

DETOUR = 1.1
"""A path that is longer than the shortest by this factor is looked at. Right orders of drawn stacks lie below
1.06, but for one of thin wires (1.15); those of two slices exchanged above, in 12 of 15."""

SAME_PATH = 1.05
"""Paths that differ by less are equal: of them, the order with the fewest slices in other places is taken."""

UNEVEN_SPACING = 1.5
"""Of evenly spaced slices a reversed order explains as much as the right one; from here on it does not."""

CORNERS, CORNERS_ERRORS = 0.1, 8.0
"""Change of the logarithm of light from centre to corner, and its standard errors, that count as vignetting.
Drawn stacks: at most 6 errors without, 10 and more in all but one of 16 in which it was drawn."""

SLOPE, SLOPE_ERRORS = 0.14, 30.0
"""The same for a tone curve: by how much more contrast one slice has than another. Blur takes contrast from
blocks too: up to 26 errors in drawn stacks."""

CLIPPED_PART = 0.05
"""Part of the pixels without light of their own from which it is a cause."""


FAR_BETTER = 0.5
"""What an order may leave of the given one's where the lens looks wrong, too. Where only that is wrong,
other orders left .60 and more; where the order made the lens look wrong, the right one .22 to .48."""

FEWEST_ORDERED = 4
"""Of three slices, a scene that lies between two of them has the third resemble either."""


class Misfit(NamedTuple):
    """What is known of slices that do not fit.

    Attributes:
        light: in which way light changed between the slices; None where that is not seen.
        orders: numbers of the slices, nearest first, as they explain each other clearly better: none where
            the given order may well be right, two where one explains as much as its reverse.
        gain: how much of what the given order leaves these leave; 1 without any.
    """

    light: Light | None = None
    orders: tuple[tuple[int, ...], ...] = ()
    gain: float = 1.0


class Fit(NamedTuple):
    """Whether slices fit their lens and distances.

    Attributes:
        unexplained: of `unexplained_share`.
        usual: share up to which they fit.
        factor: of `blur_factor`.
        misfit: why they do not.
    """

    unexplained: float
    usual: float
    factor: float
    misfit: Misfit

    @property
    def fits(self) -> bool:
        """True where nothing speaks against it."""
        return self.unexplained <= self.usual and self.factor == 1.0 and not self.misfit.orders

    @property
    def believed_part(self) -> float:
        """What is left of confidence."""
        return believed_part(self.unexplained, self.factor, self.usual) * self.misfit.gain**2


def fit_of(stack: FocalStack, diopters: npt.NDArray[np.float32], factor: float | None = None) -> Fit:
    """Return whether slices fit, drawn from the inverse depth (H, W) that was found.

    Args:
        stack: slices of a known lens.
        diopters: (H, W) inverse depth.
        factor: of `blur_factor`, where it is known; None: it is found.
    """
    unexplained = unexplained_share(stack, diopters)
    factor = blur_factor(stack) if factor is None else factor
    misfit = misfit_of(stack, unexplained, factor)
    return Fit(unexplained, usual_share(stack) if misfit.light is None else FITS, factor, misfit)


def misfit_of(stack: FocalStack, unexplained: float, factor: float) -> Misfit:
    """Return why slices do not fit; nothing of slices that do.

    Args:
        stack: slices of a known lens.
        unexplained: of `fit.unexplained_share`.
        factor: of `fit.blur_factor`.
    """
    small = compared(stack)
    steps = _steps_between(small)
    told = shortest_path(steps)
    given = tuple(range(len(stack)))
    strays = len(stack) >= FEWEST_ORDERED and _length(steps, given) > DETOUR * _length(steps, told)
    if not (strays or unexplained > FITS or factor != 1.0):
        return Misfit()
    light = changed_light(stack)
    if light is not None:
        return Misfit(light)
    likely = (_exchanged(steps, given), told) if strays else ()
    orders = [order for one in likely for order in _both_ways(one, given)]
    is_unexplained = unexplained > usual_share(stack)
    if is_unexplained and len(stack) >= FEWEST_ORDERED and _is_uneven(stack.diopters):
        orders.append(given[::-1])
    found = _best_of(small, orders, CLEARLY_BETTER if factor == 1.0 else FAR_BETTER)
    is_open = is_unexplained and factor == 1.0 and not found.orders
    return Misfit("clipped") if is_open and clipped_part(stack) > CLIPPED_PART else found


def clipped_part(stack: FocalStack) -> float:
    """Return the part of the pixels of which some slice shows no light of its own."""
    is_clipped = stack.slices >= CLIPPED_SHARE * np.iinfo(stack.slices.dtype).max
    return float(is_clipped.any((0, 3)).mean())


def _best_of(small: FocalStack, orders: Sequence[tuple[int, ...]], enough: float) -> Misfit:
    """Return the first order that leaves no more than others, and so little beside the given one."""

    @cache
    def left(order: tuple[int, ...]) -> float:
        ordered = replace(small, slices=small.slices[list(order)])
        return unexplained_share(ordered, depth_from_focus(ordered).diopters)

    if not orders:
        return Misfit()
    usual, least = left(tuple(range(len(small)))), min(map(left, orders))
    if least >= enough * usual:
        return Misfit()
    order = next(order for order in orders if left(order) <= SAME_PATH * least)
    alike = tuple(one for one in (order, order[::-1]) if left(one) <= SAME_PATH * least)
    return Misfit(orders=alike, gain=left(order) / usual)


def _steps_between(stack: FocalStack) -> Floats:
    """Return (N, N) how much two slices differ on average."""
    import cv2

    shown = [cv2.GaussianBlur(one, (0, 0), 1.0) for one in display_grey(stack)]
    steps = np.zeros((len(shown), len(shown)))
    for a, b in itertools.combinations(range(len(shown)), 2):
        steps[a, b] = steps[b, a] = float(np.abs(shown[a] - shown[b]).mean())
    return steps


def _length(steps: Floats, order: Sequence[int]) -> float:
    places = list(order)
    return float(steps[places[:-1], places[1:]].sum())


def shortest_path(steps: Floats) -> tuple[int, ...]:
    """Return a short path through all slices, from the given order on: parts turned round, or two exchanged.

    Args:
        steps: (N, N) symmetric, how far two slices are from each other.
    """
    best, pairs = tuple(range(len(steps))), list(itertools.combinations(range(len(steps)), 2))
    while True:
        others = (other for a, b in pairs for other in (_turned(best, a, b), _swapped(best, a, b)))
        shorter = min(others, key=lambda order: _length(steps, order))
        if _length(steps, shorter) >= _length(steps, best) * (1.0 - 1e-9):
            return best
        best = shorter


def _turned(order: tuple[int, ...], a: int, b: int) -> tuple[int, ...]:
    return (*order[:a], *order[a : b + 1][::-1], *order[b + 1 :])


def _swapped(order: tuple[int, ...], a: int, b: int) -> tuple[int, ...]:
    places = list(order)
    places[a], places[b] = places[b], places[a]
    return tuple(places)


def _exchanged(steps: Floats, given: tuple[int, ...]) -> tuple[int, ...]:
    """Return the order in which exchanging two slices shortens the path most."""
    orders = [_swapped(given, a, b) for a, b in itertools.combinations(given, 2)]
    return min(orders, key=lambda order: _length(steps, order))


def _both_ways(order: tuple[int, ...], given: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return an order and its reverse, first the one with more slices where they were given."""
    return sorted((order, order[::-1]), key=lambda one: sum(map(int.__ne__, one, given)))


def _is_uneven(diopters: Floats) -> bool:
    """Say whether slices are spaced otherwise from one end than from the other."""
    gaps = -np.diff(diopters)
    return bool(np.abs(gaps - gaps[::-1]).max() > UNEVEN_SPACING * gaps.mean())


def changed_light(stack: FocalStack) -> Light | None:
    """Return in which way light changes between slices beside what blur and gains do; None where it does not.

    Args:
        stack: slices whose exposure was evened.
    """
    side = block_side(stack.slices[0])
    light = np.stack([block_means(one, side).mean(-1) for one in stack.slices])
    is_known = np.isfinite(light).all(0)
    if is_known.sum() < FEWEST_BLOCKS:
        return None
    logs = np.log(light[:, is_known])
    usual = logs.mean(0)
    height, width = stack.slices.shape[1:3]
    places = from_centre(height, width, side).ravel()
    terms = np.stack(
        [np.ones_like(usual), (places - np.median(places))[is_known], usual - np.median(usual)], 1
    )
    found = np.array([robust_fit(terms, one - usual) for one in logs])  # (N, 2, 3): values, standard errors
    values, errors = found[:, 0], np.abs(found[:, 0] / found[:, 1]).max(0)
    spread = np.ptp(values, 0)
    if spread[1] > CORNERS and errors[1] > CORNERS_ERRORS:
        return "vignetting"
    return "tone" if spread[2] > SLOPE and errors[2] > SLOPE_ERRORS else None


def from_centre(height: int, width: int, side: int = 1) -> Floats:
    """Return (rows, columns) how far blocks of a picture lie from its centre: squared, 1 in the corners."""
    y, x = (side * (np.arange(length // side) + 0.5) - length / 2.0 for length in (height, width))
    return np.asarray((y[:, None] ** 2 + x[None] ** 2) / (height**2 / 4.0 + width**2 / 4.0))


def robust_fit(terms: Floats, seen: Floats) -> Floats:
    """Return (2, K) weights of terms and their standard errors, without what lies 2.5 deviations off."""
    is_used = np.ones(len(seen), bool)
    for _ in range(4):
        weights = np.linalg.lstsq(terms[is_used], seen[is_used], rcond=None)[0]
        off = seen - terms @ weights
        off = np.abs(off - np.median(off[is_used]))
        deviation = 1.48 * np.median(off[is_used]) + 1e-6
        is_used = off < 2.5 * deviation
    variances = np.diag(np.linalg.pinv(terms[is_used].T @ terms[is_used])) * deviation**2
    return np.stack([weights, np.sqrt(np.maximum(variances, 1e-18))])
