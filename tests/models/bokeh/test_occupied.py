"""Where anything lies on a plane: nothing is missed or counted twice, and little else is in the boxes."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.models.bokeh.layers import NO_PLANE
from focusgen.models.bokeh.occupied import BLOCK_PX, MAX_PLANES, box_within, boxes_of_plane, occupied_blocks

SIZE = (203, 301)


def positions_of(seed: int) -> np.ndarray:
    """A few things on planes of their own before nothing, and a ramp."""
    rng = np.random.default_rng(seed)
    positions = np.full(SIZE, NO_PLANE, np.float32)
    for _ in range(12):
        top, left = rng.integers(0, SIZE[0] - 9), rng.integers(0, SIZE[1] - 9)
        positions[top : top + rng.integers(1, 40), left : left + rng.integers(1, 40)] = rng.uniform(0, 8)
    positions[180:, 40:] = np.linspace(0, 8, SIZE[1] - 40, dtype=np.float32)
    return positions


@pytest.mark.parametrize("seed", range(5))
def test_boxes_hold_all_of_a_plane_once(seed: int) -> None:
    positions = positions_of(seed)
    blocks = occupied_blocks(positions)
    for index in range(9):
        covered = np.zeros(SIZE, int)
        for box in boxes_of_plane(blocks, index, 3, SIZE):
            covered[box.region()] += 1
            inner = box_within(blocks, index, box, SIZE)
            assert inner == box
        assert covered.max() <= 1
        assert (covered[np.abs(positions - index) < 1] == 1).all()


def test_what_lies_apart_is_divided_and_what_fills_the_frame_is_not() -> None:
    positions = np.full((640, 640), NO_PLANE, np.float32)
    positions[8:40, 8:40] = positions[600:632, 600:632] = 1.0
    positions[8:40, 8:40] += 1.5
    apart = boxes_of_plane(occupied_blocks(positions), 2, 4, (640, 640))
    assert apart == [(8, 40, 8, 40)]  # 2.5 lies on planes 2 and 3, 1 on its own alone
    positions[600:632, 600:632] = 2.0
    assert boxes_of_plane(occupied_blocks(positions), 2, 4, (640, 640)) == [
        (8, 40, 8, 40),
        (600, 632, 600, 632),
    ]
    whole = boxes_of_plane(occupied_blocks(np.full((640, 640), 2.5, np.float32)), 3, 4, (640, 640))
    assert whole == [(0, 640, 0, 640)]


def test_the_last_plane_that_fits_is_found_and_an_empty_one_has_no_box() -> None:
    blocks = occupied_blocks(np.full((5, 6), MAX_PLANES - 1, np.float32))
    assert boxes_of_plane(blocks, MAX_PLANES - 1, 2, (5, 6)) == [(0, 5, 0, 6)]
    assert boxes_of_plane(blocks, MAX_PLANES - 2, 2, (5, 6)) == []
    assert BLOCK_PX < 5  # the frame above ends inside a block
