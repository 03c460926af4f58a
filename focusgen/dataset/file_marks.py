"""Whether files are still those that were read: their names, sizes, times and inodes, without reading them.

The times are those of the inode's last change, which no program can set: whoever writes, replaces, copies
or renames a file leaves another one. What a disk forgets by itself does not show; only reading shows that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from focusgen.base.checksums import checksum

SETTLED_S = 2.0
"""What changed so recently may change again without another time stamp: only its bytes tell."""


def mark_of_files(folders: Iterable[Path], files: Iterable[Path], base: Path | None = None) -> str:
    """Return a digest of what tells that files are others; "" where it cannot be told without reading them.

    Args:
        folders: all files below them count, under their names.
        files: more files; one that is missing counts as that.
        base: names count from here on; None for whole paths.
    """
    newest_ns, facts = 0, []
    try:
        for path in [*_below(folders), *map(str, files)]:
            found, name = stat_if_there(path), path if base is None else os.path.relpath(path, base)
            if found is None:
                facts.append((name, 0, 0, 0, 0))
                continue
            facts.append((name, *facts_of_change(found)))
            newest_ns = max(newest_ns, found.st_ctime_ns)
    except (OSError, _LinkedFolderError):
        return ""
    return checksum(ascii(facts).encode()) if has_settled(newest_ns) else ""


def facts_of_change(found: os.stat_result) -> tuple[int, int, int, int]:
    """Return size, both times of change and inode: what is the same while a file is."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def has_settled(newest_ns: int) -> bool:
    """Say whether the newest change lies so far back that another one would have another time stamp."""
    return newest_ns < (time.time() - SETTLED_S) * 1e9


def stat_if_there(path: str) -> os.stat_result | None:
    """Return what the file system says of a path, None if nothing is there."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


class _LinkedFolderError(Exception):
    """A folder that lies elsewhere: what is below it is not looked at."""


def _below(folders: Iterable[Path]) -> Iterator[str]:
    """Yield the path of every file, in a fixed order."""
    for folder in folders:
        for root, names, files in os.walk(folder, onerror=_refuse):
            names.sort()
            if any(os.path.islink(f"{root}/{name}") for name in names):
                raise _LinkedFolderError
            yield from (f"{root}/{name}" for name in sorted(files))


def _refuse(error: OSError) -> None:
    raise error
