"""The memory ladder: exact measures first, others said aloud, and at the end an error."""

from __future__ import annotations

import logging

import pytest
import torch

from focusgen.base.errors import ModelMemoryError
from focusgen.models.flux.memory import Effort, Ladder, rungs, samples_that_fit
from focusgen.models.flux.tiling import Tiling
from focusgen.models.flux.tokens import Grid

CPU = torch.device("cpu")
GRID = Grid(45, 80)
START = Effort(6, is_vae_sliced=False, tiling=Tiling(32, 4))


def make_ladder():
    return Ladder(rungs(START, GRID, may_tile=True), CPU, "Lower deblur.tile_px.")


def fails(times, error=torch.OutOfMemoryError):
    tried = []

    def work(effort):
        tried.append(effort)
        if len(tried) <= times:
            raise error("out of memory")
        return len(tried)

    return work, tried


def test_exact_measures_come_before_smaller_tiles():
    work, tried = fails(4)
    assert make_ladder().run(work, "scene 'bear'") == 5
    assert [e.samples_per_call for e in tried] == [6, 6, 1, 1, 1]
    assert [e.is_vae_sliced for e in tried] == [False, False, True, True, True]
    assert [e.tiling.side for e in tried] == [32, 32, 32, 24, 16]


def test_a_rung_that_held_is_kept_and_a_change_of_pictures_is_noted(caplog):
    ladder = make_ladder()
    with caplog.at_level(logging.WARNING):
        ladder.run(fails(3)[0], "scene 'bear', frame 3")
    assert ladder.notes == ["out of memory: denoised with 1 at a time, in tiles of 384 px"]
    assert "scene 'bear', frame 3: out of memory" in caplog.text
    work, tried = fails(0)
    ladder.run(work, "next")
    assert tried[0].tiling.side == 24


def test_exact_measures_are_not_noted():
    ladder = make_ladder()
    ladder.run(fails(2)[0], "x")
    assert ladder.notes == []


def test_after_the_last_rung_the_scene_fails_with_advice():
    with pytest.raises(ModelMemoryError, match=r"(?s)scene 'bear'.*tiles of 256 px.*Lower deblur\.tile_px"):
        make_ladder().run(fails(99)[0], "scene 'bear'")


def test_one_piece_stays_one_piece_if_the_user_asked_for_it():
    start = Effort(1, is_vae_sliced=True, tiling=None)
    assert all(e.tiling is None for e in rungs(start, GRID, may_tile=False))


def test_a_small_frame_in_one_piece_may_still_be_tiled():
    assert [e.tiling for e in rungs(START, Grid(27, 48), may_tile=True)][-1] == Tiling(16, 2)


def test_other_errors_pass_through():
    work, tried = fails(1, ValueError)
    with pytest.raises(ValueError, match="out of memory"):
        make_ladder().run(work, "x")
    assert len(tried) == 1


def test_batch_from_free_memory():
    # 864x480, two conditions: 5372 tokens x 3072 x 24 values x 2 bytes = 0.79 GB a frame.
    assert samples_that_fit(5372, 3072, torch.bfloat16, 40 * 10**9) == 30
    assert samples_that_fit(5372, 3072, torch.bfloat16, 10**8) == 1
