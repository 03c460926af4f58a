"""Checksums of published bytes: they notice damage, and do not resist an attacker."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import xxhash

_PIECE_BYTES = 1 << 22


class _Digest(Protocol):
    def update(self, data: bytes, /) -> object: ...
    def hexdigest(self) -> str: ...


def checksum(data: bytes | memoryview) -> str:
    """Return xxh3_128 of the bytes, hex: notices damage, does not resist an attacker."""
    return xxhash.xxh3_128_hexdigest(data)


class RunningChecksum:
    """xxh3_128 of bytes that come piece by piece."""

    def __init__(self) -> None:
        self._digest = xxhash.xxh3_128()
        self.size = 0

    def update(self, data: bytes | memoryview) -> None:
        """Take the next piece."""
        self._digest.update(data)
        self.size += len(data)

    def entry(self) -> FileEntry:
        """Return size and checksum of all pieces so far."""
        return FileEntry(self.size, self._digest.hexdigest())


def file_checksum(path: Path) -> str:
    """Return xxh3_128 of a file, hex, read in pieces."""
    return _in_pieces(path, xxhash.xxh3_128())


def file_sha256(path: Path) -> str:
    """Return SHA-256 of a file, hex, read in pieces: what other people's tools compare."""
    return _in_pieces(path, hashlib.sha256())


def _in_pieces(path: Path, digest: _Digest) -> str:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)  # a data set has millions
class FileEntry:
    """Size and checksum of the bytes handed to the writer, never of a re-read."""

    size: int
    xxh3_128: str

    @classmethod
    def of(cls, data: bytes | memoryview) -> FileEntry:
        """Return the entry of bytes."""
        return cls(len(data), checksum(data))
