"""Slices whose contrast or corners change from one to the next: that is taken back, and nothing else is."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from focusgen.focal import light_change
from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.fit import FITS
from focusgen.focal.light import linear_of, pixels_of
from focusgen.focal.light_change import LightChange, _seen, found_in_even_light, measure_change
from focusgen.focal.misfit import Fit, Misfit
from focusgen.focal.stack import FocalStack, metres_of
from tests.focal.stacks import Truth, abs_rel, part_of

EXPONENTS = np.array([0.95, 1.04, 0.98, 1.06, 0.97])
CORNERS = np.array([-0.1, -0.06, 0.0, -0.03, -0.08])


@pytest.fixture(scope="module")
def tabletop(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return part_of("tabletop", tmp_path_factory.mktemp("tabletop"))


def _stack(of: Truth) -> FocalStack:
    return FocalStack(of.slices, 1.0 / np.array(of.distances_m), of.radius_px_m)


def with_contrast(slices: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """Return 8-bit slices whose display values turn around their middle."""
    out = []
    for one, exponent in zip(slices / 255.0, exponents, strict=True):
        middle = np.median(one)
        out.append(np.rint(255.0 * np.clip(middle * (one / middle) ** exponent, 0.0, 1.0)))
    return np.stack(out).astype(np.uint8)


def with_dark_corners(slices: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return slices whose linear light falls with the squared distance from the centre, as lenses do it."""
    height, width = slices.shape[1:3]
    y, x = np.mgrid[1 - height : height : 2, 1 - width : width : 2]
    falls = np.exp(corners[:, None, None] * (x**2 + y**2) / (height**2 + width**2))
    return pixels_of(np.minimum(linear_of(slices) * falls[..., None], 1.0).astype(np.float32), slices.dtype)


def _error(found: Estimate, of: Truth) -> float:
    return abs_rel(metres_of(found.diopters), of.depth_m)


@pytest.mark.parametrize(
    ("change", "of", "drawn"),
    [(with_contrast, "exponents", EXPONENTS), (with_dark_corners, "corners", CORNERS)],
)
def test_light_that_changes_is_taken_back_and_depth_is_nearly_as_good_as_without(
    tabletop: Truth, change: Callable[..., np.ndarray], of: str, drawn: np.ndarray
):
    stack = _stack(tabletop)
    changed = replace(stack, slices=change(stack.slices, drawn))
    found = found_in_even_light(changed, estimate)
    as_taken, without = _error(estimate(changed), tabletop), _error(estimate(stack), tabletop)
    assert _error(found.estimate, tabletop) - without <= 0.4 * (as_taken - without)
    assert np.abs(getattr(found.change, of) - (drawn - drawn.mean())).max() <= 0.008  # after one round .011
    assert not (found.stack.slices == changed.slices).all()


def _noisy(slices: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(5).normal(0.0, 0.02 * 255.0, slices.shape)
    return np.clip(np.rint(slices + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("is_noisy", [False, True])
def test_slices_of_one_light_stay_as_they_are(tabletop: Truth, is_noisy: bool):
    stack = _stack(tabletop)
    stack = replace(stack, slices=_noisy(stack.slices)) if is_noisy else stack
    found = found_in_even_light(stack, estimate)
    assert found.stack is stack and found.change.is_even


@pytest.mark.parametrize("what", ["lens", "order"])
def test_another_lens_or_order_is_no_change_of_light(tabletop: Truth, what: str):
    stack = _stack(tabletop)
    wrong = replace(stack, radius_px_m=1.4 * stack.radius_px_m)
    if what == "order":
        wrong = replace(stack, slices=stack.slices[[1, 0, 2, 3, 4]])
    assert measure_change(wrong, estimate(wrong).diopters).may_be_seen
    assert found_in_even_light(wrong, estimate).change.is_even


@pytest.mark.parametrize("wrong", [{"factor": 0.5}, {"misfit": Misfit(orders=((1, 0, 2, 3, 4),))}])
def test_a_lens_or_an_order_that_looks_wrong_is_enough_to_leave_light_alone(
    tabletop: Truth, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object]
):
    """As of foliage under half of its blur, which would become more alike by another contrast."""
    stack = _stack(tabletop)
    changed = replace(stack, slices=with_contrast(stack.slices, EXPONENTS))
    fit = Fit(0.3, FITS, 1.0, Misfit())._replace(**wrong)
    monkeypatch.setattr(light_change, "fit_of", lambda stack, diopters: fit)
    assert found_in_even_light(changed, estimate).change.is_even


def test_clipped_light_is_not_compared_nor_what_lies_beside_it():
    light, drawn = np.full((2, 60, 60), 0.3, np.float32)
    light[20:40, 20:40] = 1.0
    seen = _seen(light, drawn)
    assert len(seen) > 1000 and np.abs(seen[:, 0] - np.log(0.3)).max() < 0.02


def test_slices_that_moved_are_not_better_explained_by_light_and_stay(tabletop: Truth):
    stack, rng = _stack(tabletop), np.random.default_rng(5)
    size = stack.slices.shape[2:0:-1]
    shifts = [np.array([[1.0, 0.0, x], [0.0, 1.0, y]]) for x, y in rng.uniform(-2.0, 2.0, (5, 2))]
    shaken = [cv2.warpAffine(one, shift, size) for one, shift in zip(stack.slices, shifts, strict=True)]
    moved = replace(stack, slices=np.stack(shaken))
    assert measure_change(moved, estimate(moved).diopters).may_be_seen
    assert found_in_even_light(moved, estimate).change.is_even


def test_what_slices_without_a_change_show_and_what_few_pixels_tell_is_none(tabletop: Truth):
    zeros, one = np.zeros(2), np.array([0.0, 1.0])
    for exponents, corners, is_more in ((0.009, 0.019, False), (0.011, 0.0, True), (0.0, 0.021, True)):
        assert LightChange(zeros, exponents * one, corners * one).may_be_seen is is_more
    few = replace(_stack(tabletop), slices=with_contrast(tabletop.slices, EXPONENTS)[:, :28, :28])
    assert measure_change(few, np.full((28, 28), 1.0, np.float32)).is_even


def test_two_changes_as_one_are_the_second_taken_back_after_the_first():
    one = LightChange(np.array([0.05]), np.array([0.04]), np.array([-0.06]), -2.0)
    other = LightChange(np.array([-0.02]), np.array([0.03]), np.array([0.02]), -1.0)
    levels = np.tile(np.arange(10_000, 60_000, 1_000, np.uint16)[None, :, None], (3, 1, 3))
    in_turn = other.evened(0, one.evened(0, levels)).astype(float)
    assert np.abs(one.with_more(other).evened(0, levels) / in_turn - 1.0).max() < 0.002


def test_black_and_clipped_pixels_stay():
    one = np.array([0.1, -0.1])
    changed = LightChange(one, 2.0 * one, one, np.log(0.2))
    levels = np.repeat(np.array([0, 10, 128, 249, 250, 255], np.uint8)[None, :, None], 3, 2)
    for n in range(2):
        even = changed.evened(n, levels)
        assert (even[0, [0, 4, 5]] == levels[0, [0, 4, 5]]).all()
        assert (even[0, 1:4] != levels[0, 1:4]).all()
