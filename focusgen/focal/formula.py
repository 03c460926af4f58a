"""Which magnification aligned slices share, and so how strongly their lens blurs: told by what they show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.focal.alignment import Alignment
from focusgen.focal.empty_borders import Mask, part_of_frame
from focusgen.focal.fit import shows_times_the_blur
from focusgen.focal.stack import FocalStack, StackLens

TELLING_FACTOR = 1.1
"""Blur of the exact formula over that of the other from which slices can tell which of them holds."""

UNEXPLAINED = 0.5
"""Part of the sizes of slices in their frames that breathing may leave unexplained, and be believed."""


def with_formula(
    lens: StackLens,
    formula: str,
    alignment: Alignment,
    distances_m: Sequence[float],
    slices: npt.NDArray[Any],
    empty: Mask,
) -> StackLens:
    """Return a lens whose gain is that of aligned slices.

    Args:
        lens: as it is known.
        formula: "paper", "exact", or "auto": exact where slices breathe or breathed, or show its blur.
        alignment: of the slices.
        distances_m: of the slices, rising.
        slices: (N, H, W, 3), aligned.
        empty: (N, H, W) borders that an alignment before ours left empty.
    """
    drawn_on_m = _before_breathing_was_removed(lens, distances_m, empty)
    reference_m = distances_m[alignment.reference] if drawn_on_m is None else drawn_on_m
    paper, exact = (replace(lens, formula=name, reference_m=reference_m) for name in ("paper", "exact"))
    if formula == "auto":
        magnifies = drawn_on_m is not None or _breathes(lens, alignment, distances_m)
        return exact if magnifies or _shows(exact, paper, distances_m, slices) else paper
    return exact if formula == "exact" else paper


def _shows(
    exact: StackLens, paper: StackLens, distances_m: Sequence[float], slices: npt.NDArray[Any]
) -> bool:
    """Say whether near slices show the blur of the exact formula: a macro stack that was aligned before."""
    gain = paper.radius_px_m(slices.shape[2])
    factor = exact.radius_px_m(slices.shape[2]) / gain
    stack = FocalStack(slices, np.array([1.0 / metres for metres in distances_m]), gain)
    return factor > TELLING_FACTOR and shows_times_the_blur(stack, factor)


def _breathes(lens: StackLens, alignment: Alignment, distances_m: Sequence[float]) -> bool:
    """Say whether the slices change magnification as an uncorrected thin lens does, rather than not."""
    near, far = (_image_distance_m(lens.focal_length_m, s) for s in (distances_m[0], distances_m[-1]))
    expected = math.log(near / far)
    last = len(distances_m) - 1
    measured = math.log(alignment.magnification(0) / alignment.magnification(last))
    return not alignment.is_still and abs(measured - expected) < abs(measured)


def _before_breathing_was_removed(lens: StackLens, distances_m: Sequence[float], empty: Mask) -> float | None:
    """Return the focus distance on which slices that breathed were drawn before, or None if nothing tells it.

    Slices nearer than the reference were made smaller than the frame; those beyond it fill it, cut off.
    """
    sizes = np.log([part_of_frame(one) for one in empty])
    image_m = np.log([_image_distance_m(lens.focal_length_m, s) for s in distances_m])
    left = [float(((sizes - np.minimum(reference - image_m, 0.0)) ** 2).sum()) for reference in image_m]
    best = int(np.argmin(left))
    return distances_m[best] if left[best] < UNEXPLAINED * float((sizes**2).sum()) else None


def _image_distance_m(focal_length_m: float, focus_m: float) -> float:
    return focal_length_m if math.isinf(focus_m) else focal_length_m * focus_m / (focus_m - focal_length_m)
