"""What phase 1 says to a person: refusals, and notes on frames, each once with the scenes it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from focusgen.base.names import shortened
from focusgen.dataset.index import IndexResult
from focusgen.dataset.index_draft import outline_of
from focusgen.media.listing import Rejection


def refusal_line(scene_id: str, rejection: Rejection) -> str:
    """Return a refusal with every name in it once."""
    file = rejection.file
    is_named = file.startswith(f"{scene_id}/") or scene_id in (file, PurePosixPath(file).stem)
    return f"{file}: {rejection.reason}" if is_named else f"{scene_id}: {file}: {rejection.reason}"


def note_lines(result: IndexResult) -> Iterator[str]:
    """Yield each note on scenes that were decoded now, and where those on other scenes stand."""
    scenes_of: dict[str, list[str]] = {}
    for scene_id in result.looked_at:
        notes = result.index[scene_id].notes if outline_of(result.index, scene_id).n_notes else ()
        for note in notes:
            scenes_of.setdefault(note, []).append(scene_id)
    for note, scenes in scenes_of.items():
        yield f"{shortened(scenes)}: {note}"
    looked_at = set(result.looked_at)
    n_before = sum(
        outline_of(result.index, name).n_notes > 0 for name in result.index if name not in looked_at
    )
    if n_before:
        whose = "1 scene indexed before has" if n_before == 1 else f"{n_before} scenes indexed before have"
        yield f"{whose} notes (source.notes in scene_index.json)"
