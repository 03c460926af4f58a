"""Bytes of a scene's published files, each compared with the record that it was vetted by.

What a scene's records say is looked at when a data set is opened; files are opened later, one by one, and
another picture or map of the same size decodes as well as the right one.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path

from focusgen.base.checksums import FileEntry
from focusgen.base.errors import CorruptInputError, MissingUpstreamError, StaleError
from focusgen.config.graph import PhaseName
from focusgen.data.samples import Modality
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.packs import read_published
from focusgen.dataset.records import Record, read_record
from focusgen.dataset.vetting import VettedScene

MADE_BY: Mapping[Modality, PhaseName] = {
    "sharp": "deblur",
    "depth": "depth",
    "valid": "depth",
    "bokeh": "render",
    "clean": "render",
    "focus": "render",
}
KEPT_RECORDS = 48
"""Records whose files a process remembers: one of 100 frames in four lens sets is a quarter of a megabyte."""


def read_vouched(scene: VettedScene, modality: Modality, path: Path) -> bytes:
    """Return the bytes of a published file; `dataset.published` puts its name before what is wrong.

    Raises:
        MissingUpstreamError: its record names it, and it is gone.
        CorruptInputError: it is another file than its record vouches for.
        StaleError: the record is not the one that the scene was vetted by.
        FileNotFoundError: it is not there, and no record names it.
    """
    phase = MADE_BY[modality]
    files = _files(scene.layout, phase, scene.digests[phase])
    entry = files.get(str(path)[len(str(scene.layout.root)) + 1 :])
    try:
        data = read_published(path)
    except FileNotFoundError as error:
        if entry is None:
            raise
        _record(scene.layout, phase, scene.digests[phase])  # a phase that runs meanwhile takes files away
        raise MissingUpstreamError(f"{path}: no such file", "focusgen repair redoes it.") from error
    if entry is not None and FileEntry.of(data) != entry:
        _record(scene.layout, phase, scene.digests[phase])
        raise CorruptInputError(f"not the file that {scene.layout.done(phase)} vouches for")
    return data


@functools.lru_cache(maxsize=KEPT_RECORDS)
def _files(scene: SceneLayout, phase: PhaseName, digest: str) -> Mapping[str, FileEntry]:
    """Return path relative to the scene -> what the record of that digest says of the file."""
    folder = scene.phase_folder(phase).name
    files = _record(scene, phase, digest).files
    return {os.path.normpath(f"{folder}/{name}"): entry for name, entry in files.items()}


def _record(scene: SceneLayout, phase: PhaseName, digest: str) -> Record:
    """Return the record of that digest as it lies there now.

    Raises:
        StaleError: another one lies there, or none.
    """
    record = read_record(scene.done(phase))
    if record is None or record.digest != digest:
        raise StaleError(
            f"scene {scene.scene_id!r}: {scene.done(phase)} has changed since the data set was opened",
            "A phase ran meanwhile: open the data set anew.",
        )
    return record
