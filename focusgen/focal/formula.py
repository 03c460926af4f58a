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
    paper, exact = (
        replace(lens, formula=name, reference_m=distances_m[alignment.reference])
        for name in ("paper", "exact")
    )
    if formula == "auto":
        magnifies = _breathes(lens, alignment, distances_m) or _breathed(exact, distances_m, empty)
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


def _breathed(exact: StackLens, distances_m: Sequence[float], empty: Mask) -> bool:
    """Say whether a near slice was made smaller before, by half of what a thin lens magnifies it or more."""
    assert exact.reference_m is not None, "the caller gave it one"
    reference_m = _image_distance_m(exact.focal_length_m, exact.reference_m)
    for focus_m, of_slice in zip(distances_m, empty, strict=True):
        expected = math.log(_image_distance_m(exact.focal_length_m, focus_m) / reference_m)
        if expected > 0.0 and -math.log(part_of_frame(of_slice)) > 0.5 * expected:
            return True
    return False


def _image_distance_m(focal_length_m: float, focus_m: float) -> float:
    return focal_length_m if math.isinf(focus_m) else focal_length_m * focus_m / (focus_m - focal_length_m)
