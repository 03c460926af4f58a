"""Fusing and the veto: classical depth where it is sure, a mean where both agree, the network's elsewhere."""

import numpy as np
import pytest

from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.learned import fused
from focusgen.focal.learned.fused import (
    MEAN_SHARE,
    Settled,
    combined,
    estimate_learned,
    expected_log_error,
    network_share,
)
from focusgen.focal.learned.network import FocalNet
from focusgen.focal.learned.weights import load_network
from focusgen.focal.stack import FocalStack
from tests.focal.stacks import truth

ONES = np.ones((16, 16), np.float32)


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


def sure(confidence: float) -> Estimate:
    return Estimate(ONES, ONES, confidence * ONES, "relative_blur", {})


def said(diopters: float, log_error: float) -> Settled:
    return Settled(diopters * ONES, log_error * ONES)


def test_far_apart_the_depth_that_expects_the_smaller_error_is_taken():
    own = float(expected_log_error(0.5 * ONES)[0, 0])
    assert network_share(sure(0.5), said(3.0, 1.05 * own)).max() < 0.05
    assert network_share(sure(0.5), said(3.0, 0.95 * own)).min() > 0.9
    assert network_share(sure(0.01), said(3.0, 0.3)).min() > 0.9, "a classical depth without confidence"


def test_close_together_both_are_averaged_and_the_share_falls_with_the_distance():
    assert np.allclose(network_share(sure(0.5), said(1.02, 0.9)), MEAN_SHARE)
    shares = [float(network_share(sure(0.5), said(ratio, 0.9))[0, 0]) for ratio in (1.05, 1.2, 1.5, 3.0)]
    assert shares == sorted(shares, reverse=True) and shares[-1] < 0.1 * shares[0]


def test_where_the_sweep_was_vetoed_the_network_has_its_say():
    vetoed = sure(0.9)._replace(method="focus_measure")
    assert network_share(vetoed, said(3.0, 0.9)).min() == 1.0


def test_more_confidence_is_less_expected_error():
    expected = expected_log_error(np.linspace(0, 1, 50, dtype=np.float32))
    assert (np.diff(expected) <= 0).all() and expected[0] > 5 * expected[-1] > 0


def test_a_network_that_agrees_is_heard_and_raises_the_confidence(stack: FocalStack, classical: Estimate):
    better = classical.diopters * 1.01
    found = combined(stack, classical, Settled(better, np.full_like(better, 1e-3)))
    assert found.method == "learned" and set(found.rerender_error) >= {"learned", "focus_measure"}
    assert np.allclose(found.diopters, classical.diopters * (1 + 0.01 * MEAN_SHARE), rtol=1e-3)
    alone = fused.HALF_SURE / (fused.HALF_SURE + expected_log_error(classical.confidence))
    assert (found.confidence > alone).all()


def test_a_network_that_is_wrong_where_it_is_believed_is_vetoed(stack: FocalStack, classical: Estimate):
    believed = classical._replace(method="focus_measure", confidence=np.zeros_like(classical.confidence))
    upside_down = classical.diopters.max() + classical.diopters.min() - classical.diopters
    found = combined(stack, believed, Settled(upside_down, np.full_like(upside_down, 1e-3)))
    assert found.method == "focus_measure"
    assert np.array_equal(found.diopters, classical.diopters)
    assert found.rerender_error["learned"] > fused.VETO_RATIO * found.rerender_error["focus_measure"]


def test_without_a_lens_there_is_nothing_to_ask(stack: FocalStack):
    assert estimate_learned(stack.without_lens(), FocalNet()).method == "focus_measure"


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
