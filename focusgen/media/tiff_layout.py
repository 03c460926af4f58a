"""16-bit TIFF in layouts that neither Pillow nor OpenCV reads rightly, taken apart into plain grey files.

Two kinds: colour whose planes lie one behind the other (PlanarConfiguration 2), and grey in which 0 is white
(WhiteIsZero). Each plane becomes a TIFF of its own: the same bytes with another directory behind them, which
any reader understands.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from focusgen.base.errors import CorruptInputError
from focusgen.media.tiff_tags import (
    BITS,
    CHANNELS,
    FORMAT,
    HEIGHT,
    JPEG_TABLES,
    NUMBER_OF_TYPE,
    ORIENTATION,
    PHOTOMETRIC,
    PROFILE,
    STRIP_BYTES,
    STRIPS,
    TILE_BYTES,
    TILES,
    UNDEFINED,
    WHITE_IS_ZERO,
    WIDTH,
    Tags,
    first_directory,
)

_SHORT, _LONG = 3, 4
_COMPRESSION, _ROWS_PER_STRIP, _PLANAR, _PREDICTOR = 259, 278, 284, 317
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_COPIED = (
    WIDTH,
    HEIGHT,
    _COMPRESSION,
    ORIENTATION,
    _ROWS_PER_STRIP,
    _PREDICTOR,
    _TILE_WIDTH,
    _TILE_HEIGHT,
)
_BLACK_IS_ZERO, _RGB, _APART, _UNSIGNED = 1, 2, 2, 1
_MAX_SAMPLES = 4
_MOST = (1 << 32) - 1  # that a directory of a classic TIFF can be given


class GreyPlanes(NamedTuple):
    """A TIFF taken apart.

    Attributes:
        files: a grey 16-bit TIFF for each plane.
        is_white_zero: its values run from white to black.
    """

    files: tuple[bytes, ...]
    is_white_zero: bool


def as_plain_grey(data: bytes) -> GreyPlanes | None:
    """Return the planes of a TIFF of one of the two kinds; None for any other, or a damaged directory."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return None
    try:
        values, n_pages = first_directory(data)
    except (struct.error, CorruptInputError):
        return None  # damaged: Pillow says so
    if n_pages > 1:
        return None
    tags = {tag: numbers for tag, numbers in values.items() if numbers and max(numbers) <= _MOST}
    bits, n_samples = tags.get(BITS, (1,)), tags.get(CHANNELS, (1,))[0]
    photometric, planar = tags.get(PHOTOMETRIC, (-1,))[0], tags.get(_PLANAR, (1,))[0]
    is_unsigned = set(tags.get(FORMAT, (_UNSIGNED,))) == {_UNSIGNED}
    if set(bits) != {16} or not is_unsigned or not 1 <= n_samples <= _MAX_SAMPLES:
        return None
    is_apart = planar == _APART and n_samples in (3, 4) and photometric == _RGB
    is_white_zero = photometric == WHITE_IS_ZERO and n_samples == 1
    if not (is_apart or is_white_zero):
        return None
    parts = [_plane_tags(tags, number, n_samples) for number in range(n_samples)]
    if None in parts:
        return None
    return GreyPlanes(tuple(with_tags(data, order, part) for part in parts if part), is_white_zero)


def _plane_tags(tags: Tags, number: int, n_samples: int) -> Tags | None:
    """Return the directory of one plane: its share of the strips or tiles."""
    plane: Tags = {tag: tags[tag][:1] for tag in _COPIED if tag in tags}
    if PROFILE in tags:
        plane[PROFILE] = tags[PROFILE]
    plane |= {BITS: (16,), PHOTOMETRIC: (_BLACK_IS_ZERO,), CHANNELS: (1,), _PLANAR: (1,)}
    for tag in (STRIPS, STRIP_BYTES, TILES, TILE_BYTES):
        values = tags.get(tag)
        if values is None:
            continue
        share, rest = divmod(len(values), n_samples)
        if rest:
            return None
        plane[tag] = values[number * share : (number + 1) * share]
    return plane


def with_tags(data: bytes, order: str, tags: Tags) -> bytes:
    """Return a TIFF with one other directory behind its bytes, which alone is read then."""
    padding = len(data) % 2
    start = len(data) + padding
    values_at = start + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag in sorted(tags):
        kind = _type_of(tag, tags[tag])
        packed = struct.pack(f"{order}{len(tags[tag])}{NUMBER_OF_TYPE[kind]}", *tags[tag])
        if len(packed) > 4:
            place = struct.pack(order + "I", values_at + len(values))
            values += packed + bytes(len(packed) % 2)
        else:
            place = packed.ljust(4, b"\0")
        entries += struct.pack(order + "HHI", tag, kind, len(tags[tag])) + place
    directory = struct.pack(order + "H", len(tags)) + entries + bytes(4)
    head = data[:4] + struct.pack(order + "I", start)
    return head + data[8:] + bytes(padding) + directory + values


def _type_of(tag: int, values: tuple[int, ...]) -> int:
    if tag in (PROFILE, JPEG_TABLES):
        return UNDEFINED
    return _SHORT if max(values) < 65536 and tag not in (STRIPS, TILES) else _LONG
