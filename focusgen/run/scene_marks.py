"""What tells that nothing of a scene's state has changed, without reading a file of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from focusgen.base.checksums import checksum
from focusgen.dataset.file_marks import facts_of_change, has_settled, stat_if_there
from focusgen.dataset.layout import SceneLayout

Facts: TypeAlias = "list[tuple[int, int, int, int] | None]"
"""Size, times of change, inode of every place that tells a state; None where nothing is."""

UNTOUCHED = "nothing"


def facts_of(scene: SceneLayout) -> Facts:
    """Return the facts of a scene's places of state, in a fixed order."""
    return [
        facts_of_change(found) if found is not None else None
        for folder, files in scene.places_of_state().items()
        for found in _stats(folder, files)
    ]


def digest_of(facts: Facts) -> str:
    """Return a short form of facts, `UNTOUCHED` if there are none."""
    return checksum(repr(facts).encode())[:16] if any(facts) else UNTOUCHED


def mark_of(scene: SceneLayout) -> str:
    """Return the digest of a scene's facts, "" where one of them may change without another time stamp."""
    facts = facts_of(scene)
    newest_ns = max((fact[2] for fact in facts if fact is not None), default=0)
    return digest_of(facts) if has_settled(newest_ns) else ""


def _stats(folder: str, files: Sequence[str]) -> Iterator[os.stat_result | None]:
    """Yield what a folder is, and the first of some files in it, beside which no later one counts."""
    found = stat_if_there(folder)
    yield found
    for name in files if found is not None else ():
        found = stat_if_there(f"{folder}/{name}")
        yield found
        if found is not None:
            return
