"""Tokens: packing, positions, and the rotary turn of each position."""

from __future__ import annotations

import pytest
import torch

from focusgen.models.flux.tokens import Grid, grid_of, pack, position_ids, rotary_turns, rotate, unpack


def test_a_token_is_a_patch_of_two_by_two_latents_row_by_row():
    latents = torch.arange(4 * 6, dtype=torch.float32).reshape(1, 1, 4, 6)
    tokens = pack(latents)
    assert tokens.shape == (1, 6, 4)
    assert tokens[0, 0].tolist() == [0, 1, 6, 7]
    assert tokens[0, 1].tolist() == [2, 3, 8, 9]
    assert tokens[0, 3].tolist() == [12, 13, 18, 19]
    assert torch.equal(unpack(tokens, Grid(2, 3)), latents)


def test_a_picture_has_a_token_per_16_pixels():
    assert grid_of(480, 864) == Grid(30, 54) and grid_of(480, 864).n_tokens == 1620
    for size in ((480, 850), (0, 16), (8, 8)):
        with pytest.raises(ValueError, match="multiples of 16"):
            grid_of(*size)


def test_positions_are_rows_and_columns_moved_and_scaled():
    assert position_ids(Grid(2, 3)).tolist() == [[0, y, x] for y in range(2) for x in range(3)]
    assert position_ids(Grid(1, 2), delta=(0, 32))[:, 2].tolist() == [32, 33]
    assert position_ids(Grid(1, 2), scale=2.0)[:, 2].tolist() == [0.5, 2.5]


def test_a_turn_is_a_rotation_by_position_over_frequency():
    axes = (2, 4)
    ids = torch.tensor([[0.0, 0.0], [3.0, 5.0]])
    turns = rotary_turns(ids, axes)
    assert turns.shape == (2, 3, 2)
    assert turns[0].tolist() == [[1, 0]] * 3
    angles = [3.0, 5.0, 5.0 * 10000.0 ** (-2 / 4)]
    torch.testing.assert_close(turns[1, :, 0], torch.tensor(angles).cos())
    torch.testing.assert_close(turns[1, :, 1], torch.tensor(angles).sin())


def test_turning_keeps_lengths_and_makes_products_depend_on_the_distance_only():
    x = torch.randn(1, 1, 1, 8, generator=torch.Generator().manual_seed(0))
    at = {p: rotate(x, rotary_turns(torch.tensor([[float(p)]]), (8,))) for p in (0, 4, 7, 11)}
    for turned in at.values():
        torch.testing.assert_close(turned.norm(), x.norm())
    torch.testing.assert_close((at[0] * at[4]).sum(), (at[7] * at[11]).sum())
    assert not torch.allclose(at[0], at[4])
