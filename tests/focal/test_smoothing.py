"""Depth made whole: messages along eight directions, and least squares that bend at edges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from focusgen.focal import smoothing
from focusgen.focal.smoothing import ALONG, JUMP_COST, STEP_COST, semi_global_cost, weighted_least_squares

FLAT = np.full((5, 6, 3), 0.5, np.float32)


def slow_path_cost(cost: np.ndarray, guide: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return one direction's cost by its recursion, pixel by pixel; beyond a side the row itself goes on."""
    height, width, n = cost.shape
    path = np.zeros_like(cost, np.float64)
    rows = range(height) if down >= 0 else range(height - 1, -1, -1)
    columns = range(width) if right >= 0 else range(width - 1, -1, -1)
    for y, x in itertools.product(rows, columns):
        above = y - down
        left = x - right
        if down == 0 and not 0 <= left < width or down != 0 and not 0 <= above < height:
            path[y, x] = cost[y, x]
            continue
        left = left if 0 <= left < width else x
        contrast = np.abs(guide[y, x] - guide[above, left]).max()
        jump = JUMP_COST * np.exp(-contrast / smoothing.EDGE_CONTRAST) + 1.5 * STEP_COST
        before = path[above, left] - path[above, left].min()
        for k in range(n):
            near = [before[j] + STEP_COST for j in (k - 1, k + 1) if 0 <= j < n]
            path[y, x, k] = cost[y, x, k] + min(before[k], jump, *near)
    return path


def test_it_is_the_recursion_along_all_eight_directions():
    rng = np.random.default_rng(0)
    cost = rng.random((5, 6, 4)).astype(np.float32) * 0.1
    guide = rng.random((5, 6, 3)).astype(np.float32) * 0.2
    expected = sum(slow_path_cost(cost, guide, down, right) for down, right in ALONG)
    np.testing.assert_allclose(semi_global_cost(cost, guide), expected, atol=1e-5)


def test_what_is_sure_decides_for_what_is_not():
    cost = np.zeros((5, 6, 3), np.float32)
    cost[:, 0] = [1.0, 0.0, 1.0]
    assert (semi_global_cost(cost, FLAT).argmin(-1) == 1).all()


def test_an_edge_of_the_picture_stops_the_message():
    cost = np.zeros((5, 6, 3), np.float32)
    cost[:, 0], cost[:, 5] = [0.0, 1.0, 1.0], [1.0, 1.0, 0.0]
    guide = FLAT.copy()
    guide[:, 3:] = 1.0
    assert semi_global_cost(cost, guide).argmin(-1).tolist() == [[0, 0, 0, 2, 2, 2]] * 5


def test_mirroring_everything_mirrors_the_answer():
    rng = np.random.default_rng(1)
    cost, guide = rng.random((5, 6, 4)).astype(np.float32), rng.random((5, 6, 3)).astype(np.float32)
    plain = semi_global_cost(cost, guide)
    for move in (np.flipud, np.fliplr):
        moved = semi_global_cost(np.ascontiguousarray(move(cost)), np.ascontiguousarray(move(guide)))
        np.testing.assert_allclose(moved, move(plain), atol=1e-5)


def test_the_input_is_left_as_it_was():
    cost = np.random.default_rng(2).random((3, 3, 2)).astype(np.float32)
    before = cost.copy()
    semi_global_cost(cost, FLAT[:3, :3])
    np.testing.assert_array_equal(cost, before)


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 7, 3), (7, 1, 3), (2, 2, 1)])
def test_rows_columns_and_single_pixels_pass(shape):
    cost = np.ones(shape, np.float32)
    assert np.isfinite(semi_global_cost(cost, FLAT[0, 0] + np.zeros((*shape[:2], 3), np.float32))).all()


# --- least squares -----------------------------------------------------------------------------------------


def test_sure_values_stay_and_unsure_ones_follow_their_neighbours():
    values, weights = np.full((5, 6), 2.0, np.float32), np.ones((5, 6), np.float32)
    values[2, 3], weights[2, 3] = 9.0, 1e-4
    found = weighted_least_squares(values, weights, FLAT)
    assert found[2, 3] == pytest.approx(2.0, abs=0.05) and found.dtype == np.float32


@pytest.mark.parametrize("value", [2.0, 0.01])
def test_a_wall_with_a_few_outliers_stays_a_wall(value):
    values = np.full((12, 12), value, np.float32)
    values[5, 5:8] = 4.0 * value
    guide = np.full((12, 12, 3), 0.5, np.float32)
    found = weighted_least_squares(values, np.ones((12, 12), np.float32), guide)
    assert np.median(found) == pytest.approx(value, rel=0.02) and found.min() > 0.9 * value


def test_a_constant_stays_a_constant_whatever_is_trusted():
    weights = np.random.default_rng(0).random((5, 6)).astype(np.float32)
    np.testing.assert_allclose(
        weighted_least_squares(np.full((5, 6), 3.0, np.float32), weights, FLAT), 3.0, rtol=1e-3
    )


def test_the_guide_says_where_unsure_values_change():
    values = np.full((6, 9), 1.5, np.float32)
    values[:, 0], values[:, 8] = 1.0, 2.0
    weights = np.full((6, 9), 1e-4, np.float32)
    weights[:, [0, 8]] = 10.0
    guide = np.full((6, 9, 3), 0.2, np.float32)
    guide[:, 3:] = 0.9
    found = weighted_least_squares(values, weights, guide)
    np.testing.assert_allclose(found[:, :3], 1.0, atol=0.05)
    np.testing.assert_allclose(found[:, 3:], 2.0, atol=0.05)


def test_a_stronger_pull_is_smoother():
    rng = np.random.default_rng(3)
    values = (2.0 + 0.3 * rng.standard_normal((12, 12))).astype(np.float32)
    ones, guide = np.ones((12, 12), np.float32), np.full((12, 12, 3), 0.5, np.float32)
    spread = [weighted_least_squares(values, ones, guide, pull=pull).std() for pull in (0.01, 0.15, 2.0)]
    assert values.std() > spread[0] > spread[1] > spread[2] and spread[0] > 0.9 * values.std()
