"""Classical depth where the network takes none of its own, its own where it does, and the veto over both."""

from dataclasses import replace

import numpy as np
import pytest

from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.learned import fused
from focusgen.focal.learned.ask import Reading
from focusgen.focal.learned.fused import combined, estimate_learned
from focusgen.focal.learned.weights import load_network
from focusgen.focal.stack import FocalStack
from tests.focal.stacks import truth


@pytest.fixture(scope="module")
def stack() -> FocalStack:
    traced = truth("tabletop")
    window = (slice(None), slice(60, 124), slice(100, 196))
    return FocalStack(traced.slices[window], 1 / np.array(traced.distances_m), traced.radius_px_m)


@pytest.fixture(scope="module")
def classical(stack: FocalStack) -> Estimate:
    found = estimate(stack)
    assert found.method == "relative_blur"
    return found


def said(diopters: np.ndarray, share: float, log_error: float = 1e-3) -> Reading:
    picture = np.zeros((*diopters.shape, 3), np.float32)
    return Reading(diopters, np.full_like(diopters, share), np.full_like(diopters, log_error), picture)


def test_of_two_depths_each_has_the_square_of_its_share(stack: FocalStack, classical: Estimate):
    other = 1.04 * classical.diopters
    kept, half = (combined(stack, classical, said(other, share)) for share in (0.05, 0.5**0.5))
    assert np.array_equal(kept.diopters, classical.diopters)
    assert np.allclose(half.sharpest, classical.sharpest + 0.5 * (other - classical.sharpest), rtol=1e-5)
    assert np.median(half.diopters / classical.diopters) == pytest.approx(1.02, abs=1e-4)
    assert half.method == "learned" and set(half.rerender_error) >= {"learned", "focus_measure"}


def test_confidence_falls_with_the_error_that_is_expected(stack: FocalStack, classical: Estimate):
    sure, half, unsure = (
        combined(stack, classical, said(classical.diopters, 0.5, error)).confidence.mean()
        for error in (1e-3, fused.HALF_SURE, 1.0)
    )
    assert sure > 0.9 and half == pytest.approx(0.5 * sure, rel=0.02) and unsure < 0.1


def test_a_network_that_is_wrong_where_it_is_believed_is_vetoed(stack: FocalStack, classical: Estimate):
    upside_down = classical.diopters.max() + classical.diopters.min() - classical.diopters
    found = combined(stack, classical, said(upside_down, 1.0))
    assert found.method == "relative_blur"
    assert np.array_equal(found.diopters, classical.diopters)
    assert found.rerender_error["learned"] > fused.VETO_RATIO * found.rerender_error["focus_measure"]


def test_between_two_slices_nothing_is_vetoed(stack: FocalStack, classical: Estimate):
    two = FocalStack(stack.slices[[0, -1]], stack.diopters[[0, -1]], stack.radius_px_m)
    upside_down = classical.diopters.max() + classical.diopters.min() - classical.diopters
    found = combined(two, classical._replace(rerender_error={"focus_measure": 1e-6}), said(upside_down, 1.0))
    assert found.method == "learned"


def test_without_a_lens_there_is_nothing_to_ask(stack: FocalStack):
    assert estimate_learned(replace(stack, radius_px_m=None), load_network()).method == "focus_measure"


def test_the_network_that_ships_knows_better_which_of_its_depths_are_right():
    traced = truth("tabletop")
    stack = FocalStack(traced.slices, 1 / np.array(traced.distances_m), traced.radius_px_m)
    errors = []
    for found in (estimate(stack), estimate_learned(stack, load_network())):
        off = np.abs(1.0 / found.diopters - traced.depth_m) / traced.depth_m
        errors.append((off.mean(), off[found.confidence >= np.median(found.confidence)].mean()))
    (whole, surer), (whole_learned, surer_learned) = errors
    assert whole_learned < 1.02 * whole and surer_learned < 0.9 * surer


@pytest.mark.parametrize("n_slices", [2, 5])
@pytest.mark.parametrize("what", ["white", "black", "noise"])
def test_the_network_is_not_sure_of_pictures_of_nothing(what: str, n_slices: int):
    """Its expected error is that of its training scenes, whatever it sees."""
    shape = (n_slices, 48, 64, 3)
    noise = np.random.default_rng(0).normal(128, 4, shape).clip(0, 255).astype(np.uint8)
    slices = {"white": np.full(shape, 255, np.uint8), "black": np.zeros(shape, np.uint8), "noise": noise}[
        what
    ]
    found = estimate_learned(FocalStack(slices, np.linspace(2.0, 0.3, n_slices), 8.0), load_network())
    assert np.isfinite(found.diopters).all()
    assert found.confidence.mean() < (0.15 if what == "noise" else 0.01)


def test_depth_at_the_limit_of_what_two_slices_tell_has_next_to_no_confidence():
    traced = truth("tabletop")
    near, far = 1, 3
    stack = FocalStack(
        traced.slices[[near, far]], 1 / np.array(traced.distances_m)[[near, far]], traced.radius_px_m
    )
    found = estimate_learned(stack, load_network())
    is_out = traced.depth_m > 2.0 * traced.distances_m[far]
    assert is_out.mean() > 0.1 and np.median(found.confidence[is_out]) < 0.1
    inside = (traced.depth_m > traced.distances_m[near]) & (traced.depth_m < traced.distances_m[far])
    assert np.median(found.confidence[inside]) > 0.5
