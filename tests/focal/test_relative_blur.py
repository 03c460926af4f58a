"""Relative blur: the right depth is contradicted least; the sharpest slice speaks for each hypothesis."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen.focal.relative_blur import (
    N_NEAREST,
    GuidedFilter,
    cost_volume,
    gap_weights,
    hypotheses_of,
    limits_of,
    residuals,
    stands_at_limit,
)
from focusgen.focal.stack import FocalStack

RADIUS_PX_M = 4.0


def flat_stack(depth_diopters: float, diopters: tuple[float, ...]) -> FocalStack:
    """A wall of noise at one depth, blurred by discs that are drawn here, from four times the pixels."""
    fine = np.random.default_rng(1).random((4 * 64, 4 * 96, 3)).astype(np.float32)
    fine = 0.2 + 0.6 * (cv2.GaussianBlur(fine, (0, 0), 4.0) - 0.5) * 4.0 + 0.3
    slices = []
    for slice_diopters in diopters:
        radius = 4.0 * RADIUS_PX_M * abs(depth_diopters - slice_diopters)
        side = int(np.ceil(radius)) + 1
        y, x = np.mgrid[-side : side + 1, -side : side + 1]
        disc = np.clip(radius + 0.5 - np.hypot(x, y), 0.0, 1.0).astype(np.float32)
        light = cv2.filter2D(np.clip(fine, 0.0, 1.0), -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)
        small = cv2.resize(light, (96, 64), interpolation=cv2.INTER_AREA)
        slices.append(np.rint(255.0 * np.clip(small, 0.0, 1.0) ** (1.0 / 2.2)).astype(np.uint8))
    return FocalStack(np.stack(slices), np.array(diopters), RADIUS_PX_M)


@pytest.mark.parametrize("diopters", [(0.0, 0.5, 1.0, 1.5, 2.0), (2.0, 0.3, 1.1), (0.4, 1.9)])
@pytest.mark.parametrize("depth_diopters", [0.55, 1.3])
def test_a_wall_costs_least_where_it_stands_whatever_the_slices(depth_diopters, diopters):
    volume = cost_volume(flat_stack(depth_diopters, diopters))
    inner = volume.cost[:, 8:-8, 8:-8].mean(axis=(1, 2))
    found = volume.hypotheses[int(inner.argmin())]
    assert found == pytest.approx(depth_diopters, abs=0.08)
    assert inner.min() < 0.5 * np.median(inner)


def test_the_sharpest_slice_speaks_for_each_hypothesis_and_weights_are_those_of_the_others():
    stack = flat_stack(1.0, (0.0, 0.2, 1.0, 2.0))
    hypotheses = np.array([0.05, 0.9, 1.9])
    radius_px = RADIUS_PX_M * np.abs(hypotheses[:, None] - stack.diopters)
    found = list(residuals(stack, radius_px))
    assert [one.star for one in found] == [0, 2, 3]
    weights = gap_weights(stack.diopters)
    for one, radii in zip(found, radius_px, strict=True):
        others = [n for n in np.argsort(radii) if n != one.star]
        assert one.whole_weight == pytest.approx(weights[others].sum())
        assert one.nearest_weight == pytest.approx(weights[others[:N_NEAREST]].sum())
        assert (one.nearest <= one.whole).all(), "the nearest are part of the whole"
    right, wrong = (
        found[1].whole.mean() / found[1].whole_weight,
        found[2].whole.mean() / found[2].whole_weight,
    )
    assert right < 0.5 * wrong


def test_slices_that_show_the_same_share_one_voice():
    even = gap_weights(np.array([0.0, 1.0, 2.0, 3.0]))
    assert np.allclose(even, 1.0)
    crowded = gap_weights(np.array([0.0, 0.05, 0.1, 3.0]))
    assert crowded[3] > 1.5 and crowded[:2].sum() < 0.2 and crowded.mean() == pytest.approx(1.0)


@pytest.mark.parametrize("diopters", [(0.0, 1.0), (2.0, 0.1, 0.12), (0.0, 1.0, 2.0, 3.0)])
def test_hypotheses_rise_and_reach_beyond_the_slices_but_never_beyond_infinity(diopters):
    found = hypotheses_of(np.array(diopters))
    assert (np.diff(found) > 0).all() and found[0] >= 0.0
    low, high = limits_of(np.array(diopters))
    assert np.allclose((found[0], found[-1]), (low, high)) and low <= min(diopters) and high > max(diopters)
    assert all(np.isclose(found, value, atol=1e-6).any() for value in diopters)


@pytest.mark.parametrize("diopters", [(0.5, 1.0, 1.5), (0.3, 0.35, 2.0)])
def test_steps_are_even_across_an_end_and_grow_beyond_it(diopters):
    steps, found = np.diff(hypotheses_of(np.array(diopters))), hypotheses_of(np.array(diopters))
    first, last = (int(np.abs(found - end).argmin()) for end in (min(diopters), max(diopters)))
    assert steps[first - 1] == pytest.approx(steps[first], rel=1e-3)
    assert steps[last] == pytest.approx(steps[last - 1], rel=1e-3)
    assert (np.diff(steps[last:-1]) > 0).all() and (np.diff(steps[1:first]) < 0).all()


def test_the_limits_lie_by_part_of_the_span_and_by_factor_and_two_slices_tell_less():
    assert limits_of(np.array([0.5, 1.5, 2.5])) == pytest.approx((0.5 / 3.0, 2.5 + 1.2))
    assert limits_of(np.array([2.4, 2.5, 2.6])) == pytest.approx((2.28, 2.72))
    assert limits_of(np.array([2.5, 0.5])) == pytest.approx((0.5 / 1.5, 2.7))
    assert limits_of(np.array([0.0, 1.0, 2.0]))[0] == 0.0


@pytest.mark.parametrize("wall", [0.25, 2.5])
def test_a_wall_beyond_the_slices_costs_least_where_it_stands(wall):
    volume = cost_volume(flat_stack(wall, (0.5, 1.0, 1.5, 2.0)))
    inner = volume.cost[:, 8:-8, 8:-8].mean(axis=(1, 2))
    assert volume.hypotheses[int(inner.argmin())] == pytest.approx(wall, abs=0.15)
    within = volume.hypotheses[volume.within]
    assert (within[0], within[-1]) == pytest.approx((0.5, 2.0))


def test_the_guided_filter_averages_within_edges_and_keeps_a_constant():
    guide = np.zeros((40, 40), np.float32)
    guide[:, 20:] = 1.0
    noisy = guide + np.random.default_rng(0).normal(0, 0.1, guide.shape).astype(np.float32)
    smooth = GuidedFilter(guide, 3, 1e-3)
    assert np.allclose(smooth(np.full_like(guide, 0.7)), 0.7, atol=1e-5)
    out = smooth(noisy)
    assert np.abs(out - guide).std() < 0.4 * 0.1
    assert out[:, 21].mean() - out[:, 18].mean() > 0.95, "the edge stays"


def test_only_depths_at_the_end_of_what_was_looked_at_stand_at_a_limit():
    depths = np.array([[2.72, 2.715, 2.65, 2.5, 2.35, 2.281, 2.2]], np.float32)
    found = stands_at_limit(depths, np.array([2.4, 2.5, 2.6]))
    assert found.tolist() == [[True, True, False, False, False, True, True]]
    assert not stands_at_limit(np.zeros((1, 1), np.float32), np.array([0.0, 1.0])).any(), (
        "infinity is a place"
    )
