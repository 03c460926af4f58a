"""Chunks of PNG files: each a length, a kind, its body and a checksum, up to IEND."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import deflate

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class BrokenChunk(ValueError):
    """A chunk that is cut off, or has another checksum than its own.

    Attributes:
        position: where it begins.
        kind: four letters; empty where the file ends before them.
        is_cut: the file ends inside it.
    """

    def __init__(self, position: int, kind: bytes, *, is_cut: bool) -> None:
        super().__init__(f"chunk {kind!r} at byte {position}")
        self.position, self.kind, self.is_cut = position, kind, is_cut


class Chunk(NamedTuple):
    """A chunk whose checksum is right, and where its body lies."""

    kind: bytes
    begin: int
    end: int


def png_chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks of a PNG file, whose signature is not looked at, each as it was compared.

    Raises:
        BrokenChunk: damaged, or cut short.
    """
    position, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        head = data[position : position + 8]
        if len(head) < 8:
            raise BrokenChunk(position, b"", is_cut=True)
        length, kind = struct.unpack(">I4s", head)
        begin, end = position + 8, position + 8 + length
        checksum = data[end : end + 4]
        if len(checksum) < 4:
            raise BrokenChunk(position, kind, is_cut=True)
        if deflate.crc32(memoryview(data)[position + 4 : end]) != int.from_bytes(checksum, "big"):
            raise BrokenChunk(position, kind, is_cut=False)
        yield Chunk(kind, begin, end)
        position = end + 4
