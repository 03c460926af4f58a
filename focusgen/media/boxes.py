"""Boxes of mp4 and mov: a length, a code of four letters, and content, which often is boxes again."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import NamedTuple


class Box(NamedTuple):
    """Where the content of a box lies; that of a damaged one may end before it begins."""

    code: bytes
    begin: int
    end: int


def box_at(data: mmap.mmap, position: int, stop: int) -> Box:
    """Return the box that begins at a position.

    Args:
        position: of its head.
        stop: where that which holds it ends; a length of 0 says that the box goes on to there.
    """
    head = data[position : position + 16]
    begin, length = position + 8, int.from_bytes(head[:4], "big")
    if length == 1:  # it stands behind the code
        begin, length = position + 16, int.from_bytes(head[8:], "big")
    elif length == 0:
        length = stop - position
    return Box(head[4:8], begin, position + length)


def boxes(data: mmap.mmap, begin: int, stop: int) -> Iterator[Box]:
    """Yield the boxes of a span, up to the first damaged one."""
    while begin + 8 <= stop:
        box = box_at(data, begin, stop)
        if not box.begin <= box.end <= stop:
            return
        yield box
        begin = box.end


def box_inside(data: mmap.mmap, begin: int, stop: int, *codes: bytes) -> Box | None:
    """Return the first box of a code in a span; of several codes, each is looked for in the one before."""
    found = next((box for box in boxes(data, begin, stop) if box.code == codes[0]), None)
    if found is None or len(codes) == 1:
        return found
    return box_inside(data, found.begin, found.end, *codes[1:])
