"""What a run knows of a scene when it has finished a phase of it, so that status need not read its records.

A line says which records lie there, that they were made of one another, and of which kinds they are: beside
the settings that count, a state follows from nothing else. Scenes of the same kinds stand alike, so that of
a hundred thousand one is looked at. A line counts while the scene has the mark that it had then. Each
process appends to a file of its own; a torn or damaged line is as good as none.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from focusgen.base.checksums import checksum
from focusgen.base.errors import CorruptInputError, StorageError
from focusgen.base.files import append, make_folder
from focusgen.config.graph import GRAPH, SCENE_PHASES, PhaseName
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.known_faults import known_fault
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.records import Record, canonical, read_record
from focusgen.dataset.scene_table import SceneTable
from focusgen.dataset.sealed_lines import open_line, seal_line
from focusgen.run.scene_marks import digest_of, facts_of

NOTES_VERSION = 1
NOTHING = ""


class Note(NamedTuple):
    """What a line says of a scene.

    Attributes:
        kinds: one text for all that is alike in the records of scenes that stand alike.
        digests: of the records, "missing" where there is none.
        ingest_digest, n_frames: of the line of the index that the records were made from.
    """

    kinds: str
    digests: tuple[str, ...]
    ingest_digest: str
    n_frames: int


def note_finished(dataset: DatasetLayout, index: Mapping[str, IndexEntry], scene_id: str) -> None:
    """Write down what lies there of a scene, if all of it fits together; of few scenes nothing.

    Under the lock of what was changed. Where it cannot be written, status reads the records.
    """
    if not isinstance(index, SceneTable):
        return
    scene = dataset.scene(scene_id)
    note = _note_of(scene, index[scene_id])
    if note is None:
        return
    line = {"version": NOTES_VERSION, "scene": scene_id, "mark": digest_of(facts_of(scene)), "note": note}
    with contextlib.suppress(StorageError):
        make_folder(dataset.finished_notes)
        append(dataset.finished_notes / f"{socket.gethostname()}-{os.getpid()}.jsonl", seal_line(line))


def _note_of(scene: SceneLayout, entry: IndexEntry) -> Note | None:
    """Return what to write down of a scene; None where its state is not plain from its records alone."""
    digests: dict[str, str] = {"index": entry.ingest_digest}
    kinds = []
    for phase in SCENE_PHASES:
        try:
            record = read_record(scene.done(phase))
        except CorruptInputError:
            return None
        if scene.journal(phase).exists() or not _is_plain(scene, phase, record, entry, digests):
            return None
        digests[phase] = record.digest if record else "missing"
        kinds.append(_kind(record) if record else NOTHING)
    records = tuple(digests[phase] for phase in SCENE_PHASES)
    return Note(checksum("/".join(kinds).encode())[:16], records, entry.ingest_digest, entry.n_frames)


def _is_plain(
    scene: SceneLayout,
    phase: PhaseName,
    record: Record | None,
    entry: IndexEntry,
    digests: Mapping[str, str],
) -> bool:
    """Say whether a phase has a record of what lies there, or nothing at all."""
    if record is None:
        return not scene.phase_folder(phase).exists()
    upstream = {name: digests[name] for name in GRAPH[phase].upstream}
    return record.document["upstream"] == upstream and record.n_frames == entry.n_frames


def _kind(record: Record) -> str:
    """Return all that a state follows from beside the links between records."""
    document = record.document
    said = {name: document[name] for name in ("phase", "backend", "algorithm_version", "settings")}
    traits = {"fault": known_fault(document), "is_exact": document["details"].get("is_exact", True)}
    return checksum(canonical({**said, **traits}))


def read_notes(folder: Path) -> dict[tuple[str, str], Note]:
    """Return (scene, mark) -> what was written down, from the files of all processes."""
    notes: dict[tuple[str, str], Note] = {}
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob("*.jsonl")):
            with path.open("rb") as lines:
                for line in lines:
                    _take(line, notes)
    return notes


def _take(line: bytes, notes: dict[tuple[str, str], Note]) -> None:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        document = open_line(line)
        if document is not None and document["version"] == NOTES_VERSION:
            kinds, digests, ingest_digest, n_frames = document["note"]
            note = Note(str(kinds), tuple(digests), str(ingest_digest), int(n_frames))
            notes[str(document["scene"]), str(document["mark"])] = note
