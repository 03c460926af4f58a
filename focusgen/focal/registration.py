"""Slices made comparable: on each other, and as if one exposure had taken them all."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.alignment import Alignment, align, moved, no_alignment
from focusgen.focal.empty_borders import Mask, all_filled, empty_borders
from focusgen.focal.exposure import Exposure, measure_exposure


class Registered(NamedTuple):
    """Slices that lie on the reference and have its exposure, and what was done for it.

    Attributes:
        slices: (N, H, W, 3) like those that were given.
        alignment: how they were moved.
        exposure: how it differed.
        empty: (N, H, W) borders of an alignment before this one, which were filled; as the slices lay.
    """

    slices: npt.NDArray[Any]
    alignment: Alignment
    exposure: Exposure
    empty: Mask


def registered(slices: npt.NDArray[Any], *, aligns: bool = True) -> Registered:
    """Return comparable slices; the very same pixels where nothing had to be done.

    Args:
        slices: (N, H, W, 3) uint8 or uint16, sorted by focus distance.
        aligns: whether they may have moved.
    """
    empty = empty_borders(slices)
    slices = all_filled(slices, empty)
    alignment = align(slices) if aligns else no_alignment(len(slices))
    lying = _lying(slices, alignment)
    exposure = measure_exposure(lying, alignment.reference)
    if exposure.is_even:
        return Registered(lying, alignment, exposure, empty)
    if aligns:  # an alignment is believed for what it explains: too little, while exposure explains more
        alignment = align(exposure.all_evened(slices))
        lying = _lying(slices, alignment)
        exposure = measure_exposure(lying, alignment.reference)
    return Registered(exposure.all_evened(lying), alignment, exposure, empty)


def _lying(slices: npt.NDArray[Any], alignment: Alignment) -> npt.NDArray[Any]:
    if alignment.is_still:
        return slices
    return np.stack([moved(one, m) for one, m in zip(slices, alignment.matrices, strict=True)])
