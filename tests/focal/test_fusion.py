"""The all-in-focus picture: each pixel from where depth says, in strips that do not show."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen.focal import fusion
from focusgen.focal.fusion import fuse, fuse_slices
from focusgen.focal.stack import FocalStack

HEIGHT, WIDTH = 40, 48
SHARP = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 0.7
)
DIOPTERS = np.repeat(np.array([[2.0], [0.5]], np.float32), HEIGHT // 2, 0) + np.zeros((1, WIDTH), np.float32)


def stack(gain: float | None = 20.0, dtype: type = np.uint8) -> FocalStack:
    """Upper half sharp in the first slice, lower half in the last; the middle one is blurred everywhere."""
    blurred = cv2.GaussianBlur(SHARP, (0, 0), 3.0)
    slices = np.stack([blurred] * 3)
    slices[0][: HEIGHT // 2], slices[2][HEIGHT // 2 :] = SHARP[: HEIGHT // 2], SHARP[HEIGHT // 2 :]
    scaled = slices.astype(dtype) * (257 if dtype is np.uint16 else 1)
    return FocalStack(scaled.astype(dtype), np.array([2.0, 1.0, 0.5]), gain)


@pytest.mark.parametrize("gain", [20.0, 2.0, None])
def test_every_pixel_comes_from_the_slice_that_shows_it(gain):
    found = fuse(stack(gain), DIOPTERS)
    assert found.rgb.shape == SHARP.shape and found.rgb.dtype == np.uint8
    inside = np.r_[0 : HEIGHT // 2 - 4, HEIGHT // 2 + 4 : HEIGHT]
    difference = np.abs(found.rgb.astype(int) - SHARP)[inside]
    assert difference.mean() < 1.0
    assert (found.slice_index[: HEIGHT // 2 - 4] == 0).all() and (
        found.slice_index[HEIGHT // 2 + 4 :] == 2
    ).all()


def test_slices_that_are_alike_give_themselves():
    same = FocalStack(np.stack([SHARP] * 3), np.array([2.0, 1.0, 0.5]), 20.0)
    found = fuse(same, DIOPTERS)
    assert np.abs(found.rgb.astype(int) - SHARP).max() <= 1


def test_sixteen_bits_stay_sixteen_and_are_the_same_picture():
    deep = fuse(stack(dtype=np.uint16), DIOPTERS).rgb
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257.0 - fuse(stack(), DIOPTERS).rgb).max() <= 1.5


@pytest.mark.parametrize("rows", [16, 20, 37])
def test_strips_do_not_show(monkeypatch, rows):
    texture = SHARP.astype(float) - 128.0
    fading = np.linspace(0.1, 0.9, HEIGHT)[:, None, None]  # weights of both slices change from row to row
    slices = np.rint(128.0 + np.stack([fading * texture, np.roll((1.0 - fading) * texture, 5, 1)]))
    undecided = FocalStack(slices.astype(np.uint8), np.array([1.1, 1.0]), 1.0)
    for one, depth in ((stack(), DIOPTERS), (undecided, np.full_like(DIOPTERS, 1.05))):
        whole = fuse(one, depth)
        monkeypatch.setattr(fusion, "STRIP_ROWS", rows)
        cut = fuse(one, depth)
        monkeypatch.undo()
        assert np.abs(cut.rgb.astype(int) - whole.rgb).max() <= 1
        assert (cut.slice_index != whole.slice_index).mean() < 0.002


def test_slices_are_read_once_each_in_turn_and_progress_is_told():
    reads, told, one = [], [], stack()

    def read(n: int) -> np.ndarray:
        reads.append(n)
        return one.slices[n]

    found = fuse_slices(read, one.diopters, DIOPTERS, 20.0, told.append)
    assert reads == told == [0, 1, 2]
    np.testing.assert_array_equal(found.rgb, fuse(one, DIOPTERS).rgb)


def test_the_order_of_slices_only_renumbers_them():
    one = stack()
    turned = FocalStack(one.slices[::-1].copy(), one.diopters[::-1].copy(), 20.0)
    plain, other = fuse(one, DIOPTERS), fuse(turned, DIOPTERS)
    assert np.abs(plain.rgb.astype(int) - other.rgb).max() <= 1
    assert (other.slice_index != 2 - plain.slice_index).mean() < 0.01


def test_depth_outvotes_sharpness_where_blur_differs_by_many_pixels():
    # A checkerboard in the wrong slice: all the energy there is, and none of it belongs here.
    flat = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    noisy = np.random.default_rng(1).integers(0, 256, flat.shape, dtype=np.uint8)
    found = fuse(
        FocalStack(np.stack([flat, noisy]), np.array([2.0, 0.5]), 60.0),
        np.full((HEIGHT, WIDTH), 2.0, np.float32),
    )
    assert np.abs(found.rgb.astype(int) - 128).max() <= 1


STRONG, FAINT = 0.3, 0.02
"""Parts of the texture's contrast: far above, and below, the energy that counts without a lens."""


def chosen(focus: list[float], contrasts: list[float], gain: float | None, part: float) -> int:
    """Return the slice that most pixels come from; depth is that of the last slice."""
    texture = part * (SHARP.astype(float) - 128.0)
    slices = np.stack([np.rint(128.0 + contrast * texture).astype(np.uint8) for contrast in contrasts])
    depth = np.full((HEIGHT, WIDTH), focus[-1], np.float32)
    return int(np.median(fuse(FocalStack(slices, np.array(focus), gain), depth).slice_index))


def test_sharpness_decides_between_slices_that_a_lens_blurs_alike():
    assert chosen([1.1, 1.0], [2.0, 1.0], 10.0, STRONG) == 0
    assert chosen([1.1, 1.0], [1.2, 1.0], 10.0, STRONG) == 1
    assert chosen([1.1, 1.0], [1.0, 0.0], 10.0, FAINT) == 0


def test_depth_decides_between_neighbours_of_a_weak_lens_however_far_off_the_others_are():
    assert chosen([3.0, 1.1, 1.0], [0.0, 1.3, 1.0], 2.0, STRONG) == 2
    assert chosen([3.0, 1.1, 1.0], [0.0, 2.0, 1.0], 2.0, STRONG) == 1


def test_without_a_lens_a_slice_is_four_pixels_of_blur_and_faint_texture_says_nothing():
    assert chosen([1.1, 1.0], [1.0, 0.2], None, STRONG) == 0
    assert chosen([1.1, 1.0], [1.0, 0.0], None, FAINT) == 1


def test_sharpness_is_that_of_few_pixels_around():
    texture = SHARP.astype(float) - 128.0
    left, right = 0.6 * texture, 0.2 * texture
    left[:, WIDTH // 2 :], right[:, : WIDTH // 2] = 0.0, 0.0
    slices = np.rint(128.0 + np.stack([left, right])).astype(np.uint8)
    found = fuse(FocalStack(slices, np.array([1.1, 1.0]), 1.0), np.full((HEIGHT, WIDTH), 1.05, np.float32))
    n_beyond = (found.slice_index == 0).sum(1) - WIDTH // 2
    assert 0 <= np.median(n_beyond) <= 4  # where both have as much energy
