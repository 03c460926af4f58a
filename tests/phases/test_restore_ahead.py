"""Batches ahead of the temporal stage: fewer calls, the same frames."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.base.errors import ModelMemoryError
from focusgen.models.protocols import Deblurrer
from focusgen.phases.restore_ahead import RestoreAhead


class Stamper(Deblurrer):
    """Writes frame and draw into the picture, and counts calls."""

    def __init__(self, fails_at=()):
        self.calls, self.fails_at = [], set(fails_at)

    def deblur(self, frames, keys):
        self.calls.append(len(keys))
        if self.fails_at & {key.frame_index for key in keys}:
            raise ModelMemoryError("out of memory")
        return np.stack(
            [np.full_like(f, 10 * k.frame_index + k.draw) for f, k in zip(frames, keys, strict=True)]
        )

    def frames_per_call(self, height_px, width_px):
        return height_px // width_px


def make(model, pairs, n_together):
    return RestoreAhead(model, "bear", lambda frame: np.zeros((2, 2, 3), np.uint8), pairs, n_together)


def test_frames_come_out_one_by_one_and_go_in_together():
    model = Stamper()
    pairs = [(frame, draw) for frame in range(5) for draw in range(2)]
    restore = make(model, pairs, 4)
    assert [int(restore(*pair)[0, 0, 0]) for pair in pairs] == [10 * f + d for f, d in pairs]
    assert model.calls == [4, 4, 2]


def test_a_pair_that_nobody_announced_is_restored_alone():
    model = Stamper()
    assert int(make(model, [(0, 0)], 4)(7, 1)[0, 0, 0]) == 71
    assert model.calls == [1]


def test_after_an_error_the_next_pair_can_still_be_asked_for():
    model = Stamper(fails_at={1})
    restore = make(model, [(frame, 0) for frame in range(4)], 2)
    with pytest.raises(ModelMemoryError):
        restore(0, 0)
    assert int(restore(2, 0)[0, 0, 0]) == 20


def test_a_model_says_how_many_it_wants():
    assert Stamper().frames_per_call(8, 2) == 4

    class Shy(Deblurrer):
        def deblur(self, frames, keys):
            return frames

    assert Shy().frames_per_call(8, 2) == 1
    assert list(Shy().approximations) == []
