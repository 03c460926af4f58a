"""Slices of automatic cameras: gains are found, depth is as good as without, and nothing else is touched."""

import numpy as np
import pytest

from focusgen.focal.alignment import moved
from focusgen.focal.classical import estimate
from focusgen.focal.exposure import Exposure, measure_exposure
from focusgen.focal.light import linear_of, pixels_of
from focusgen.focal.registration import registered
from focusgen.focal.stack import FocalStack, metres_of
from tests.focal.stacks import Truth, abs_rel, truth

AUTOMATIC = np.array([0.7, 1.4, 1.0, 1.2, 0.85])[:, None] * np.ones(3)
WHITE_BALANCE = np.array([[1.12, 1, 0.9], [1, 1, 1], [1, 1, 1], [0.94, 1, 1.07], [1, 1, 1]])


@pytest.fixture(scope="module")
def tabletop() -> Truth:
    return truth("tabletop")


def taken_with(slices: np.ndarray, gains: np.ndarray) -> np.ndarray:
    light = np.minimum(linear_of(slices) * gains[:, None, None].astype(np.float32), 1.0)
    return pixels_of(light, slices.dtype)


def _error(slices: np.ndarray, of: Truth, part: tuple[slice, slice]) -> float:
    found = estimate(FocalStack(slices, 1.0 / np.array(of.distances_m), of.radius_px_m))
    return abs_rel(metres_of(found.diopters), of.depth_m[part])


@pytest.mark.parametrize("gains", [AUTOMATIC, WHITE_BALANCE, AUTOMATIC * WHITE_BALANCE])
def test_gains_are_found_and_the_untouched_slices_stay_as_they_are(tabletop: Truth, gains: np.ndarray):
    found = measure_exposure(taken_with(tabletop.slices, gains), 2)
    assert np.abs(np.log(found.gains / gains)).max() <= 0.01
    assert (found.gains[(gains == 1.0).all(1)] == 1.0).all()
    assert found.largest_step == pytest.approx((gains.max(0) / gains.min(0)).max(), rel=0.02)


@pytest.mark.slow
def test_depth_is_as_good_as_of_even_slices(tabletop: Truth):
    part = (slice(20, 116), slice(90, 218))
    even = tabletop.slices[:, part[0], part[1]]
    slices = taken_with(even, AUTOMATIC * WHITE_BALANCE)
    without, automatic, with_gains = (
        _error(stack, tabletop, part) for stack in (even, registered(slices, aligns=False).slices, slices)
    )
    assert automatic <= 1.1 * without + 0.001
    assert with_gains > 2.0 * without  # what happened before


def test_clipped_light_is_what_the_reference_shows():
    pixels = np.array([[[255, 100, 0], [255, 255, 255], [250, 249, 9]]], np.uint8)
    reference = np.array([[[240, 90, 0], [30, 255, 200], [245, 245, 9]]], np.uint8)
    exposure = Exposure(np.array([[1.4, 1.4, 1.0], [1.0, 1, 1]]), 1)
    lowered = int(pixels_of(linear_of(np.array([255], np.uint8)) / np.float32(1.4), np.dtype(np.uint8))[0])
    out, same = exposure.all_evened(np.stack([pixels, reference]))
    assert (same == reference).all() and out[0, 2].tolist() == [245, pytest.approx(lowered, abs=6), 9]
    assert out[0, 0].tolist() == [240, pytest.approx(100 / 1.4 ** (1 / 2.2), abs=2), 0]
    assert out[0, 1].tolist() == [lowered, 255, 255]  # no dimmer than what a clipped pixel proves


def test_gains_are_found_between_clipped_lights_and_their_glow(tabletop: Truth):
    slices = taken_with(tabletop.slices, AUTOMATIC)
    for row, column in np.ndindex(12, 20):  # in every large block, and over the rims of half as large ones
        y, x = 16 * row + 7, 16 * column + 7
        slices[:, y - 2 : y + 3, x - 2 : x + 3] = 240
        slices[:, y, x] = 251
    found = measure_exposure(slices, 2)
    assert np.abs(np.log(found.gains / AUTOMATIC)).max() <= 0.03


def test_a_few_large_blocks_between_clipped_lights_are_not_believed(tabletop: Truth):
    lit = taken_with(tabletop.slices, AUTOMATIC)
    lit[0, :32, :32] //= 2  # a shadow, where no lamp is
    lamps = np.zeros(lit.shape[1:3], bool)
    lamps[2::16, 2::16] = True
    lamps[:32, :32] = False
    lit[:, lamps] = 255
    found = measure_exposure(lit, 2)
    assert np.abs(np.log(found.gains / AUTOMATIC)).max() <= 0.03


@pytest.mark.parametrize("level", [0, 1, 255])
def test_black_white_and_tiny_slices_have_no_exposure_to_compare(level: int):
    for shape in ((1, 1), (3, 40), (48, 64)):
        assert measure_exposure(np.full((3, *shape, 3), level, np.uint8), 1).is_even


def test_motion_and_noise_are_no_exposure(tabletop: Truth):
    noise = 5.0 * np.random.default_rng(2).standard_normal(tabletop.slices.shape, np.float32)
    slices = np.clip(np.rint(tabletop.slices + noise), 0, 255).astype(np.uint8)
    slices[4, 40:140, 20:150] = 210  # a thing that came into the picture
    slices[3] = moved(slices[3], np.array([[1, 0, 9.0], [0, 1, -6.0], [0, 0, 1]]))
    assert measure_exposure(slices, 2).is_even


def test_where_a_colour_has_no_light_the_others_tell_nothing_of_it(tabletop: Truth):
    slices = taken_with(tabletop.slices, AUTOMATIC)
    slices[:, :, :200, 2] = 1
    assert np.abs(np.log(measure_exposure(slices, 2).gains / AUTOMATIC)).max() <= 0.03


def test_a_small_gain_is_found_beside_motion_and_noise(tabletop: Truth):
    gains = np.array([0.93, 1.0, 1.0, 1.0, 1.0])[:, None] * np.ones(3)
    noise = 5.0 * np.random.default_rng(2).standard_normal(tabletop.slices.shape, np.float32)
    slices = np.clip(np.rint(taken_with(tabletop.slices, gains) + noise), 0, 255).astype(np.uint8)
    slices[0, 40:140, 20:150] = 210  # a thing that left the picture
    assert np.abs(measure_exposure(slices, 2).gains - gains).max() <= 0.02
