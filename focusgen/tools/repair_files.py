"""Small files of a scene that are put back out of what is whole, and those that are damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from focusgen.base.checksums import FileEntry
from focusgen.base.errors import CorruptInputError
from focusgen.base.files import json_bytes, make_folder, publish, remove
from focusgen.config import PhaseName
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.packs import read_published
from focusgen.dataset.records import Record, seal
from focusgen.optics.stats import depth_stats
from focusgen.phases.scene_depth import counts_of

Did = Callable[[str], object]
"""Told what was restored, in one line."""


def restore_split(scene: SceneLayout, entry: IndexEntry, did: Did) -> None:
    """Write split.txt as the index has it."""
    path, data = scene.split_txt, f"{entry.split}\n".encode()
    if not path.is_file() or path.read_bytes() != data:
        make_folder(path.parent)
        publish(path, data)
        did("split.txt: written from the index")


def restore_stats(scene: SceneLayout, record: Record, did: Did) -> bool:
    """Write stats.json anew from the saved maps, which are whole; False if other bytes are recorded."""
    data = json_bytes(depth_stats(counts_of(scene, range(record.n_frames))))
    if record.files[scene.stats_json.name] != FileEntry.of(data):
        return False
    publish(scene.stats_json, data)
    did(f"{scene.relative(scene.stats_json)}: computed again from the saved maps")
    return True


def restore_record(scene: SceneLayout, phase: PhaseName, record: Record, did: Did) -> None:
    """Write a record of a phase that is whole to where it is missing, and remove what says that it failed."""
    for path in lost_copies(scene, phase, record):
        make_folder(path.parent)
        publish(path, _sealed(record))
        did(f"{scene.relative(path)}: restored from its other copy")
    failed = scene.failed(phase)
    if failed.exists():
        remove(failed)
        did(f"{scene.relative(failed)}: removed: the phase is whole")


def lost_copies(scene: SceneLayout, phase: PhaseName, record: Record) -> list[Path]:
    """Return where a record of a phase should lie and does not."""
    data = _sealed(record)
    copies = (scene.done(phase), scene.record_copy(phase))
    return [path for path in copies if not path.is_file() or path.read_bytes() != data]


def _sealed(record: Record) -> bytes:
    """Return the bytes of a record's file."""
    document = dict(record.document)
    run = {key: value for key, value in document.pop("run").items() if key != "checksum"}
    document.pop("digest")
    return seal(document, run)


def damaged_files(scene: SceneLayout, record: Record) -> list[Path]:
    """Return the files that are missing or not as the record says."""
    folder = scene.phase_folder(record.document["phase"])
    damaged = []
    for relative, entry in record.files.items():
        path = Path(os.path.normpath(folder / relative))
        if not _is_as_recorded(path, entry):
            damaged.append(path)
    return damaged


def _is_as_recorded(path: Path, entry: FileEntry) -> bool:
    try:
        data = read_published(path)
    except (OSError, CorruptInputError):
        return False
    return FileEntry.of(data) == entry
