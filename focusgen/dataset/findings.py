"""What phase 1 has found out so far, scene by scene, so that a kill loses nothing that was decoded.

Every process appends to a file of its own below `.focusgen/found`, one line per scene: a checksum and JSON. A
torn last line fails its checksum and is one scene to decode again. Whoever publishes the index takes the
lines of all processes, those of a Slurm array's tasks too, and removes them.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focusgen.base.checksums import checksum
from focusgen.base.errors import CorruptInputError
from focusgen.base.files import append, make_folder, remove
from focusgen.base.names import MediaError
from focusgen.config import Config
from focusgen.dataset.file_marks import has_settled
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.ingest import changed_files, ingest_settings
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import canonical
from focusgen.dataset.sealed_lines import open_line, seal_line
from focusgen.media.decode import DecoderLostError
from focusgen.media.rawcheck import RawReport
from focusgen.media.scenes import RawScene


@dataclass(frozen=True)
class Unchanged:
    """A scene that is indexed already, and whose raw files have the bytes that were indexed."""

    ingest_digest: str


Finding = RawReport | CorruptInputError | Unchanged


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line lies: `size` bytes of `path` from `start`."""

    path: Path
    start: int
    size: int


class Findings:
    """The findings of all runs since the index was last published, and a file for those of this one.

    Args:
        cfg: the settings; what was found under others does not count.
        dataset: whose phase 1 it is.
    """

    def __init__(self, cfg: Config, dataset: DatasetLayout) -> None:
        self._rules = canonical({**ingest_settings(cfg), "min_frames": cfg.data.min_frames})
        folder = dataset.found
        self._own = folder / f"{time.time_ns()}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        self._files = sorted(folder.glob("*.jsonl"))
        self._places: dict[str, _Place] = {}
        for path in self._files:
            self._places.update(_places_in(path))

    def recall(self, raw: RawScene, entry: IndexEntry | None) -> Finding | None:
        """Return what was found out about a scene, if that still holds for its files; else None.

        Args:
            raw: the scene as it lies there now.
            entry: its line of the index, None if it has none.
        """
        place = self._places.get(raw.scene_id)
        line = _line_at(place) if place else None
        if line is None or line["asked"] != self.asked(raw):
            return None
        finding = _finding_of(line)
        if isinstance(finding, Unchanged) and (entry is None or finding.ingest_digest != entry.ingest_digest):
            return None
        return finding if _is_as_it_was(raw, line["stamp"], finding) else None

    def keep(self, raw: RawScene, stamp: str, finding: Finding) -> None:
        """Write down what was found out; not what befell a decoder process, which may not befall the next.

        Args:
            stamp: `stamp_of` the scene before its files were read.
            finding: what came of it.
        """
        if isinstance(finding, DecoderLostError):
            return
        document = {"scene": raw.scene_id, "asked": self.asked(raw), "stamp": stamp, **_document(finding)}
        if not self._own.exists():
            make_folder(self._own.parent)
        append(self._own, seal_line(document))

    def forget(self) -> None:
        """Remove what stands in the index now."""
        for path in (*self._files, self._own):
            remove(path)

    def asked(self, raw: RawScene) -> str:
        """Digest all that a finding depends on beside the bytes of the files."""
        scene = sorted((vars(raw) | {"path": raw.path.absolute(), "brought": None}).items())
        return checksum(self._rules + ascii(scene).encode())


def stamp_of(raw: RawScene) -> str:
    """Return a digest of the sizes and times of a scene's files, "" where they tell nothing.

    The time is that of the inode's last change too, which nobody can set.
    """
    try:
        facts = [os.stat(raw.file_path(index)) for index in range(len(raw.files))]
    except OSError:
        return ""
    if not has_settled(max(fact.st_ctime_ns for fact in facts)):
        return ""
    return checksum(repr([(f.st_size, f.st_mtime_ns, f.st_ctime_ns) for f in facts]).encode())


def named_digests(raw: RawScene, report: RawReport) -> dict[str, str]:
    """Return raw file name -> its checksum, as a report has them."""
    names = raw.files if raw.kind == "video" else report.frames
    return dict(zip(names, report.digests, strict=True))


def _is_as_it_was(raw: RawScene, stamp: str, finding: Finding) -> bool:
    """Say whether a scene's files are those of the finding: by their times, else by their bytes."""
    if stamp and stamp == stamp_of(raw):
        return True
    return isinstance(finding, RawReport) and not changed_files(raw, named_digests(raw, finding))


def _document(finding: Finding) -> dict[str, Any]:
    if isinstance(finding, RawReport):
        return {"report": finding.to_json()}
    if isinstance(finding, Unchanged):
        return {"unchanged": finding.ingest_digest}
    if isinstance(finding, MediaError):
        return {"refused": {"file": finding.file, "reason": finding.reason, "advice": finding.advice}}
    raise TypeError(f"no finding: {finding!r}")


def _finding_of(line: Mapping[str, Any]) -> Finding:
    if "report" in line:
        return RawReport.from_json(line["report"])
    if "unchanged" in line:
        return Unchanged(line["unchanged"])
    return MediaError(**line["refused"], is_displayed=True)


def _places_in(path: Path) -> dict[str, _Place]:
    """Return scene -> its last whole line in a file; none where another process has published meanwhile."""
    places: dict[str, _Place] = {}
    start = 0
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        for data in file:
            line = open_line(data)
            if line is not None:
                places[line["scene"]] = _Place(path, start, len(data))
            start += len(data)
    return places


def _line_at(place: _Place) -> dict[str, Any] | None:
    try:
        with place.path.open("rb") as file:
            file.seek(place.start)
            return open_line(file.read(place.size))
    except FileNotFoundError:  # another process has published meanwhile
        return None
