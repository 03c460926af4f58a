"""What a data set publishes, as one checksum per file: two runs are the same if these are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from focusgen.base.checksums import file_checksum
from focusgen.dataset.layout import DONE, FAILED, PARTIAL
from focusgen.dataset.store import valid_entry

NOT_COVERED = frozenset({DONE, FAILED, PARTIAL})
ROOT_NOT_COVERED = frozenset({"logs", "previews", ".focusgen"})


def published_files(root: Path) -> Iterator[Path]:
    """Yield the files of a data set that equal runs make byte for byte, in name order.

    Records, logs and previews hold times or depend on the machine, and are left out.
    """
    for folder, folders, names in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name not in ROOT_NOT_COVERED]
        folders.sort()
        yield from (Path(folder) / name for name in sorted(names) if name not in NOT_COVERED)


def published_digests(root: Path) -> dict[str, str]:
    """Return path relative to the root -> xxh3_128."""
    return {path.relative_to(root).as_posix(): file_checksum(path) for path in published_files(root)}


def torn_files(root: Path) -> list[Path]:
    """Return published frames, maps and renders that do not decode; empty at every moment of every run."""
    frames = (path for path in published_files(root) if path.suffix in (".png", ".npz"))
    return [path for path in frames if not path.name.startswith(".") and valid_entry(path) is None]
