"""What is kept of a phase's unfinished work: how it was begun, and the facts that its frames cannot tell."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from focusgen.base.files import append, make_folder, publish, publish_json, remove
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import Identity, Record, parse_json
from focusgen.media.codecs import PngFilter

METADATA_NOTE = "metadata"
"""The note that tells which bytes of metadata.json a scene's labels are of."""


def read_journal(path: Path) -> dict[str, Any] | None:
    """Return what a phase was begun under, by its journal or metadata.json; None where that is unreadable."""
    try:
        document = parse_json(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def png_filter_of(document: Mapping[str, Any]) -> PngFilter:
    """Return how a journal's or a record's pictures are written; those of release 0.1.0 do not say it."""
    return "up" if document.get("png_filter") == "up" else "paeth"


def note_line(key: str, value: object) -> bytes:
    """Return one line of the notes; its CRC tells a whole line from a damaged one."""
    text = json.dumps([key, value], allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def open_notes(path: Path) -> dict[str, Any]:
    """Return the facts of earlier lives, and end the line that a killed one was writing."""
    if not path.exists():
        return {}
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        append(path, b"\n")
    notes: dict[str, Any] = {}
    for line in data.splitlines():
        check, _, text = line.partition(b" ")
        if check != b"%08x" % zlib.crc32(text):
            continue  # the last line of a killed run; its frame was not published yet
        key, value = json.loads(text)
        notes[key] = value
    return notes


def reopen(scene: SceneLayout, record: Record, damaged: Iterable[Path]) -> None:
    """Turn a finished phase into one that lacks some files: its next run makes those, and the record, anew.

    Under the scene's lock. The damaged files go before the record, so that a kill in between leaves nothing
    that an ordinary run would take for its own.
    """
    phase = record.document["phase"]
    journal = scene.journal(phase)
    make_folder(journal.parent)
    notes = dict(record.notes)
    metadata = record.files.get(os.path.relpath(scene.metadata_json, scene.phase_folder(phase)))
    if metadata is not None:
        notes[METADATA_NOTE] = metadata.xxh3_128
    lines = b"".join(note_line(key, value) for key, value in notes.items())
    publish(scene.notes(phase), lines)
    begun = {**Identity.of(record.document).document(), "png_filter": png_filter_of(record.document)}
    publish_json(journal, begun)
    for path in damaged:
        remove(path)
    remove(scene.done(phase))
