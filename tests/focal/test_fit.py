"""Whether slices fit their lens and distances: told apart from noise, on a traced stack."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from focusgen.focal.classical import estimate
from focusgen.focal.fit import FITS, believed_part, blur_factor, shows_times_the_blur, unexplained_share
from focusgen.focal.registration import registered
from focusgen.focal.render import render_stack
from focusgen.focal.stack import FocalStack, StackLens
from tests.focal.stacks import truth

WINDOW = (slice(None), slice(48, 144), slice(80, 240))


@pytest.fixture(scope="module")
def right() -> FocalStack:
    traced = truth("tabletop")
    return FocalStack(traced.slices[WINDOW], 1 / np.array(traced.distances_m), traced.radius_px_m)


def share_of(stack: FocalStack) -> float:
    return unexplained_share(stack, estimate(stack).diopters)


@pytest.mark.slow
def test_a_stack_of_its_lens_fits_noise_or_not(right: FocalStack):
    noise = np.random.default_rng(0).normal(0, 8, right.slices.shape)
    noisy = np.clip(right.slices + noise, 0, 255).astype(np.uint8)
    assert share_of(right) < 0.5 * FITS
    assert share_of(replace(right, slices=noisy)) < 0.8 * FITS


@pytest.mark.slow
def test_another_lens_another_order_and_copies_are_noticed(right: FocalStack):
    shares = {
        "twice the blur": share_of(replace(right, radius_px_m=2 * right.radius_px_m)),
        "order": share_of(replace(right, slices=right.slices[[0, 3, 2, 1, 4]])),
        "copies": share_of(replace(right, slices=np.repeat(right.slices[2:3], len(right), 0))),
    }
    assert {name: round(share, 2) for name, share in shares.items() if share <= FITS} == {}
    assert believed_part(shares["twice the blur"]) < 0.1 and believed_part(shares["copies"]) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tabletop", "handheld"])
def test_a_lens_that_is_wrong_by_a_factor_is_told_by_the_blur(name: str):
    traced = truth(name)
    slices = registered(traced.slices).slices
    right = FocalStack(slices, 1 / np.array(traced.distances_m), traced.radius_px_m)
    told = {
        factor: blur_factor(replace(right, radius_px_m=right.radius_px_m / factor))
        for factor in (0.25, 0.5, 1 / 1.6, 0.9, 1.0, 1.1, 1.6, 2.0, 2.8)
    }
    small_sensor = {1 / 1.6: 0.7, 1.6: 1.4}
    assert told == {0.25: 0.25, 0.5: 0.5, 0.9: 1.0, 1.0: 1.0, 1.1: 1.0, 2.0: 2.0, 2.8: 2.8, **small_sensor}
    assert shows_times_the_blur(replace(right, radius_px_m=right.radius_px_m / 1.2), 1.2)
    assert not shows_times_the_blur(right, 1.2)


@pytest.mark.slow
def test_a_large_picture_tells_its_lens_as_a_small_one_does(right: FocalStack):
    slices = np.stack([cv2.resize(one, None, fx=4, fy=4) for one in right.slices])
    large = replace(right, slices=slices, radius_px_m=4 * right.radius_px_m)
    assert blur_factor(large) == 1.0
    assert blur_factor(replace(large, radius_px_m=2 * right.radius_px_m)) == 2.0


@pytest.mark.parametrize("per_metre", [39.37, 100.0])
def test_distances_in_inches_or_centimetres_taken_for_metres_are_told(right: FocalStack, per_metre):
    factor = blur_factor(replace(right, radius_px_m=right.radius_px_m / per_metre))
    assert per_metre / 2 < factor < 2 * per_metre


@pytest.mark.parametrize("noise", [0.0, 2.0])
@pytest.mark.parametrize("change_px", [0.15, 0.6, 2.5])
def test_slices_that_hardly_differ_are_those_of_a_lens_that_hardly_blurs(right: FocalStack, change_px, noise):
    traced = truth("tabletop")
    window = WINDOW[1:]
    width_m = 0.05**2 / 4 * right.slices.shape[2] * right.span / change_px
    lens = StackLens(0.05, 2.0, width_m, "paper")
    drawn = np.stack(list(render_stack(traced.aif[window], traced.depth_m[window], traced.distances_m, lens)))
    seen = drawn + np.random.default_rng(0).normal(0.0, noise, drawn.shape)
    slices = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    stack = FocalStack(slices, right.diopters, lens.radius_px_m(slices.shape[2]))
    assert stack.radius_px_m * stack.span == pytest.approx(change_px)
    assert blur_factor(stack) == 1.0


def test_two_slices_and_pictures_of_nothing_say_nothing_of_the_lens(right: FocalStack):
    two = FocalStack(right.slices[::4], right.diopters[::4], 4 * right.radius_px_m)
    assert blur_factor(two) == 1.0 and not shows_times_the_blur(two, 0.25)
    assert blur_factor(replace(right, slices=np.full_like(right.slices, 255))) == 1.0


@pytest.mark.parametrize("bars", [((12, 12), (0, 0)), ((0, 0), (20, 9)), ((5, 0), (0, 7))])
def test_bars_of_a_video_change_nothing(right: FocalStack, bars):
    diopters = (1 / truth("tabletop").depth_m[WINDOW[1:]]).astype(np.float32)
    slices = np.pad(right.slices, ((0, 0), *bars, (0, 0)))
    slices += np.random.default_rng(0).integers(0, 4, slices.shape, dtype=np.uint8) * (slices == 0)
    boxed = unexplained_share(replace(right, slices=slices), np.pad(diopters, bars, "edge"))
    plain = unexplained_share(right, diopters)
    assert plain < 0.5 * FITS and boxed == pytest.approx(plain, abs=0.1)


def test_a_picture_of_nothing_has_nothing_to_explain(right: FocalStack):
    white = replace(right, slices=np.full_like(right.slices, 255))
    assert unexplained_share(white, np.full(white.slices.shape[1:3], 1.0, np.float32)) == 0.0


def test_confidence_falls_only_where_slices_do_not_fit():
    assert believed_part(0.0) == believed_part(FITS) == 1.0
    assert believed_part(2 * FITS) == pytest.approx(1 / 16)
    assert believed_part(FITS, 2.0) == believed_part(FITS, 0.5) == pytest.approx(1 / 4)
