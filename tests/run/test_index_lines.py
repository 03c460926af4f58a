"""A refusal has each name once, and a note that concerns many scenes is one line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from focusgen.dataset.index import IndexEntry, IndexResult
from focusgen.media.listing import Rejection
from focusgen.run.pipeline import note_lines, refusal_line

ENTRY = IndexEntry(("a.png",), 4, 4, "train", {"path": "a", "kind": "images", "fps": None}, (), "0")


@pytest.mark.parametrize(
    ("scene_id", "file", "line"),
    [
        ("a", "a.mp4", "a.mp4: why"),
        ("film.wmv", "film.wmv", "film.wmv: why"),
        ("bear", "bear/", "bear/: why"),
        ("bear", "bear/1.png", "bear/1.png: why"),
        ("bear", "1.png", "bear: 1.png: why"),
    ],
)
def test_a_refusal_names_scene_and_file_once(scene_id, file, line):
    assert refusal_line(scene_id, Rejection(file, "why")) == line


def test_a_note_on_many_scenes_is_one_line_and_old_notes_are_counted():
    noted = replace(ENTRY, source={**ENTRY.source, "notes": ["odd"]})
    index = {f"s{i}": noted for i in range(8)} | {"plain": ENTRY}
    result = IndexResult(index, looked_at=[f"s{i}" for i in range(7)] + ["plain"])
    assert list(note_lines(result)) == [
        "s0, s1, s2, s3, s4 and 2 more: odd",
        "1 scene indexed before has notes (source.notes in scene_index.json)",
    ]
