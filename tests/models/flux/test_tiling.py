"""Tiles: the reference's plan, and blending that gives back what was cut."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from focusgen.base.errors import ConfigError
from focusgen.models.flux.tiling import Tiling, blend_weights, plan_tiles, tile_starts, tiling_of
from focusgen.models.flux.tokens import Grid, position_ids


def test_starts_are_the_reference_s():
    # FACTS: 896x512 has two tiles, 1280x720 six; the last tile ends with the picture.
    assert tile_starts(56, Tiling(32, 4)) == [0, 24]
    assert tile_starts(80, Tiling(32, 4)) == [0, 28, 48]
    assert tile_starts(60, Tiling(32, 4)) == [0, 28]
    assert len(plan_tiles(Grid(45, 80), Tiling()).corners) == 6


def test_rows_vary_fastest():
    assert plan_tiles(Grid(36, 36), Tiling(32, 4)).corners == ((0, 0), (4, 0), (0, 4), (4, 4))


def test_a_side_shorter_than_a_tile_means_one_piece():
    assert plan_tiles(Grid(31, 80), Tiling(32, 4)) is None
    assert plan_tiles(Grid(32, 80), None) is None
    assert plan_tiles(Grid(32, 32), Tiling(32, 4)).corners == ((0, 0),)


@settings(deadline=None, max_examples=40)
@given(
    side=st.integers(4, 12),
    overlap=st.integers(0, 11),
    rows=st.integers(4, 40),
    columns=st.integers(4, 40),
    batch=st.integers(1, 3),
)
def test_blending_what_was_cut_gives_it_back(side, overlap, rows, columns, batch):
    grid = Grid(max(rows, side), max(columns, side))
    plan = plan_tiles(grid, Tiling(side, min(overlap, side - 1)))
    tokens = torch.arange(batch * grid.n_tokens * 2, dtype=torch.float32).reshape(batch, -1, 2)
    torch.testing.assert_close(plan.blend(plan.cut(tokens)), tokens)


def test_the_bell_has_the_corner_that_facts_states():
    assert blend_weights(32)[0, 0].item() == pytest.approx(math.exp(-8.0), rel=1e-5)  # 3.4e-4


def test_tiles_believe_they_are_whole_pictures():
    plan = plan_tiles(Grid(40, 40), Tiling(32, 4))
    assert torch.equal(position_ids(plan.tile_grid)[-1], torch.tensor([0.0, 31.0, 31.0]))


def test_pixels_become_tokens_and_a_stride_is_left():
    assert tiling_of(512, None) == Tiling(32, 4)
    assert tiling_of(512, 256) == Tiling(32, 16)
    for tile_px, overlap_px in ((500, None), (512, 60), (512, 512)):
        with pytest.raises(ConfigError):
            tiling_of(tile_px, overlap_px)
