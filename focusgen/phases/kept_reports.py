"""What phase 6 found in a scene holds while nothing that it looked at has changed.

A line per scene below `.focusgen`: what it was checked with (settings, release, the program itself, its line
of the index), a mark of its files, and the report. Only scenes without an error are kept. A replay of all
phases takes these reports over; the phase by itself, and whoever asks for it, reads everything again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from focusgen import __version__
from focusgen.base.checksums import RunningChecksum, checksum
from focusgen.base.errors import StorageError
from focusgen.base.files import make_folder, publish_pieces
from focusgen.base.shipped import PACKAGE
from focusgen.config import SCENE_PHASES, Config
from focusgen.dataset.file_marks import mark_of_files
from focusgen.dataset.index import IndexEntry, recorded_raw_root
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import canonical
from focusgen.dataset.sealed_lines import open_line, seal_line
from focusgen.phases.scene_report import SceneReport


class KeptReports:
    """The reports of scenes as they were checked last.

    Args:
        may_take_over: False reads every file again; what is found is kept all the same.

    Attributes:
        n_taken: scenes that were not read again.
    """

    def __init__(self, cfg: Config, *, may_take_over: bool) -> None:
        self.n_taken = 0
        self._dataset = DatasetLayout.of(cfg)
        self._raw_root = recorded_raw_root(self._dataset, cfg.data.raw_root)
        self._rules = _rules(cfg, self._raw_root)
        self._may_take_over = may_take_over
        self._packed = dict(_packed_lines_of(self._dataset.kept_reports))
        self._keys: dict[str, str] = {}

    def recall(self, scene_id: str, entry: IndexEntry) -> SceneReport | None:
        """Return what was found in a scene, if that still holds; None if it has to be read."""
        key = self._keys[scene_id] = self._key(scene_id, entry)  # before its files are read
        packed = self._packed.get(scene_id) if key and self._may_take_over else None
        document = open_line(zlib.decompress(packed)) if packed is not None else None
        if document is None or document["key"] != key:
            return None
        self.n_taken += 1
        return SceneReport(**document["report"])

    def keep(self, report: SceneReport) -> None:
        """Take what was found in a scene since `recall` looked at it."""
        key = self._keys.pop(report.scene_id, "")
        if key and not report.errors:
            document = {"scene": report.scene_id, "key": key, "report": asdict(report)}
            self._packed[report.scene_id] = _pack(seal_line(document))
        else:
            self._packed.pop(report.scene_id, None)

    def publish(self) -> None:
        """Write down what is kept; where one may only read, everything is read each time."""
        path = self._dataset.kept_reports
        with contextlib.suppress(StorageError):
            make_folder(path.parent)
            publish_pieces(path, map(zlib.decompress, self._packed.values()))

    def _key(self, scene_id: str, entry: IndexEntry) -> str:
        """Digest all that the report of a scene depends on; "" where only reading its files can tell."""
        mark = mark_of_files([self._dataset.scene(scene_id).root], self._beside(scene_id, entry))
        return checksum(self._rules + canonical({"entry": entry.document(), "mark": mark})) if mark else ""

    def _beside(self, scene_id: str, entry: IndexEntry) -> list[Path]:
        """Return the files outside of a scene's folder that are looked at."""
        scene, raw = self._dataset.scene(scene_id), entry.raw_scene(scene_id, self._raw_root)
        return [
            *(scene.record_copy(phase) for phase in SCENE_PHASES),
            *(scene.journal(phase) for phase in SCENE_PHASES),
            scene.ingest_json,
            scene.depth_counts_npz,
            *(raw.file_path(number) for number in range(len(raw.files))),
        ]


def _rules(cfg: Config, raw_root: Path) -> bytes:
    """Return all that reports depend on beside the files and the index."""
    settings = {**cfg.validate_.model_dump(mode="json"), "report": None}
    rules = {"settings": settings, "raw_root": os.path.abspath(raw_root), "program": program_digest()}
    return canonical({**rules, "release": __version__})


@functools.cache
def program_digest() -> str:
    """Digest our own code: a release is not the only thing that changes what a check finds."""
    found = RunningChecksum()
    for path in sorted(PACKAGE.rglob("*.py")):
        found.update(path.read_bytes())
    return found.entry().xxh3_128


def _pack(line: bytes) -> bytes:
    """Return a line as it is held in memory: those of 100,000 scenes would take some hundred megabytes."""
    return zlib.compress(line, 1)


def _packed_lines_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (scene, packed line) of what is kept; damaged lines do not count."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        for data in file:
            document: dict[str, Any] | None = open_line(data)
            if document is not None:
                yield document["scene"], _pack(data)
