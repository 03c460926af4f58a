"""Scores against numbers worked out by hand."""

import numpy as np
import pytest

from focusgen.focal.scores import averaged, confidence_scores, depth_scores


def test_depth_scores_match_a_hand_calculation():
    true = np.full((20, 20), 2.0, np.float32)
    scores = depth_scores(np.full((20, 20), 2.4, np.float32), true, 10.0)
    assert scores["abs_rel"] == pytest.approx(0.2, rel=1e-5)
    assert scores["rmse"] == pytest.approx(0.4, rel=1e-5)
    assert scores["sq_rel"] == pytest.approx(0.08, rel=1e-5)
    assert (scores["d1.15"], scores["d1.25"]) == (0.0, 1.0)
    assert scores["silog"] == pytest.approx(0.0, abs=1e-3)
    assert scores["px"] == pytest.approx(10.0 * (0.5 - 1 / 2.4), rel=1e-5)


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


def test_intervals_hold_the_mean():
    ((mean, low, high),) = averaged([{"a": 1.0}, {"a": 2.0}, {"a": 3.0}]).values()
    assert mean == pytest.approx(2.0)
    assert low <= mean <= high
