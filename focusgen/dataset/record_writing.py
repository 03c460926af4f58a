"""The completion record of a phase: written last of all, when what it vouches for has reached the device."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from focusgen.base import files
from focusgen.base.checksums import FileEntry
from focusgen.base.errors import SceneError
from focusgen.base.files import fsync_folder, make_folder, publish, remove, sync_file_system
from focusgen.config.graph import PhaseName
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import RECORD_VERSION, Identity, Record, seal


def record_document(
    identity: Identity,
    folder: Path,
    files: Mapping[Path, FileEntry],
    flags: Mapping[str, list[str]],
    warnings: Sequence[str],
    details: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the part of a record that its digest covers."""
    relative = {os.path.relpath(path, folder): entry for path, entry in files.items()}
    return {
        "record_version": RECORD_VERSION,
        **identity.document(),
        "files": {k: {"size": e.size, "xxh3_128": e.xxh3_128} for k, e in sorted(relative.items())},
        "flags": dict(flags),
        "warnings": list(warnings),
        "details": json.loads(json.dumps(details, allow_nan=False)),
    }


def write_record(
    scene: SceneLayout,
    document: Mapping[str, Any],
    run: Mapping[str, Any],
    *,
    whole_scene: bool = True,
) -> Record:
    """Write a completion record after everything that it vouches for has reached the device.

    Raises:
        StorageError: it could not be written, or the device failed; there is no record then.
    """
    phase: PhaseName = document["phase"]
    folder, data = scene.phase_folder(phase), seal(document, run)
    if whole_scene:
        copy = scene.record_copy(phase)
        make_folder(copy.parent)
        publish(copy, data)
    sync_file_system(folder)
    files.on_step("before_record", folder)
    path = scene.done(phase) if whole_scene else scene.partial(phase)
    publish(path, data)
    try:
        fsync_folder(folder)
    except SceneError:  # nobody knows what the device holds: no claim over it
        remove(path)
        raise
    remove(scene.failed(phase))
    return Record(json.loads(data))
