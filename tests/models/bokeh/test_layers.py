"""What lies in each pixel before any blur: light times coverage, on a plane, and parts of a frame."""

from __future__ import annotations

import pytest
import torch

from focusgen.models.bokeh.hidden import HiddenSurface
from focusgen.models.bokeh.layers import NO_PLANE, Box, Surfaces, other_layer, visible_layer
from focusgen.models.bokeh.mattes import EdgeSplit

LADDER = (4.0, 2.0, 0.0, -2.0)


def one(value: float, channels: int = 1) -> torch.Tensor:
    return torch.full((1, channels, 1, 1), value)


def split(share: float = 1.0, front_share: float = 0.0) -> EdgeSplit:
    return EdgeSplit(one(0.8, 3), one(share), one(0.4, 3), one(front_share), one(3.0))


def hidden(weight: float) -> HiddenSurface:
    return HiddenSurface(one(0.2, 3), one(-1.0), one(weight))


def test_the_visible_surface_is_its_colour_times_what_it_covers():
    layer = visible_layer(split(share=0.75), one(1.0), LADDER)
    assert layer.light.flatten().tolist() == pytest.approx([0.6, 0.6, 0.6, 0.75])
    assert layer.position.item() == pytest.approx(1.75)  # 1 = share 2^2: blur keeps its second moment


@pytest.mark.parametrize(
    ("front_share", "weight", "light", "position"),
    [
        (0.25, 0.0, [0.1, 0.1, 0.1, 0.25], 1 - 5 / 12),  # before it: 3^2 lies at 5 / 12 from 2^2 to 4^2
        (0.0, 1.0, [0.2, 0.2, 0.2, 1.0], 2.25),  # behind it: radius -1
        (0.25, 1.0, [0.2, 0.2, 0.2, 1.0], 2.25),  # both share a layer: what is hidden wins
        (0.0, 0.0, [0.0, 0.0, 0.0, 0.0], NO_PLANE),
    ],
)
def test_a_second_surface_is_before_or_behind_the_first_or_nowhere(front_share, weight, light, position):
    layer = other_layer(Surfaces(split(front_share=front_share), hidden(weight)), LADDER)
    assert layer.light.flatten().tolist() == pytest.approx(light)
    assert layer.position.item() == pytest.approx(position)


@pytest.mark.parametrize(
    ("reach", "grown"), [(0, (2, 5, 3, 9)), (2, (0, 7, 1, 11)), (3, (0, 8, 0, 12)), (99, (0, 8, 0, 12))]
)
def test_a_box_grows_as_far_as_the_frame_allows(reach, grown):
    assert tuple(Box(2, 5, 3, 9).grown(reach, 8, 12)) == grown


def test_a_box_is_an_index_of_the_last_two_axes():
    picture = torch.arange(2 * 8 * 12).reshape(1, 2, 8, 12)
    assert torch.equal(picture[Box(2, 5, 3, 9).region()], picture[:, :, 2:5, 3:9])
