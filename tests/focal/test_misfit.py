"""Why slices do not fit: their order, or light that changed, named where it is so and only there."""

from dataclasses import replace

import numpy as np
import pytest

from focusgen.focal.fit import FITS
from focusgen.focal.light import linear_of, pixels_of
from focusgen.focal.misfit import Fit, Misfit, changed_light, misfit_of, shortest_path
from focusgen.focal.render import render_stack
from focusgen.focal.stack import FocalStack, StackLens
from tests.focal.stacks import truth

UNEXPLAINED = 1.5 * FITS


@pytest.fixture(scope="module")
def right() -> FocalStack:
    traced = truth("tabletop")
    return FocalStack(traced.slices, 1 / np.array(traced.distances_m), traced.radius_px_m)


def in_order(stack: FocalStack, *order: int) -> FocalStack:
    return replace(stack, slices=stack.slices[list(order)])


def lit(stack: FocalStack, *changes) -> FocalStack:
    """Return a stack whose slices were changed in linear light, one function each."""
    light = (change(linear_of(one)) for change, one in zip(changes, stack.slices, strict=True))
    return replace(stack, slices=np.stack([pixels_of(np.clip(one, 0, 1), np.uint8) for one in light]))


def corners(strength: float, shape: tuple[int, int]):
    y, x = (np.linspace(-1, 1, side) for side in shape)
    fall = 1 - strength * (y[:, None, None] ** 2 + x[None, :, None] ** 2) / 2
    return lambda light: light * fall


def test_slices_in_their_order_and_light_are_left_alone(right: FocalStack):
    assert misfit_of(right, 0.3, 1.0) == misfit_of(right, UNEXPLAINED, 1.0) == Misfit()


@pytest.mark.parametrize("order", [(0, 3, 2, 1, 4), (1, 0, 2, 3, 4), (0, 1, 3, 2, 4), (2, 4, 1, 0, 3)])
def test_slices_in_another_order_are_told_the_right_one_however_well_they_fit(right: FocalStack, order):
    found = misfit_of(in_order(right, *order), 0.3, 1.0)
    way_back = tuple(int(n) for n in np.argsort(order))
    assert {way_back, way_back[::-1]} & set(found.orders) and found.gain < 0.75
    assert not Fit(0.3, FITS, 1.0, found).fits and Fit(0.3, FITS, 1.0, found).believed_part < 0.6


@pytest.mark.slow
def test_a_reversed_order_is_told_where_spacing_is_uneven_and_no_wrong_lens_is_taken_for_it():
    traced, distances_m = truth("tabletop"), [0.5, 1.2, 1.9, 2.6, 3.4]  # even in metres
    lens = StackLens(0.05, 2.0)
    slices = list(render_stack(traced.aif, traced.depth_m, distances_m, lens, transfer="srgb"))
    stack = FocalStack(np.stack(slices), 1 / np.array(distances_m), lens.radius_px_m(traced.aif.shape[1]))
    turned = in_order(stack, 4, 3, 2, 1, 0)
    assert misfit_of(turned, UNEXPLAINED, 1.0).orders == ((4, 3, 2, 1, 0),)
    for lens in (0.5, 1.0, 2.0):
        other = replace(stack, radius_px_m=stack.radius_px_m / lens)
        assert not misfit_of(other, UNEXPLAINED, lens).orders


def test_three_slices_tell_no_order(right: FocalStack):
    three = FocalStack(right.slices[[2, 0, 4]], right.diopters[[0, 2, 4]], right.radius_px_m)
    assert not misfit_of(three, 0.3, 1.0).orders


def test_light_that_changes_is_named(right: FocalStack):
    shape = right.slices.shape[1:3]
    vignetted = lit(right, *(corners(strength, shape) for strength in (0.1, 0.2, 0.3, 0.4, 0.5)))
    toned = lit(right, *((lambda light, g=g: light**g) for g in (0.8, 1.0, 0.9, 1.25, 1.1)))
    assert [changed_light(one) for one in (right, vignetted, toned)] == [None, "vignetting", "tone"]
    assert misfit_of(vignetted, UNEXPLAINED, 1.0).light == "vignetting"
    assert misfit_of(vignetted, 0.3, 1.0) == Misfit()  # it explains all the same


def test_clipped_pixels_are_named_where_nothing_else_is(right: FocalStack):
    bright = lit(right, *[lambda light: 4.0 * light] * 5)
    assert misfit_of(bright, UNEXPLAINED, 1.0).light == "clipped"
    assert misfit_of(bright, UNEXPLAINED, 2.0).light is None


def test_a_picture_of_nothing_has_no_light_that_changes(right: FocalStack):
    for value in (0, 128, 255):
        assert changed_light(replace(right, slices=np.full_like(right.slices, value))) is None


@pytest.mark.parametrize("n", [2, 3, 6, 40])
def test_the_path_through_points_of_a_line_is_found_from_any_start(n: int):
    places = np.random.default_rng(n).permutation(n).astype(float)
    found = shortest_path(np.abs(places[:, None] - places))
    assert abs(np.diff(places[list(found)])).max() == 1
