"""What the network sees of a picture: sizes in whole patches, a cubic resize, ImageNet's normalisation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from focusgen.models.vda.frames import IMAGENET_MEAN, IMAGENET_STD, network_size, normalise, resize_frames


@given(st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([14, 42, 280, 518]))
def test_sizes_are_whole_patches_in_bounds_for_any_picture(height, width, input_size):
    size = network_size(height, width, input_size)
    assert all(side % 14 == 0 and side >= 14 for side in size)
    assert network_size(width, height, input_size) == size[::-1]
    if max(height, width) / min(height, width) <= 1.78:
        assert min(size) >= input_size > min(size) - 14


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (518, 518, (518, 518)),
        (1080, 1920, (518, 924)),  # 518 * 16 / 9 = 920.9: 65.8 patches
        (
            1000,
            1790,
            (518, 924),
        ),  # 1.79: the short side becomes 518 * 1.777 / 1.79 = 514, rounded to 37 patches
        (1000, 2000, (462, 924)),  # half as high as wide: 460.2 px are 32.9 patches
    ],
)
def test_sizes_are_those_of_a_calculation_by_hand(height, width, size):
    assert network_size(height, width, 518) == size


def test_pixels_are_normalised_by_channel():
    frames = np.stack([np.full((4, 5), value) for value in (0.485, 1.0, 0.0)], axis=-1)[None]
    found = normalise(torch.from_numpy(frames.astype(np.float32)))
    assert found.shape == (1, 3, 4, 5) and found.dtype == torch.float32 and found.is_contiguous()
    expected = [0.0, (1.0 - IMAGENET_MEAN[1]) / IMAGENET_STD[1], -IMAGENET_MEAN[2] / IMAGENET_STD[2]]
    assert found[0, :, 2, 2].tolist() == pytest.approx(expected, abs=1e-6)


def test_a_resize_to_the_same_size_only_divides_by_255():
    frames = np.random.default_rng(0).integers(0, 256, (2, 14, 28, 3), dtype=np.uint8)
    np.testing.assert_allclose(resize_frames(frames, (14, 28)), frames / 255.0, atol=1e-7)


def test_each_frame_is_resized_by_itself_and_cubically():
    step = np.zeros((2, 28, 28, 3), np.uint8)
    step[:, :, 14:] = 200
    step[1] //= 2
    found = resize_frames(step, (42, 42))
    np.testing.assert_allclose(found[1], found[0] / 2.0, atol=1e-6)
    # A cubic overshoots beside an edge, a linear one would not; flat parts stay what they were.
    assert found[0].max() > 200 / 255 + 0.01 and found[0].min() < -0.01
    assert found[0, 20, 0, 0] == 0.0 and found[0, 20, 41, 0] == pytest.approx(200 / 255, abs=1e-6)
    assert resize_frames(step[:0], (14, 14)).shape == (0, 14, 14, 3)
