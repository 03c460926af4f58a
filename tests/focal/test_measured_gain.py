"""The blur of a lens that nobody tells: found from traced slices, and not from what does not show it."""

from dataclasses import replace

import numpy as np
import pytest

from focusgen.focal.measured_gain import fits_inverse_better, measured_gain
from focusgen.focal.registration import registered
from focusgen.focal.stack import FocalStack
from tests.focal.stacks import truth

RNG = np.random.default_rng(0)


def blind(slices, diopters) -> FocalStack:
    return FocalStack(np.clip(slices, 0, 255).astype(np.uint8), diopters, None)


def traced(name: str, chosen: slice = slice(None)) -> tuple[FocalStack, float]:
    right = truth(name)
    slices = registered(right.slices[:, 32:160, 53:267]).slices[chosen]
    return blind(slices, 1 / np.array(right.distances_m)[chosen]), right.radius_px_m


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "chosen", "sigma"),
    [
        ("tabletop", slice(None), 0),
        ("handheld", slice(None), 0),
        ("tabletop", slice(None), 8),
        ("tabletop", slice(0, 5, 2), 0),
    ],
)
def test_the_slices_tell_how_much_their_lens_blurs(name: str, chosen: slice, sigma: float):
    stack, true = traced(name, chosen)
    noisy = blind(stack.slices + RNG.normal(0, sigma, stack.slices.shape), stack.diopters)
    gain = measured_gain(noisy)
    assert gain is not None and 0.94 < gain / true < 1.03


@pytest.mark.slow
def test_distances_in_other_units_give_the_same_blur_between_the_slices_and_what_is_said_is_not_heeded():
    stack, true = traced("tabletop", slice(0, 5, 2))
    gain, scaled = (measured_gain(replace(stack, diopters=k * stack.diopters)) for k in (1.0, 0.01))
    assert gain is not None and scaled == pytest.approx(100 * gain, rel=0.01)
    assert measured_gain(replace(stack, radius_px_m=7 * true)) == gain


@pytest.mark.parametrize(
    ("told", "is_inverse"),
    [
        (lambda u: 1 / u, False),
        (lambda u: u, True),
        (lambda u: 0.02 + 0.1 * (u - u.min()), True),  # disparity
        (lambda u: np.arange(1.0, len(u) + 1), True),  # steps
        (lambda u: np.append(np.arange(1.0, len(u)), np.inf), False),
    ],
)
def test_numbers_that_are_no_metres_explain_the_slices_better_as_diopters(told, is_inverse):
    right = truth("tabletop")
    order = np.argsort(metres := told(1 / np.array(right.distances_m)))
    assert fits_inverse_better(blind(right.slices[order, ::2, ::2], 1 / metres[order])) is is_inverse


PICTURE = RNG.normal(128, 40, (96, 160, 3))


@pytest.mark.parametrize(
    "slices",
    [
        pytest.param(PICTURE + RNG.normal(0, 3, (5, 96, 160, 3)), id="copies"),
        pytest.param(RNG.normal(128, 30, (5, 96, 160, 3)), id="noise"),
        pytest.param(np.full((5, 96, 160, 3), 255.0), id="white"),
        pytest.param(RNG.normal(128, 30, (5, 1, 1, 3)), id="one pixel"),
        pytest.param(PICTURE * np.linspace(0.5, 1, 2)[:, None, None, None], id="two slices"),
    ],
)
def test_what_shows_no_blur_tells_none(slices):
    assert measured_gain(blind(slices, np.linspace(2.0, 0.5, len(slices)))) is None
