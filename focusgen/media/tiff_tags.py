"""What a TIFF file says of its pictures: their tags, held against the bytes that are there."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from focusgen.base.errors import CorruptInputError

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION, CHANNELS, FORMAT = 256, 257, 258, 262, 274, 277, 339
SUBFILE, DESCRIPTION, JPEG_TABLES, PROFILE = 254, 270, 347, 34675
STRIPS, STRIP_BYTES, TILES, TILE_BYTES = 273, 279, 324, 325
UNDEFINED = 7
NUMBER_OF_TYPE = {1: "B", 2: "B", 3: "H", 4: "I", UNDEFINED: "B", 16: "Q"}
KIND_OF_FORMAT = {1: "u", 2: "i", 3: "f"}
WHITE_IS_ZERO = 0
MAX_ENTRIES = 4096
MAX_VALUES = 1 << 20

Tags = dict[int, tuple[int, ...]]
"""Tag -> its numbers, bytes of a text; none of a type that holds no whole numbers."""

Data = bytes | mmap.mmap


@dataclass(frozen=True)
class TiffTags:
    """The first picture of a TIFF file.

    Attributes:
        dtype: of one number.
        orientation: 1 = upright.
        is_inverted: the smallest number is white.
        n_pages: 1, or 2 for more than one.
    """

    width: int
    height: int
    dtype: np.dtype[np.generic]
    n_channels: int
    orientation: int
    is_inverted: bool
    n_pages: int


def read_tiff_tags(data: bytes) -> TiffTags:
    """Return what the tags of the first picture say.

    Raises:
        CorruptInputError: no TIFF, or its data would lie outside the file.
        struct.error: cut short.
    """
    values, n_pages = first_directory(data)
    for offsets, lengths in ((STRIPS, STRIP_BYTES), (TILES, TILE_BYTES)):
        places = zip(values.get(offsets, ()), values.get(lengths, ()), strict=True)
        if any(offset + length > len(data) for offset, length in places):
            raise CorruptInputError("the TIFF is cut short: its pixels lie outside of the file")
    kind = KIND_OF_FORMAT.get(_one(values, FORMAT, 1))
    bits = _one(values, BITS, 1)
    if kind is None or bits not in (8, 16, 32, 64) or (kind, bits) == ("f", 8):
        raise CorruptInputError(
            f"a TIFF of {bits} bits, sample format {_one(values, FORMAT, 1)}, is no depth"
        )
    return TiffTags(
        width=_one(values, WIDTH, 0),
        height=_one(values, HEIGHT, 0),
        dtype=np.dtype(f"{kind}{bits // 8}"),
        n_channels=_one(values, CHANNELS, 1),
        orientation=_one(values, ORIENTATION, 1),
        is_inverted=_one(values, PHOTOMETRIC, 1) == WHITE_IS_ZERO,
        n_pages=n_pages,
    )


def _one(values: Tags, tag: int, default: int) -> int:
    found = values.get(tag) or (default,)
    return found[0]


def first_directory(data: Data) -> tuple[Tags, int]:
    """Return what the first directory holds, classic or BigTIFF, and how many there are: 1, or 2 for more.

    Raises:
        CorruptInputError: no TIFF, or too many tags.
        struct.error: cut short.
    """
    layout = _layout_of(data)
    values, following = _directory(data, layout, layout.start)
    return values, 2 if following else 1


def directories(data: Data) -> Iterator[Tags]:
    """Yield what each directory holds.

    Raises:
        CorruptInputError: no TIFF, too many tags, or directories that lead back to each other.
        struct.error: cut short.
    """
    layout, seen = _layout_of(data), set[int]()
    start = layout.start
    while start:
        if start in seen:
            raise CorruptInputError("the TIFF is damaged: its pages lead back to each other")
        seen.add(start)
        values, start = _directory(data, layout, start)
        yield values


class _Layout(NamedTuple):
    """How numbers stand in a TIFF, and where its first directory does."""

    order: str
    is_big: bool
    start: int

    @property
    def place(self) -> str:
        """The format of an offset."""
        return self.order + ("Q" if self.is_big else "I")


def _layout_of(data: Data) -> _Layout:
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise CorruptInputError("not a TIFF file")
    (version,) = struct.unpack_from(order + "H", data, 2)
    if version not in (42, 43):
        raise CorruptInputError("not a TIFF file")
    is_big = version == 43
    (start,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
    return _Layout(order, is_big, start)


def _directory(data: Data, layout: _Layout, start: int) -> tuple[Tags, int]:
    """Return what a directory holds, and where the next one stands, 0 for none."""
    order, is_big, _ = layout
    count, entry = ("Q", "HHQ") if is_big else ("H", "HHI")
    (n_entries,) = struct.unpack_from(order + count, data, start)
    if n_entries > MAX_ENTRIES:
        raise CorruptInputError("the TIFF is damaged: too many tags")
    head, body = struct.calcsize(order + entry), struct.calcsize(layout.place)
    at = start + struct.calcsize(order + count)
    values: Tags = {}
    for _ in range(n_entries):
        tag, kind, n_values = struct.unpack_from(order + entry, data, at)
        values[tag] = _numbers(data, order, kind, n_values, at + head, layout.place, body)
        at += head + body
    (following,) = struct.unpack_from(layout.place, data, at)
    return values, following


def _numbers(
    data: Data, order: str, kind: int, n_values: int, at: int, place: str, body: int
) -> tuple[int, ...]:
    letter = NUMBER_OF_TYPE.get(kind)
    if letter is None or n_values > MAX_VALUES:
        return ()
    layout = f"{order}{n_values}{letter}"
    if struct.calcsize(layout) > body:
        (at,) = struct.unpack_from(place, data, at)
    return struct.unpack_from(layout, data, at)
