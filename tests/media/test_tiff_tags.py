"""What a TIFF says of its first picture, written here byte by byte from the specification."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError
from focusgen.media import tiff_tags
from focusgen.media.tiff_tags import read_tiff_tags

SIZES = {"B": 1, "H": 3, "I": 4, "Q": 16}


class Entry(NamedTuple):
    """One tag: number, letter of its type, its numbers."""

    tag: int
    letter: str
    values: tuple[int, ...]


GREY_FLOATS = (
    Entry(256, "H", (4,)),
    Entry(257, "I", (3,)),
    Entry(258, "H", (32,)),
    Entry(262, "H", (1,)),
    Entry(273, "I", (8,)),
    Entry(277, "H", (1,)),
    Entry(279, "I", (48,)),
    Entry(339, "H", (3,)),
)


def tiff(
    *entries: Entry, order: str = "<", big: bool = False, following: int = 0, n_pixels: int = 48
) -> bytes:
    """Return a TIFF: header, pixels, one directory, and behind it what does not fit into an entry."""
    mark = {"<": b"II", ">": b"MM"}[order]
    place, count, n_count = ("Q", "Q", 8) if big else ("I", "H", 2)
    head = struct.pack(f"{order}HHH", 43, 8, 0) if big else struct.pack(f"{order}H", 42)
    start = 2 + len(head) + struct.calcsize(order + place) + n_pixels
    room = struct.calcsize(order + place)
    behind = start + n_count + len(entries) * (4 + 2 * room) + room
    table, extra = struct.pack(order + count, len(entries)), b""
    for tag, letter, values in entries:
        body = struct.pack(f"{order}{len(values)}{letter}", *values)
        if len(body) > room:
            where, extra = behind + len(extra), extra + body
            body = struct.pack(order + place, where)
        table += struct.pack(f"{order}HH{place}", tag, SIZES[letter], len(values)) + body.ljust(room, b"\0")
    table += struct.pack(order + place, following)
    return mark + head + struct.pack(order + place, start) + bytes(n_pixels) + table + extra


def changed(**values: tuple[int, ...]) -> list[Entry]:
    """Return the entries of a grey picture of floats with some tags changed, added, or dropped (empty)."""
    numbers = {name: getattr(tiff_tags, name) for name in values}
    kept = [entry for entry in GREY_FLOATS if entry.tag not in numbers.values()]
    return kept + [Entry(numbers[name], "I", found) for name, found in values.items() if found]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_all_tags_are_read_in_both_byte_orders_and_sizes_of_file(order, big):
    found = read_tiff_tags(tiff(*GREY_FLOATS, order=order, big=big))
    assert (found.width, found.height, found.dtype, found.n_channels) == (4, 3, np.dtype("f4"), 1)
    assert (found.orientation, found.is_inverted, found.n_pages) == (1, False, 1)


@pytest.mark.parametrize(
    ("bits", "kind", "dtype"), [(16, 1, "u2"), (16, 2, "i2"), (64, 3, "f8"), (16, 3, "f2"), (8, 1, "u1")]
)
def test_bits_and_format_together_name_the_type(bits, kind, dtype):
    assert read_tiff_tags(tiff(*changed(BITS=(bits,), FORMAT=(kind,)))).dtype == np.dtype(dtype)


@pytest.mark.parametrize(("bits", "kind"), [(12, 1), (1, 1), (24, 3), (8, 3), (32, 4), (64, 6)])
def test_other_numbers_are_no_depth(bits, kind):
    with pytest.raises(CorruptInputError, match=rf"a TIFF of {bits} bits, sample format {kind}, is no depth"):
        read_tiff_tags(tiff(*changed(BITS=(bits,), FORMAT=(kind,))))


def test_tags_that_are_not_there_have_the_value_of_the_specification():
    found = read_tiff_tags(tiff(*changed(FORMAT=(), CHANNELS=(), BITS=(16,))))
    assert (found.dtype, found.n_channels, found.orientation) == (np.dtype("u2"), 1, 1)
    with pytest.raises(CorruptInputError, match="a TIFF of 1 bits"):
        read_tiff_tags(tiff(*changed(BITS=())))


def test_turned_inverted_and_many_paged_files_say_so():
    turned = read_tiff_tags(tiff(*changed(ORIENTATION=(6,), PHOTOMETRIC=(0,), CHANNELS=(3,)), following=8))
    assert (turned.orientation, turned.is_inverted, turned.n_channels, turned.n_pages) == (6, True, 3, 2)


@pytest.mark.parametrize("places", [("STRIPS", "STRIP_BYTES"), ("TILES", "TILE_BYTES")])
def test_pixels_must_lie_inside_of_the_file(places):
    offsets, lengths = places
    whole = changed(**{"STRIPS": (), "STRIP_BYTES": (), offsets: (8, 32), lengths: (24, 24)})
    n_bytes = len(tiff(*whole))
    assert read_tiff_tags(tiff(*whole)).width == 4
    last = n_bytes - 24
    read_tiff_tags(tiff(*changed(**{"STRIPS": (), "STRIP_BYTES": (), offsets: (8, last), lengths: (24, 24)})))
    beyond = changed(**{"STRIPS": (), "STRIP_BYTES": (), offsets: (8, last + 1), lengths: (24, 24)})
    with pytest.raises(CorruptInputError, match="cut short: its pixels lie outside"):
        read_tiff_tags(tiff(*beyond))


def test_places_without_lengths_are_damage():
    with pytest.raises(ValueError, match="zip"):
        read_tiff_tags(tiff(*changed(STRIPS=(8, 20, 32), STRIP_BYTES=(12,))))


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04" + bytes(40), b"II\x2c\0" + bytes(40), b"MM*\0" + bytes(40)], ids=repr
)
def test_other_files_are_told_from_a_tiff(data):
    with pytest.raises(CorruptInputError, match="not a TIFF file"):
        read_tiff_tags(data)


def test_a_million_tags_are_refused_before_they_are_walked():
    data = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1 << 40)
    with pytest.raises(CorruptInputError, match="too many tags"):
        read_tiff_tags(data + bytes(64))


def test_a_tag_that_claims_a_billion_numbers_costs_no_memory():
    entries = [entry for entry in GREY_FLOATS if entry.tag not in (273, 279)]
    data = bytearray(tiff(*entries, Entry(273, "I", (8,))))
    at = data.rindex(struct.pack("<HHI", 273, 4, 1))
    data[at : at + 8] = struct.pack("<HHI", 273, 4, 1 << 30)
    assert read_tiff_tags(bytes(data)).width == 4  # passed over: there is nothing to hold against the file


def test_every_cut_is_noticed_as_damage():
    whole = tiff(*GREY_FLOATS)
    for length in range(len(whole)):
        with pytest.raises((CorruptInputError, struct.error)):
            read_tiff_tags(whole[:length])
