"""Marks of raw files that phase 1 has read: a replay of all phases need not read terabytes again.

The phase by itself reads every byte, and phase 2 compares each frame's bytes again before it uses them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from focusgen.base.checksums import checksum
from focusgen.base.errors import StorageError
from focusgen.base.files import make_folder, publish_pieces
from focusgen.dataset.file_marks import mark_of_files
from focusgen.dataset.sealed_lines import open_line, seal_line
from focusgen.media.scenes import RawScene


class RawMarks:
    """What the raw files of indexed scenes looked like when their bytes were those of the index.

    Args:
        path: where the marks are kept.
        may_take_over: False believes none of them; new ones are taken all the same.
    """

    def __init__(self, path: Path, *, may_take_over: bool) -> None:
        self._path, self._may_take_over = path, may_take_over
        self._known = _read(path)
        self._marks: dict[str, str] = {}

    def hold(self, raw: RawScene, asked: str, ingest_digest: str | None) -> bool:
        """Say whether a scene's files are by all signs those whose bytes are indexed.

        Args:
            raw: the scene as it lies there now; nothing of it may have been read yet.
            asked: a digest of how it is read.
            ingest_digest: of its line of the index; None for a new scene.
        """
        mark = mark_of_files((), (raw.file_path(number) for number in range(len(raw.files))))
        if mark:
            self._marks[raw.scene_id] = checksum(f"{asked} {mark}".encode())
        known = self._known.get(raw.scene_id)
        return bool(mark) and self._may_take_over and known == (self._marks[raw.scene_id], ingest_digest)

    def publish(self, ingest_digests: Mapping[str, str]) -> None:
        """Keep the marks of scenes whose bytes were just found to be those of the index.

        Args:
            ingest_digests: scene -> digest of those bytes; a scene that is missing has no mark from now on.
        """
        kept = {
            name: (mark, ingest_digests[name]) for name, mark in self._marks.items() if name in ingest_digests
        }
        if kept == self._known:
            return
        lines = (seal_line({"scene": name, "mark": m, "digest": d}) for name, (m, d) in kept.items())
        with contextlib.suppress(StorageError):  # it costs time only
            make_folder(self._path.parent)
            publish_pieces(self._path, lines)


def _read(path: Path) -> dict[str, tuple[str, str]]:
    known = {}
    with contextlib.suppress(OSError), path.open("rb") as file:
        for data in file:
            line = open_line(data)
            if line is not None:
                known[line["scene"]] = (line["mark"], line["digest"])
    return known
