"""The two surfaces at an edge, and the windows that they are looked for in."""

from __future__ import annotations

import torch

from focusgen.models.bokeh.sides import pixels_in, side_colours, window_extremes


def test_pixels_of_a_mask_are_counted_row_by_row():
    mask = torch.zeros(3, 4, dtype=torch.bool)
    mask[0, 2] = mask[2, 1] = True
    assert pixels_in(mask).tolist() == [2, 9]


def test_extremes_are_those_of_the_window_at_corners_too():
    values = torch.rand(9, 11, generator=torch.Generator().manual_seed(1))
    pixels = torch.arange(values.numel())
    for reach in (1, 2):
        highest, lowest = window_extremes(values, pixels, reach)
        for pixel in (0, 10, 47, 98):
            y, x = divmod(pixel, 11)
            window = values[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
            assert float(highest[pixel]) == float(window.max())
            assert float(lowest[pixel]) == float(window.min())


def halves():
    """A red near side at radius 6 left of column 5, a blue far side at radius -2."""
    rgb, radius = torch.zeros(3, 8, 10), torch.full((8, 10), -2.0)
    radius[:, :5] = 6.0
    rgb[0, :, :5], rgb[2, :, 5:] = 0.9, 0.4
    return rgb, radius


def test_each_side_has_its_own_colour_and_distrusted_pixels_do_not_count():
    rgb, radius = halves()
    rgb[1, :, 4] = 1.0  # a mixed column that nobody should trust
    trust = torch.ones(8, 10)
    trust[:, 4] = 0.0
    pixels = torch.tensor([4 * 10 + 4])
    near, far = side_colours(
        rgb, radius, trust, pixels, torch.tensor([6.0]), torch.tensor([-2.0]), reach_px=2, falloff=2.0
    )
    torch.testing.assert_close(near.rgb[:, 0], torch.tensor([0.9, 0.0, 0.0]))
    torch.testing.assert_close(far.rgb[:, 0], torch.tensor([0.0, 0.0, 0.4]))
    assert float(near.variance) < 1e-6 and float(near.weight) > 0


def test_a_side_that_is_not_in_the_window_weighs_nothing():
    rgb, radius = halves()
    near, far = side_colours(
        rgb, radius, torch.ones(8, 10), torch.tensor([0]), torch.tensor([6.0]), torch.tensor([-2.0]),
        reach_px=2, falloff=0.0,
    )  # fmt: skip
    assert float(far.weight) == 0 and float(near.weight) == 25
