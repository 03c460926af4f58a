"""What tells that nothing of a scene's state has changed, without reading a file of it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from focusgen.base.checksums import checksum
from focusgen.dataset.layout import SceneLayout

Facts: TypeAlias = "list[tuple[int, int, int, int] | None]"
"""Size, times of change, inode of every place that tells a state; None where nothing is."""

UNTOUCHED = "nothing"


def facts_of(scene: SceneLayout) -> Facts:
    """Return the facts of a scene's places of state, in a fixed order."""
    return [
        (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino) if found is not None else None
        for folder, files in scene.places_of_state().items()
        for found in _stats(folder, files)
    ]


def digest_of(facts: Facts) -> str:
    """Return a short form of facts, `UNTOUCHED` if there are none."""
    return checksum(repr(facts).encode())[:16] if any(facts) else UNTOUCHED


def mark_of(scene: SceneLayout, settled_s: float) -> str:
    """Return the digest of a scene's facts, "" if one of them is younger than `settled_s`.

    Args:
        scene: whose.
        settled_s: what changed so recently may change again without another time stamp.
    """
    facts = facts_of(scene)
    newest_ns = max((fact[2] for fact in facts if fact is not None), default=0)
    return digest_of(facts) if newest_ns < (time.time() - settled_s) * 1e9 else ""


def _stats(folder: str, files: Sequence[str]) -> Iterator[os.stat_result | None]:
    """Yield what a folder is, and the first of some files in it, beside which no later one counts."""
    found = _stat(folder)
    yield found
    for name in files if found is not None else ():
        found = _stat(f"{folder}/{name}")
        yield found
        if found is not None:
            return


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
