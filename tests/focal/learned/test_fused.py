"""Fusing and the veto: the surer depth wins, both where they agree, neither where others explain more."""

import numpy as np
import pytest

from focusgen.focal.classical import estimate
from focusgen.focal.learned import fused
from focusgen.focal.learned.ask import Reading
from focusgen.focal.learned.fused import estimate_learned, expected_log_error, learned_share
from focusgen.focal.learned.network import FocalNet
from focusgen.focal.stack import FocalStack
from tests.focal.stacks import truth

ONES = np.ones((16, 16), np.float32)
NET = FocalNet()


@pytest.fixture(scope="module")
def stack() -> FocalStack:
    traced = truth("tabletop")
    window = (slice(None), slice(60, 124), slice(100, 196))
    return FocalStack(traced.slices[window], 1 / np.array(traced.distances_m), traced.radius_px_m)


def answers(monkeypatch: pytest.MonkeyPatch, diopters: np.ndarray, log_error: float) -> None:
    reading = Reading(
        diopters, np.full(diopters.shape, log_error, np.float32), np.zeros((*diopters.shape, 3))
    )
    monkeypatch.setattr(fused, "read_stack", lambda stack, net: reading)


def test_far_apart_the_surer_one_is_taken_whole():
    sure, unsure = 0.01 * ONES, 0.3 * ONES
    assert learned_share(ONES, unsure, 3 * ONES, sure).min() > 0.99
    assert learned_share(ONES, sure, 3 * ONES, unsure).max() < 0.01


def test_close_together_both_are_averaged_by_what_they_expect():
    share = learned_share(ONES, 0.1 * ONES, 1.02 * ONES, 0.1 * ONES)
    assert np.allclose(share, 0.5, atol=1e-4)
    assert np.allclose(learned_share(ONES, 0.1 * ONES, 1.02 * ONES, 0.05 * ONES), 0.8, atol=1e-3)


def test_more_confidence_is_less_expected_error():
    expected = expected_log_error(np.linspace(0, 1, 50, dtype=np.float32))
    assert (np.diff(expected) <= 0).all() and expected[0] > 5 * expected[-1] > 0


def test_a_sure_and_right_network_is_followed(stack: FocalStack, monkeypatch: pytest.MonkeyPatch):
    classical = estimate(stack)
    better = classical.diopters * 1.005
    answers(monkeypatch, better, 1e-3)
    found = estimate_learned(stack, NET)
    assert found.method == "learned" and set(found.rerender_error) >= {"learned", "classical"}
    assert np.allclose(found.diopters, better, rtol=2e-3)
    assert found.confidence.min() > 0.9


def test_a_sure_and_wrong_network_is_vetoed(stack: FocalStack, monkeypatch: pytest.MonkeyPatch):
    classical = estimate(stack)
    answers(monkeypatch, np.full_like(classical.diopters, stack.diopters.min()), 1e-4)
    found = estimate_learned(stack, NET)
    assert found.method == classical.method
    assert np.array_equal(found.diopters, classical.diopters)
    assert found.rerender_error["learned"] > found.rerender_error["focus_measure"]
    assert found.rerender_error["learned"] > found.rerender_error["classical"]


def test_an_unsure_network_changes_nothing(stack: FocalStack, monkeypatch: pytest.MonkeyPatch):
    classical = estimate(stack)
    answers(monkeypatch, 0.5 * classical.diopters, 20.0)
    assert np.allclose(estimate_learned(stack, NET).diopters, classical.diopters, rtol=1e-3)


def test_without_a_lens_there_is_nothing_to_ask(stack: FocalStack):
    found = estimate_learned(stack.without_lens(), NET)
    assert found.method == "focus_measure"
