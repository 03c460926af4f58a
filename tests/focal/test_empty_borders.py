"""Borders that another alignment left empty: found, filled, and not mistaken for a dark scene."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from focusgen.focal.empty_borders import BLENDED_PX, all_filled, empty_borders, part_of_frame
from focusgen.focal.registration import registered
from tests.focal.stacks import DATA, truth


def aligned_by_others(fill: int) -> np.ndarray:
    """Return the slices of a stack that breathes, warped by exact homographies with a constant border."""
    meta = json.loads((DATA / "handheld" / "meta.json").read_text())
    return np.stack(
        [
            cv2.warpPerspective(
                one,
                np.array(matrix),
                one.shape[1::-1],
                flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                borderValue=(fill,) * 3,
            )
            for one, matrix in zip(truth("handheld").slices, meta["homography_ref_to_slice"], strict=True)
        ]
    )


@pytest.mark.parametrize("fill", [0, 255])
def test_what_a_homography_left_empty_is_found_and_filled_with_what_is_beside(fill: int):
    slices = aligned_by_others(fill)
    empty = empty_borders(slices)
    plain = (np.abs(slices.astype(int) - fill) <= 8).all(-1)
    assert [bool(one.any()) for one in empty] == [True, True, False, False, False]
    for one, mask, is_plain in zip(slices[:2], empty[:2], plain[:2], strict=True):
        assert mask[is_plain & (np.indices(mask.shape).min(0) < 3)].all()
        assert not mask[20:-20, 20:-20].any()
        filled = all_filled(one[None], mask[None])[0]
        assert np.array_equal(filled[~mask], one[~mask])
        for row, column in np.argwhere(mask)[::97]:
            distances = np.hypot(*(np.argwhere(~mask) - (row, column)).T)
            nearest = np.argwhere(~mask)[distances <= distances.min() + 0.5]
            assert any((one[tuple(at)] == filled[row, column]).all() for at in nearest)
    assert part_of_frame(empty[0]) == pytest.approx(471.4 / 493.8, abs=0.01)
    assert (part_of_frame(empty[1]), part_of_frame(empty[2])) == (pytest.approx(0.977, abs=0.01), 1.0)


def test_a_dark_scene_is_none_and_a_shift_makes_nothing_smaller():
    slices = truth("tabletop").slices.copy()
    slices[:, :20] = 0  # a dark beam along the top, in all slices alike
    assert not empty_borders(slices).any()
    assert registered(slices, aligns=False).slices is slices
    slices[1, :, :9] = 255
    empty = empty_borders(slices)
    assert [bool(one.any()) for one in empty] == [False, True, False, False, False]
    assert empty[1, 40:].sum() == (len(slices[0]) - 40) * (9 + BLENDED_PX)
    assert part_of_frame(empty[1]) == 1.0
    slices[1, 60:90, :40] = 255  # a white thing at the border runs together with it
    assert empty_borders(slices)[1, 60:90].sum() == 30 * (9 + BLENDED_PX)
    slices[1, :, :200] = 255  # no alignment leaves so little
    assert not empty_borders(slices).any()
