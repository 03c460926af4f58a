"""Looking into the folders of a data set: children in natural order, and files paired by their numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from focusgen.base.names import listed, natural_key

MAX_LOOKED_AT = 200
"""Folders of one level that are looked at to recognise a layout: a root may hold a hundred thousand."""

MAX_NAMED = 3


def folders(root: Path) -> list[Path]:
    """Return the folders in a folder, in natural order, hidden ones left out; nothing where there is none."""
    if not root.is_dir():
        return []
    with os.scandir(root) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry)]
    return [root / name for name in sorted(names, key=natural_key)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Say whether it is a folder; of what is no link without asking the disk again, once a scene and layout.

    False for a link to itself, without an error.
    """
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir(follow_symlinks=False)


def files(folder: Path, *suffixes: str) -> list[str]:
    """Return the names of the files with one of these suffixes (lower case; none: all), in natural order."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        seen = [entry.name for entry in entries if not entry.name.startswith(".")]
    names = [name for name in seen if not suffixes or name.lower().endswith(suffixes)]
    return sorted(names, key=natural_key)


def below(root: Path, is_wanted: Callable[[Path], bool], depth: int) -> Iterator[Path]:
    """Yield the folders that are wanted: the root, or those up to so many levels below; none inside one."""
    if is_wanted(root):
        yield root
    elif depth:
        for folder in folders(root):
            yield from below(folder, is_wanted, depth - 1)


def first_below(root: Path, is_wanted: Callable[[Path], bool], depth: int) -> Path | None:
    """Return the nearest that `below` yields, looking at no more than `MAX_LOOKED_AT` folders of a level."""
    level = [root]
    for _ in range(depth + 1):
        found = next((folder for folder in level if is_wanted(folder)), None)
        if found is not None:
            return found
        level = [child for folder in level for child in folders(folder)[:MAX_LOOKED_AT]][:MAX_LOOKED_AT]
    return None


def number_of(name: str) -> int | None:
    """Return the first number in a file name: that of the frame, in all data sets that are read here."""
    found = re.search(r"[0-9]+", name)
    return int(found[0]) if found else None


def paired(frames: Iterable[str], depths: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return (frames, their depth files, notes on the frames that have none), paired by their numbers.

    Where none has any, all frames are returned, and no note. A number that several frames or several depth
    files have (`scene0000_00_12.png`) pairs none of them.
    """
    frames, depth_of = list(frames), _by_number(depths)
    frame_of = _by_number({Path(name).stem for name in frames})
    known = [(name, depth_of.get(n) if (n := number_of(name)) in frame_of else None) for name in frames]
    kept = [(frame, depth) for frame, depth in known if depth is not None]
    if not kept:
        return tuple(frames), (), ()
    note = left_out([frame for frame, depth in known if depth is None], len(known))
    return tuple(f for f, _ in kept), tuple(d for _, d in kept), (note,) if note else ()


def _by_number(names: Iterable[str]) -> dict[int | None, str]:
    """Return number -> the one name that has it."""
    found: dict[int | None, list[str]] = {}
    for name in names:
        found.setdefault(number_of(name), []).append(name)
    return {number: alike[0] for number, alike in found.items() if len(alike) == 1}


def left_out(names: list[str], n_all: int) -> str:
    """Say which frames are left out for want of depth; nothing if none is."""
    if not names:
        return ""
    return f"{len(names)} of {n_all} frames have no depth and are left out: {listed(names, MAX_NAMED)}"
