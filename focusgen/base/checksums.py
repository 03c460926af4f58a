"""Checksums of published bytes: they notice damage, and do not resist an attacker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import xxhash


def checksum(data: bytes | memoryview) -> str:
    """Return xxh3_128 of the bytes, hex: notices damage, does not resist an attacker."""
    return xxhash.xxh3_128_hexdigest(data)


def file_checksum(path: Path) -> str:
    """Return xxh3_128 of a file, hex, read in pieces."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            digest.update(piece)
    return digest.hexdigest()


@dataclass(frozen=True)
class FileEntry:
    """Size and checksum of the bytes handed to the writer, never of a re-read."""

    size: int
    xxh3_128: str
