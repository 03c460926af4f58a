"""Figures of other people's protocols, against hand-made numpy."""

import numpy as np
import pytest

from focusgen.focal.protocols import ddff_scores, zedd_map, zedd_stack
from focusgen.focal.stack import FocalStack


def test_ddff_scores_disparity_in_pixels_of_the_whole_picture_and_leaves_out_what_has_none():
    rng = np.random.default_rng(4)
    true_m, found_m = rng.uniform(0.5, 7.0, (2, 24, 30)).astype(np.float32)
    true_m[0, :9] = np.nan  # at the border: no pixel but these is left out
    known = np.isfinite(true_m)
    true, found = (0.140779 / one[known].astype(np.float64) for one in (true_m, found_m))
    assert 0.02 < true.min() and true.max() < 0.2816
    scores = ddff_scores(found_m, true_m)
    assert scores["disparity_mse"] == pytest.approx(np.mean((found - true) ** 2), rel=1e-5)
    assert scores["disparity_rmse"] == pytest.approx(np.sqrt(np.mean((found - true) ** 2)), rel=1e-5)
    assert scores["disparity_abs_rel"] == pytest.approx(np.mean(np.abs(found - true) / true), rel=1e-5)
    assert scores["disparity_sq_rel"] == pytest.approx(np.mean((found - true) ** 2 / true), rel=1e-5)
    ratio = np.maximum(found / true, true / found)
    assert scores["disparity_d2"] == pytest.approx(np.mean(ratio < 1.25**2))
    assert ddff_scores(found_m, np.full_like(true_m, np.nan)) == {}


def test_zedd_takes_every_second_of_nine_slices_and_a_map_of_its_size():
    stack = FocalStack(
        np.arange(9, dtype=np.uint8).repeat(12).reshape(9, 2, 2, 3), 1.0 / np.arange(1, 10), 5.0
    )
    taken = zedd_stack(stack)
    assert taken.slices[:, 0, 0, 0].tolist() == [0, 2, 4, 6, 8]
    assert (1.0 / taken.diopters).tolist() == pytest.approx([1, 3, 5, 7, 9])
    depth_m = zedd_map(np.full((20, 30), 2.5, np.float32))
    assert (depth_m.shape, depth_m.dtype) == ((1216, 1824), np.float32)
    assert np.abs(depth_m - 2.5).max() < 1e-5


@pytest.mark.parametrize(("n", "taken"), [(3, 3), (5, 5), (9, 5)])
def test_a_stack_that_holds_just_the_five_is_taken_whole(n, taken):
    stack = FocalStack(np.zeros((n, 2, 2, 3), np.uint8), 1.0 / np.arange(1, n + 1), 5.0)
    assert len(zedd_stack(stack)) == taken
