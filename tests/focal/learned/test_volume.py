"""The network's evidence: hypotheses for any slices, and already most of the way to depth."""

import numpy as np
import pytest

from focusgen.focal.learned.guess import N_GUESS, kept_guess
from focusgen.focal.learned.volume import MULTIPLE_PX, N_HYPOTHESES, Evidence, evidence_of, spread_hypotheses
from focusgen.focal.sharpness import depth_from_focus, peak_between
from focusgen.focal.stack import FocalStack, metres_of
from tests.focal.stacks import abs_rel, truth


def seen_of(stack: FocalStack) -> Evidence:
    return evidence_of(stack, kept_guess(stack, None))


@pytest.mark.parametrize(
    "focus", [[2.0, 0.5], [2.0, 0.0], [3.0, 1.0, 0.6, 0.4, 0.3], list(np.linspace(2.0, 0.2, 10)), [1.01, 1.0]]
)
def test_hypotheses_rise_and_reach_over_the_slices(focus: list[float]):
    found = spread_hypotheses(np.array(focus))
    assert len(found) == N_HYPOTHESES and (np.diff(found) > 0).all()
    assert found[0] >= 0 and found[0] <= min(focus) and found[-1] > max(focus)
    assert np.abs(found[:, None] - np.array(focus)).min(0).max() <= np.diff(found).max()


def test_the_cost_alone_is_better_than_plain_depth_from_focus():
    import cv2

    traced = truth("tabletop")
    stack = FocalStack(traced.slices, 1 / np.array(traced.distances_m), traced.radius_px_m)
    seen = seen_of(stack)
    peak = peak_between(-np.ascontiguousarray(seen.volume[4]), seen.hypotheses)
    whole = cv2.resize(peak, traced.depth_m.shape[::-1])
    plain = abs_rel(metres_of(depth_from_focus(stack).diopters), traced.depth_m)
    assert abs_rel(metres_of(whole), traced.depth_m) <= 0.75 * plain


def test_odd_sizes_are_padded_and_all_is_finite():
    rng = np.random.default_rng(0)
    slices = rng.integers(0, 255, (2, 50, 70, 3)).astype(np.uint8)
    seen = seen_of(FocalStack(slices, np.array([2.0, 0.0]), 5.0))
    assert seen.sharp.shape == (3, 64, 80)
    assert not np.array(seen.sharp.shape[1:]).astype(int).sum() % MULTIPLE_PX
    assert seen.guess.shape == (N_GUESS, 64, 80) and seen.classical.shape == (1, 64, 80)
    assert np.array_equal(seen.classical[0, 50:], seen.classical[0, 49:35:-1]), "padded as the slices are"
    assert all(np.isfinite(one).all() for one in (seen.volume, seen.context, seen.guess))
    flat = np.zeros((3, 32, 32, 3), np.uint8)
    black = seen_of(FocalStack(flat, np.array([2.0, 1.0, 0.5]), 5.0))
    assert np.isfinite(black.volume).all() and np.isfinite(black.context).all()


def test_units_of_distance_do_not_matter():
    rng = np.random.default_rng(1)
    slices = rng.integers(0, 255, (3, 32, 48, 3)).astype(np.uint8)
    near = seen_of(FocalStack(slices, np.array([2.0, 1.0, 0.5]), 4.0))
    far = seen_of(FocalStack(slices, np.array([0.2, 0.1, 0.05]), 40.0))
    assert np.allclose(near.volume, far.volume, atol=1e-3)
    assert np.allclose(near.guess, far.guess, atol=5e-3)
    assert np.allclose(near.hypotheses, 10 * far.hypotheses, rtol=1e-5)
