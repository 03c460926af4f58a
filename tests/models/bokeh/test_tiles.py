"""A picture in tiles is the picture in one piece."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from focusgen.models.bokeh.layers import Box
from focusgen.models.bokeh.ocp import render_ocp
from focusgen.models.bokeh.planes import plane_ladder
from focusgen.models.bokeh.tiles import render_tiles, tile_margin_px, tiles_of
from focusgen.optics.transfer import display_values, linear_light


@pytest.mark.parametrize("size", [(50, 70), (64, 64), (33, 129)])
def test_tiles_cover_a_frame_once(size):
    seen = np.zeros(size, int)
    for box in tiles_of(size, 32):
        seen[box.top : box.bottom, box.left : box.right] += 1
    assert (seen == 1).all()


def test_a_margin_is_even_and_holds_the_largest_blur_and_the_view_under_edges():
    assert tile_margin_px((0.0,)) == 16
    for ladder in (plane_ladder(-8.0, 5.0), plane_ladder(0.0, 21.0)):
        margin = tile_margin_px(ladder)
        assert margin % 2 == 0
        assert margin >= max(abs(ladder[0]), abs(ladder[-1])) + (ladder[0] - ladder[-1]) + 16


@pytest.mark.parametrize("size", [(96, 140), (95, 141)])
def test_parts_equal_the_picture_rendered_at_once(size):
    rng = np.random.default_rng(2)
    display = rng.random((*size, 3), dtype=np.float32)
    radius = np.full(size, -3.0, np.float32)
    radius[20:70, 30:90] = 4.0
    ladder = plane_ladder(-3.0, 4.0)

    def source(box: Box):
        region = np.s_[box.top : box.bottom, box.left : box.right]
        return display[region], radius[region]

    whole = np.full((*size, 3), np.nan, np.float32)
    for box, part in render_tiles(source, size, ladder, tile_px=48):
        whole[box.top : box.bottom, box.left : box.right] = part
    shown = torch.from_numpy(display).permute(2, 0, 1)[None]
    at_once = display_values(render_ocp(linear_light(shown), torch.from_numpy(radius)[None], ladder))
    assert np.abs(whole - at_once[0].permute(1, 2, 0).numpy()).max() < 2e-3
