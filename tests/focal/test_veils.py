"""Blurred edges of a near bar over a wall behind it, taken off the slice that is focused on the wall."""

import numpy as np
import pytest

from focusgen.focal.blur_bank import disc_blurred
from focusgen.focal.light import linear_of, pixels_of
from focusgen.focal.stack import FocalStack
from focusgen.focal.veils import Veil, Veils, cleared

NEAR, FAR, GAIN = 2.0, 0.5, 5.0  # the bar is blurred by 7.5 px in the far slice
U8 = np.dtype(np.uint8)


@pytest.fixture(scope="module")
def wall() -> np.ndarray:
    """Return linear light of a wall with coarse texture, (H, W, 3)."""
    coarse = np.random.default_rng(4).uniform(0.05, 0.4, (12, 18, 3))
    return coarse.repeat(8, 0).repeat(8, 1).astype(np.float32)


@pytest.fixture(scope="module")
def bar() -> np.ndarray:
    return np.broadcast_to(abs(np.arange(144) - 72) < 14, (96, 144))


def scene(wall: np.ndarray, bar: np.ndarray) -> tuple[FocalStack, np.ndarray, np.ndarray]:
    """Return a stack of two slices of a bright bar before a wall, inverse depth, and the sharp picture."""
    bright = np.array([0.9, 0.8, 0.3], np.float32)
    density = np.clip(disc_blurred(bar[None].astype(np.float32), GAIN * (NEAR - FAR)), 0.0, 1.0)[0, ..., None]
    far_slice = bright * density + wall * (1.0 - density)
    soft_wall = disc_blurred(wall.transpose(2, 0, 1), GAIN * (NEAR - FAR)).transpose(1, 2, 0)
    sharp = np.where(bar[..., None], bright, wall)
    slices = np.stack([pixels_of(np.where(bar[..., None], bright, soft_wall), U8), pixels_of(far_slice, U8)])
    diopters = np.where(bar, NEAR, FAR).astype(np.float32)
    return FocalStack(slices, np.array([NEAR, FAR]), GAIN), diopters, pixels_of(sharp, U8)


def test_the_wall_beside_the_bar_comes_out_from_under_its_veil(wall: np.ndarray, bar: np.ndarray):
    stack, diopters, rgb = scene(wall, bar)
    veils = Veils(stack, diopters, rgb)
    density = veils.of(1).density
    thin = ~bar & (density > 0.03) & (density < 0.3)
    before, after = (
        np.abs(linear_of(picture)[thin] - wall[thin]).mean()
        for picture in (stack.slices[1], veils.taken_off(1, stack.slices[1]))
    )
    assert thin.sum() > 500
    assert after < 0.15 * before


def test_a_bar_is_never_veiled_by_itself_nor_by_what_is_behind_it(wall: np.ndarray, bar: np.ndarray):
    stack, diopters, rgb = scene(wall, bar)
    veils = Veils(stack, diopters, rgb)
    for n in (0, 1):
        assert veils.of(n).density[bar].max() == 0.0
        np.testing.assert_array_equal(veils.taken_off(n, stack.slices[n])[bar], stack.slices[n][bar])


@pytest.mark.parametrize("column", [0, 3, 41, 99, 139])
def test_a_thing_wherever_it_is_veils_as_far_as_its_blur_reaches(wall: np.ndarray, column: int):
    thing = np.zeros((96, 144), bool)
    thing[30:37, column : column + 5] = True
    stack, diopters, rgb = scene(wall, thing)
    veil = Veils(stack, diopters, rgb).of(1)
    drawn = np.clip(disc_blurred(thing[None].astype(np.float32), 7.2), 0.0, 1.0)[0]  # its layer's own blur
    np.testing.assert_allclose(veil.density[~thing], drawn[~thing], atol=0.02)
    assert drawn[~thing].max() > 0.1


def test_a_slanted_floor_keeps_every_byte(wall: np.ndarray):
    floor = np.linspace(FAR, FAR + 0.24, 96, dtype=np.float32)[:, None] * np.ones((1, 144), np.float32)
    slices = np.stack([pixels_of(wall, U8)] * 2)
    veils = Veils(FocalStack(slices, np.array([NEAR, FAR]), GAIN), floor, slices[0])
    one = slices[1]
    assert veils.taken_off(1, one) is one


def test_dense_veils_stay_and_white_stays_white():
    light = np.full((1, 3, 3), 0.5, np.float32)
    density = np.array([[0.0, 0.2, 0.8]], np.float32)
    own = cleared(light, Veil(density[..., None] * np.float32(0.1), density))
    np.testing.assert_allclose(own[0, :, 0], [0.5, (0.5 - 0.02) / 0.8, 0.5], rtol=1e-5)
    white = np.ones((1, 3, 3), np.float32)
    np.testing.assert_allclose(cleared(white, Veil(density[..., None] * white, density)), 1.0, atol=1e-6)


@pytest.mark.parametrize("cut_off", [0, 7])
def test_slices_larger_than_the_depth_lose_their_veil_too(wall: np.ndarray, bar: np.ndarray, cut_off: int):
    stack, diopters, rgb = scene(wall, bar)
    rest = ((0, cut_off), (0, cut_off), (0, 0))  # what shrinking by 8 left out
    large = np.pad(stack.slices[1].repeat(8, 0).repeat(8, 1), rest, "edge")
    off = Veils(stack, diopters, rgb).taken_off(1, large)
    small = Veils(stack, diopters, rgb).taken_off(1, stack.slices[1]).repeat(8, 0).repeat(8, 1)
    small = np.pad(small, rest, "edge")
    assert off.shape == large.shape
    assert np.abs(off.astype(int) - small).mean() < 0.1 * np.abs(small.astype(int) - large).mean() + 0.3
