"""Slices of cameras that set contrast by what they see: it is found, and taken back; nothing else is."""

from dataclasses import replace

import numpy as np
import pytest

from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.contrast import Contrast, found_evenly, measure_contrast
from focusgen.focal.stack import FocalStack, metres_of
from tests.focal.stacks import Truth, abs_rel, truth

EXPONENTS = np.array([0.95, 1.04, 0.98, 1.06, 0.97])


@pytest.fixture(scope="module")
def tabletop() -> Truth:
    return truth("tabletop")


def _stack(of: Truth) -> FocalStack:
    return FocalStack(of.slices, 1.0 / np.array(of.distances_m), of.radius_px_m)


def with_contrast(slices: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """Return 8-bit slices whose display values turn around their middle."""
    out = []
    for one, exponent in zip(slices / 255.0, exponents, strict=True):
        middle = np.median(one)
        out.append(np.rint(255.0 * np.clip(middle * (one / middle) ** exponent, 0.0, 1.0)))
    return np.stack(out).astype(np.uint8)


def _error(found: Estimate, of: Truth) -> float:
    return abs_rel(metres_of(found.diopters), of.depth_m)


def test_contrast_that_differs_is_taken_back_and_depth_is_nearly_as_good_as_without(tabletop: Truth):
    stack = _stack(tabletop)
    changed = replace(stack, slices=with_contrast(stack.slices, EXPONENTS))
    found = found_evenly(changed, estimate)
    as_taken, without = _error(estimate(changed), tabletop), _error(estimate(stack), tabletop)
    even = _error(found.estimate, tabletop)
    assert even - without <= 0.4 * (as_taken - without), (without, even, as_taken)
    assert np.abs(found.contrast.exponents - (EXPONENTS - EXPONENTS.mean())).max() <= 0.01
    assert not (found.stack.slices == changed.slices).all()


def _noisy(slices: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(5).normal(0.0, 0.02 * 255.0, slices.shape)
    return np.clip(np.rint(slices + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "change", [lambda stack: stack, lambda stack: replace(stack, slices=_noisy(stack.slices))]
)
def test_slices_of_one_contrast_stay_as_they_are(tabletop: Truth, change):
    stack = change(_stack(tabletop))
    found = found_evenly(stack, estimate)
    assert found.stack is stack and found.contrast.is_even


def test_another_lens_is_no_contrast(tabletop: Truth):
    stack = _stack(tabletop)
    wrong = replace(stack, radius_px_m=1.4 * stack.radius_px_m)
    assert measure_contrast(wrong, estimate(wrong).diopters).largest_step > 0.01
    assert found_evenly(wrong, estimate).contrast.is_even


def test_black_and_clipped_pixels_stay():
    changed = Contrast(np.array([0.1, -0.1]), np.array([0.2, -0.2]), np.log(0.2))
    levels = np.array([0, 10, 128, 249, 250, 255], np.uint8)
    for n in range(2):
        even = changed.evened(n, levels)
        assert (even[[0, 4, 5]] == levels[[0, 4, 5]]).all() and (even[1:4] != levels[1:4]).all()
