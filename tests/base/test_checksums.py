"""Checksums are those of the published algorithm, whichever way the bytes come."""

from __future__ import annotations

import pytest

from focusgen.base.checksums import FileEntry, checksum, file_checksum


def test_the_algorithm_is_xxh3_128():
    # values of xxHash's own command line (xxh128sum)
    assert checksum(b"") == "99aa06d3014798d86001c324468d497f"
    assert checksum(memoryview(b"focus")) == checksum(b"focus") != checksum(b"focut")


@pytest.mark.parametrize("size", [0, 1, (1 << 22) - 1, 1 << 22, (1 << 22) + 1])
def test_a_file_in_pieces_has_the_checksum_of_its_bytes(tmp_path, size):
    data = bytes(range(256)) * (size // 256 + 1)
    path = tmp_path / "file"
    path.write_bytes(data[:size])
    assert file_checksum(path) == checksum(data[:size])


def test_entries_are_equal_only_in_size_and_checksum():
    assert FileEntry(3, "a") == FileEntry(3, "a")
    assert FileEntry(3, "a") not in (FileEntry(4, "a"), FileEntry(3, "b"))
