"""Decoding beside the denoiser: the answer waits for its event, and a CPU has none to wait for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from focusgen.models.flux.decoding import Decoder, Pending
from focusgen.models.flux.tokens import Grid
from tests.models.flux.stand_in import PooledVae

GRID = Grid(2, 3)


class Event:
    """Fills the frame only when it is waited for, as a GPU may."""

    def __init__(self, levels: torch.Tensor) -> None:
        self.levels = levels

    def synchronize(self) -> None:
        self.levels += 7


def test_frames_are_handed_out_only_when_they_are_done():
    levels = torch.zeros(1, 2, 2, 3, dtype=torch.uint8)
    pending = Pending(levels, torch.tensor(True), Event(levels))
    assert (pending.frames() == 7).all() and pending.is_finite()


@pytest.mark.parametrize("is_sliced", [False, True])
def test_a_cpu_decodes_at_once_into_levels(is_sliced):
    tokens = torch.zeros(2, GRID.n_tokens, 64)
    tokens[1] = 2.0 * 0.75  # latents 1: white
    pending = Decoder(PooledVae(), torch.device("cpu")).submit(tokens, GRID, is_sliced=is_sliced)
    assert pending.done is None
    frames = pending.frames()
    assert frames.shape == (2, 32, 48, 3) and frames.dtype == np.uint8
    # latents 0.25: (0.25 + 1) / 2 of 255
    assert np.unique(frames[0]).tolist() == [round(255 * 0.625)] and np.unique(frames[1]).tolist() == [255]


def test_decoding_leaves_no_graph_behind():
    tokens = torch.zeros(1, GRID.n_tokens, 64, requires_grad=True)
    pending = Decoder(PooledVae(), torch.device("cpu")).submit(tokens, GRID, is_sliced=False)
    assert not pending.levels.requires_grad and not pending.finite.requires_grad
