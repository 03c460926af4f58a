"""Elements of Matroska (EBML): an id, a length, and content, which often is elements again."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import NamedTuple

EBML_HEADER, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
TRACKS, TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE = 0x1654AE6B, 0xAE, 0xD7, 0x83
VIDEO_TYPE = 1
"""The track type of pictures."""


class BrokenElement(ValueError):
    """There is no `what` at a position where one should begin."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(f"no {what} at byte {position}")
        self.what, self.position = what, position


class Element(NamedTuple):
    """Where the content of an element lies; `end` is None where its length is left open."""

    id: int
    begin: int
    end: int | None


def id_at(data: mmap.mmap, position: int) -> tuple[int, int]:
    """Return (id, position after it); the leading zeros of an id tell its length.

    Raises:
        BrokenElement: there is none.
    """
    after = position + _n_bytes(data, position, "element")
    return int.from_bytes(data[position:after], "big"), after


def number_at(data: mmap.mmap, position: int) -> tuple[int, int]:
    """Return (value, position after it) of a number, whose leading zeros tell its length.

    Raises:
        BrokenElement: there is none.
    """
    n_bytes = _n_bytes(data, position, "number")
    value = int.from_bytes(data[position : position + n_bytes], "big")
    return value & ((1 << 7 * n_bytes) - 1), position + n_bytes


def content_at(data: mmap.mmap, position: int) -> tuple[int, int | None]:
    """Return where the content begins and ends of the element whose length stands at a position.

    Raises:
        BrokenElement: there is no length.
    """
    length, begin = number_at(data, position)
    is_open = length == (1 << 7 * (begin - position)) - 1
    return begin, None if is_open else begin + length


def elements(data: mmap.mmap, begin: int, stop: int) -> Iterator[Element]:
    """Yield the elements of a span; one of open length is the last.

    Raises:
        BrokenElement: one is damaged, or goes on behind the span.
    """
    position = begin
    while position < stop:
        kind, after = id_at(data, position)
        element = Element(kind, *content_at(data, after))
        if element.end is not None and element.end > stop:
            raise BrokenElement("element", position)
        yield element
        position = stop if element.end is None else element.end


def _n_bytes(data: mmap.mmap, position: int, what: str) -> int:
    if position >= len(data) or data[position] == 0:
        raise BrokenElement(what, position)
    return 9 - data[position].bit_length()
