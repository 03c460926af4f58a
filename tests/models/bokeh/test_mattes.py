"""Mixed pixels along an edge are given back to both surfaces."""

from __future__ import annotations

import pytest
import torch

from focusgen.models.bokeh.mattes import split_edge_pixels


def scene(cover=0.75):
    """A red subject left of column 8, whose edge covers part of column 8's pixels, before a blue wall."""
    rgb = torch.zeros(1, 3, 12, 16)
    rgb[:, 0, :, :8], rgb[:, 2, :, 9:] = 0.9, 0.6
    rgb[:, 0, :, 8], rgb[:, 2, :, 8] = 0.9 * cover, 0.6 * (1 - cover)
    radius = torch.full((1, 1, 12, 16), 0.0)
    radius[..., :9] = 6.0  # depth calls the mixed pixels the subject's
    is_edge = torch.zeros(1, 1, 12, 16, dtype=torch.bool)
    is_edge[..., 8:10] = True
    return rgb, radius, is_edge


@pytest.mark.parametrize("cover", [0.6, 0.75, 0.9])
def test_a_mixed_pixel_of_the_near_side_gives_back_what_is_the_walls(cover):
    split = split_edge_pixels(*scene(cover))
    share = float(split.share[0, 0, 6, 8])
    assert share == pytest.approx(cover, abs=0.06), "trusted, though not wholly: colours are noisy"
    assert float(split.rgb[0, 2, 6, 8]) < 0.1 < 0.8 < float(split.rgb[0, 0, 6, 8])
    assert float(split.front_share[0, 0, 6, 8]) == 0.0


def test_pixels_off_the_edges_stay_whole():
    rgb, radius, is_edge = scene()
    split = split_edge_pixels(rgb, radius, is_edge)
    away = ~is_edge[0, 0]
    torch.testing.assert_close(split.rgb[0][:, away], rgb[0][:, away], atol=0, rtol=0)
    assert bool((split.share[0, 0][away] == 1).all())
    assert not bool(split.front_share[0, 0][away].any())


def test_a_mixed_pixel_of_the_far_side_has_the_subject_in_front():
    rgb, radius, is_edge = scene(cover=0.25)
    radius[..., 8] = 0.0  # depth calls it the wall's
    is_edge[..., 7] = True
    split = split_edge_pixels(rgb, radius, is_edge)
    assert 0.15 < float(split.front_share[0, 0, 6, 8]) < 0.3
    assert float(split.front_radius_px[0, 0, 6, 8]) == 6.0
    assert float(split.front_rgb[0, 0, 6, 8]) == pytest.approx(0.9, abs=0.02)
    assert float(split.share[0, 0, 6, 8]) == 1.0
