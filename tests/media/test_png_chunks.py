"""Chunks are walked to the end of the PNG, and none is given whose checksum is another."""

from __future__ import annotations

import struct
import zlib

import pytest

from focusgen.media.png_chunks import PNG_SIGNATURE, BrokenChunk, Chunk, png_chunks


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


WHOLE = PNG_SIGNATURE + chunk(b"IHDR", b"head") + chunk(b"IEND")


def test_each_is_given_with_the_place_of_its_body_and_what_follows_is_left():
    found = [Chunk(b"IHDR", 16, 20), Chunk(b"IEND", 32, 32)]
    assert list(png_chunks(WHOLE)) == list(png_chunks(WHOLE + b"more")) == found


@pytest.mark.parametrize(
    ("data", "position", "kind", "is_cut"),
    [
        (b"", 8, b"", True),
        (WHOLE[:15], 8, b"", True),
        (WHOLE[:16], 8, b"IHDR", True),
        (WHOLE[:23], 8, b"IHDR", True),
        (WHOLE[:24], 24, b"", True),
        (WHOLE.replace(b"head", b"Head"), 8, b"IHDR", False),
        (WHOLE[:-1] + b"?", 24, b"IEND", False),
    ],
)
def test_what_is_cut_or_damaged_is_told_by_its_place(data, position, kind, is_cut):
    with pytest.raises(BrokenChunk) as caught:
        list(png_chunks(data))
    assert (caught.value.position, caught.value.kind, caught.value.is_cut) == (position, kind, is_cut)
