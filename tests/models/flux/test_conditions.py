"""What the net is shown: value ranges, sizes, and where it claims to lie."""

from __future__ import annotations

import numpy as np
import torch

from focusgen.models.flux.conditions import (
    BlackCondition,
    EncodedCondition,
    ImageCondition,
    MapCondition,
)
from focusgen.models.flux.tokens import Grid


def test_a_picture_is_shown_between_minus_one_and_one():
    frames = np.zeros((2, 16, 32, 3), np.uint8)
    frames[0, 0, 0] = (255, 128, 0)
    condition = ImageCondition(frames, "deblurring")
    pixels = condition.pixels()
    assert pixels.shape == (2, 3, 16, 32) and condition.grid == Grid(1, 2)
    torch.testing.assert_close(pixels[0, :, 0, 0], torch.tensor([1.0, 2 * 128 / 255 - 1, -1.0]))
    frames[:] = 9  # the tensor is a copy of its own
    assert float(pixels[1].max()) == -1.0


def test_black_is_what_a_black_picture_is():
    black = BlackCondition(16, 32, "deblurring", (0, 32))
    same = ImageCondition(np.zeros((1, 16, 32, 3), np.uint8), "deblurring")
    assert torch.equal(black.pixels(), same.pixels()) and black.grid == same.grid


def test_a_map_is_fed_unchanged_to_all_three_channels():
    values = np.linspace(0, 1, 16 * 16, dtype=np.float32).reshape(1, 16, 16)
    pixels = MapCondition(values, "bokeh").pixels()
    assert pixels.shape == (1, 3, 16, 16) and float(pixels.min()) == 0.0
    for channel in range(3):
        np.testing.assert_array_equal(pixels[0, channel].numpy(), values[0])


def test_an_encoded_condition_lies_where_it_says():
    encoded = EncodedCondition(torch.zeros(1, 2, 64), Grid(1, 2), None, (3, 32))
    assert encoded.ids().tolist() == [[0, 3, 32], [0, 3, 33]]
