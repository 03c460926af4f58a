"""Where in a frame anything lies on a plane, and boxes around it that are quick to blur; numpy only.

The planes of a block of pixels are the bits of one number, so that one look at the frame serves all planes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.models.bokeh.layers import Box

MAX_PLANES = 62
"""Planes that fit into the bits of one number."""

BLOCK_PX = 4
"""Side of a block: boxes are up to so much larger than what they hold."""

PART_OVERHEAD_PX = 20_000
"""Pixels that could be blurred in the time which one more part costs beside its own."""

Bits = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]


class Cut(NamedTuple):
    """The cheapest way to divide a box in two: before line `line` along `axis`."""

    work_px: int
    axis: int
    line: int


def occupied_blocks(positions: npt.NDArray[np.float32]) -> Bits:
    """Return which planes have anything in each block of pixels, as bits.

    Args:
        positions: (H, W) plane indices, real numbers; a plane weighs in where it is less than 1 away. Below
            -1 is nowhere.
    """
    # Twice the index on a plane, and odd between two: -4 and up, as nowhere is -2.
    twice = (np.floor(positions) + np.ceil(positions)).astype(np.int16) + 4
    bits = np.take(_bits_of_index(), twice, mode="clip")
    bits = np.bitwise_or.reduceat(bits, np.arange(0, bits.shape[0], BLOCK_PX), axis=0)
    return np.bitwise_or.reduceat(bits, np.arange(0, bits.shape[1], BLOCK_PX), axis=1)


def _bits_of_index() -> Bits:
    one = np.int64(1)
    between = [(one << k) | (one << (k + 1)) for k in range(MAX_PLANES)]
    on_and_between = [bits for k in range(MAX_PLANES) for bits in (one << k, between[k])]
    return np.array([0, 0, 0, one, *on_and_between], np.int64)


def boxes_of_plane(blocks: Bits, index: int, reach_px: int, size: tuple[int, int]) -> list[Box]:
    """Return boxes that do not overlap and hold all of a plane, dividing while this saves work.

    Args:
        blocks: from `occupied_blocks`.
        index: of the plane.
        reach_px: how far its blur reaches.
        size: (height, width) of the frame.
    """
    used = (blocks >> index & 1).astype(bool)
    margin = 2 * reach_px
    return [_in_pixels(box, size) for box in _divided(used, Box(0, used.shape[0], 0, used.shape[1]), margin)]


def box_within(blocks: Bits, index: int, box: Box, size: tuple[int, int]) -> Box | None:
    """Return the box around what lies on a plane inside a box whose sides are blocks'; None: nothing does."""
    top, left = box.top // BLOCK_PX, box.left // BLOCK_PX
    used = (blocks[top : -(-box.bottom // BLOCK_PX), left : -(-box.right // BLOCK_PX)] >> index & 1) != 0
    tight = _tight(used, Box(0, used.shape[0], 0, used.shape[1]))
    if tight is None:
        return None
    return _in_pixels(Box(tight.top + top, tight.bottom + top, tight.left + left, tight.right + left), size)


def _in_pixels(box: Box, size: tuple[int, int]) -> Box:
    top, bottom, left, right = (BLOCK_PX * side for side in box)
    return Box(top, min(bottom, size[0]), left, min(right, size[1]))


def _divided(used: Bools, box: Box, margin_px: int) -> Iterator[Box]:
    """Yield the parts of a box, all sides in blocks."""
    tight = _tight(used, box)
    if tight is None:
        return
    part = used[tight.region()]
    most_saved_px = _work_px(part, margin_px) - PART_OVERHEAD_PX
    cut = _best_cut(part, margin_px) if BLOCK_PX**2 * int(part.sum()) < most_saved_px else None
    if cut is None or cut.work_px >= most_saved_px:
        yield tight
        return
    for half in _halves(tight, cut):
        yield from _divided(used, half, margin_px)


def _tight(used: Bools, box: Box) -> Box | None:
    """Return the box around all that is used of a box."""
    part = used[box.region()]
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    if not len(rows):
        return None
    top, bottom, left, right = (int(end) for end in (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1))
    return Box(box.top + top, box.top + bottom, box.left + left, box.left + right)


def _halves(box: Box, cut: Cut) -> tuple[Box, Box]:
    top, bottom, left, right = box
    if cut.axis == 0:
        return Box(top, top + cut.line, left, right), Box(top + cut.line, bottom, left, right)
    return Box(top, bottom, left, left + cut.line), Box(top, bottom, left + cut.line, right)


def _work_px(box: Bools, margin_px: int) -> int:
    rows, columns = box.shape
    work: int = (BLOCK_PX * rows + margin_px) * (BLOCK_PX * columns + margin_px)
    return work


def _best_cut(used: Bools, margin_px: int) -> Cut:
    cuts = [_best_line(lines, margin_px, axis) for axis, lines in enumerate((used, used.T)) if len(lines) > 1]
    return min(cuts, default=Cut(_work_px(used, margin_px), 0, 0))


def _best_line(lines: Bools, margin_px: int, axis: int) -> Cut:
    """Return the cheapest cut between two lines of a box; neither its first nor its last line is empty."""
    before = _work_up_to(lines, margin_px)[:-1]
    after = _work_up_to(lines[::-1], margin_px)[:-1][::-1]
    line = int(np.argmin(before + after))
    return Cut(int(before[line] + after[line]), axis, line + 1)


def _work_up_to(lines: Bools, margin_px: int) -> Counts:
    """Return, line by line, the work on the box around all that lies in the lines so far."""
    n_lines, n_across = lines.shape
    has_any = lines.any(1)
    first = np.where(has_any, lines.argmax(1), n_across)
    last = np.where(has_any, n_across - lines[:, ::-1].argmax(1), 0)
    across = np.maximum.accumulate(last) - np.minimum.accumulate(first)
    along = np.maximum.accumulate(np.where(has_any, np.arange(1, n_lines + 1), 0))
    work: Counts = (BLOCK_PX * along + margin_px) * (BLOCK_PX * across + margin_px)
    return work
