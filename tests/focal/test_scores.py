"""Scores against numbers worked out by hand."""

import numpy as np
import pytest

from focusgen.focal.scores import (
    averaged,
    boundary_f1,
    confidence_scores,
    depth_scores,
    picture_scores,
)


def test_depth_scores_match_a_hand_calculation():
    true = np.full((20, 20), 2.0, np.float32)
    scores = depth_scores(np.full((20, 20), 2.4, np.float32), true, 10.0)
    assert scores["abs_rel"] == pytest.approx(0.2, rel=1e-5)
    assert scores["rmse"] == pytest.approx(0.4, rel=1e-5)
    assert scores["sq_rel"] == pytest.approx(0.08, rel=1e-5)
    assert (scores["d1.15"], scores["d1.25"]) == (0.0, 1.0)
    assert scores["silog"] == pytest.approx(0.0, abs=1e-3)
    assert scores["px"] == pytest.approx(10.0 * (0.5 - 1 / 2.4), rel=1e-5)


def test_shares_within_a_factor_and_logarithms_match_a_hand_calculation():
    true = np.ones((1, 4), np.float32)
    scores = depth_scores(np.array([[1.0, 1.1, 1.5, 1.9]], np.float32), true)
    assert [scores[name] for name in ("d1.05", "d1.15", "d1.25", "d2", "d3")] == [0.25, 0.5, 0.5, 0.75, 1.0]
    # logarithms 0, .09531, .40547, .64185: mean .28566, mean square .14637
    assert scores["rmse_log"] == pytest.approx(0.38258, abs=1e-4)
    assert scores["log10"] == pytest.approx(0.28566 / 2.30259, abs=1e-4)
    assert scores["silog"] == pytest.approx(25.449, abs=1e-2)


def test_a_far_truth_is_met_and_infinity_counts_as_the_farthest():
    true = np.full((20, 20), 4000.0, np.float32)
    for found_m in (4000.0, np.inf):
        assert depth_scores(np.full((20, 20), found_m, np.float32), true)["abs_rel"] == 0.0


def test_unknown_truth_is_left_out():
    true = np.full((20, 20), 2.0, np.float32)
    true[:10] = np.nan
    assert depth_scores(np.full((20, 20), 2.0, np.float32), true)["abs_rel"] == pytest.approx(0.0)


def test_a_perfect_order_of_confidence_has_no_excess():
    rng = np.random.default_rng(0)
    true = np.full((30, 30), 1.0, np.float32)
    depth = (1.0 + rng.random((30, 30))).astype(np.float32)
    assert confidence_scores(-depth, depth, true)["ause"] == pytest.approx(0.0, abs=1e-9)
    assert confidence_scores(depth, depth, true)["ause"] > 0.1


def test_the_surer_half_is_judged_by_its_relative_error():
    true = np.full((40, 40), 2.0, np.float32)
    depth = np.where(np.arange(40) < 20, true + 0.5, true - 1.0).astype(np.float32)
    assert confidence_scores(-depth, depth, true)["surer_half_abs_rel"] == pytest.approx(0.5)
    assert confidence_scores(depth, depth, true)["surer_half_abs_rel"] == pytest.approx(0.25)


def test_where_the_truth_has_no_boundary_none_is_right_and_any_is_wrong():
    true = np.full((20, 20), 2.0, np.float32)
    assert boundary_f1(true, true) == 1.0
    assert boundary_f1(np.where(np.arange(20) < 10, true, 3.0).astype(np.float32), true) == 0.0


def test_intervals_hold_the_mean():
    ((mean, low, high),) = averaged([{"a": 1.0}, {"a": 2.0}, {"a": 3.0}]).values()
    assert mean == pytest.approx(2.0)
    assert low <= mean <= high


def test_a_single_value_has_a_mean_and_no_interval():
    assert averaged([{"a": 1.5}, {"b": 2.0}]) == {"a": (1.5, None, None), "b": (2.0, None, None)}


@pytest.mark.parametrize("hole", [np.nan, 0.0, np.inf, -1.0])
def test_a_hole_in_the_truth_is_no_boundary_and_hides_what_is_found_in_it(hole):
    true = np.full((40, 40), 3.0, np.float32)
    true[:, 20:] = 2.0
    found = true.copy()
    assert boundary_f1(found, true) == 1.0
    true[10:16, 5:12] = hole
    found[11:14, 6:9] = 1.0  # no truth says that this step is none
    assert boundary_f1(found, true) == 1.0
    found[30:34, 30:34] = 1.0  # this one is wrong
    assert 0.5 < boundary_f1(found, true) < 1.0


def test_depth_that_is_found_at_infinity_has_one_boundary_where_it_ends():
    true = np.full((20, 20), 2.0, np.float32)
    true[:, 10:] = 90.0
    assert boundary_f1(np.where(true > 50, np.float32(np.inf), true), true) == 1.0


@pytest.mark.parametrize(("shown", "true"), [(np.uint8, np.uint16), (np.uint16, np.uint8)])
def test_pictures_of_other_depths_are_compared_as_they_look(shown, true):
    levels = np.arange(40 * 40 * 3).reshape(40, 40, 3) % 200
    off_by_two = picture_scores((levels + 2).astype(np.uint8), levels.astype(np.uint8))
    assert off_by_two["aif_psnr"] == pytest.approx(20 * np.log10(255 / 2))
    up = {np.uint8: 1, np.uint16: 257}
    found = picture_scores(((levels + 2) * up[shown]).astype(shown), (levels * up[true]).astype(true))
    assert found == pytest.approx(off_by_two)
