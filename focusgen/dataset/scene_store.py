"""Everything one phase writes for one scene: resumable frames, facts that outlive a kill, the record last."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base import files
from focusgen.base.checksums import FileEntry
from focusgen.base.errors import SceneError, StaleError
from focusgen.base.files import (
    append,
    fsync_folder,
    make_folder,
    publish,
    publish_json,
    remove,
    sync_file_system,
)
from focusgen.config import PhaseName
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.packs import is_packed, unpack_scene
from focusgen.dataset.records import RECORD_VERSION, Identity, Record, parse_json, seal
from focusgen.dataset.store import Encode, Writer, run_facts, valid_entry
from focusgen.media.codecs import PngFilter, encode_png


class PhaseStore:
    """Everything one phase writes for one scene, from the first frame to the record.

    Use as a context manager, under the scene's lock. On a normal end call `finish`; on an exception the
    frames already published stay, and the next run goes on from there.
    """

    def __init__(
        self,
        scene: SceneLayout,
        identity: Identity,
        *,
        redo: bool = False,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Begin, or go on where an earlier life stopped.

        Args:
            scene: paths.
            identity: what the phase depends on today.
            redo: replace what was made otherwise.
            tell: called with a line that a person should see.

        Raises:
            StaleError: what lies there was made otherwise, and `redo` is not said.
        """
        self._tell = tell
        self.scene, self.identity = scene, identity
        self.run_notes: dict[str, Any] = {}  # more for the part of the record that no digest covers
        self._started_s = time.time()
        self._files: dict[Path, FileEntry] = {}
        self._warnings: list[str] = []
        self.png_filter: PngFilter = "up"
        self._notes = scene.journal(identity.phase).with_name(f"{identity.phase}_notes.jsonl")
        self._begin(redo)
        self._remembered = _open_notes(self._notes)
        self._writer = Writer()

    def __enter__(self) -> PhaseStore:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._writer.close()
            return
        try:
            self._writer.close()  # what was computed is published before the error goes on
        except SceneError:
            if not isinstance(error, SceneError):
                raise

    def _begin(self, redo: bool) -> None:
        phase = self.identity.phase
        if is_packed(self.scene):  # what is made anew must not lie beside what it replaces
            unpack_scene(self.scene, leave_out_damaged=True)
        make_folder(self.scene.phase_folder(phase))
        if self._is_resumable(redo):
            self.png_filter = _png_filter_of(_read_journal(self.scene.journal(phase)) or {})
        else:
            self._wipe()
            journal = self.scene.journal(phase)
            make_folder(journal.parent)
            begun = {**self.identity.document(), "png_filter": self.png_filter}
            publish_json(journal, begun)
        remove_leftovers(self.scene, phase)

    def _is_resumable(self, redo: bool) -> bool:
        """Say whether what lies there was begun under today's settings; else it may have to go.

        Work that was never finished goes when its input changed: who mended a damaged file means that.

        Raises:
            StaleError: it was made otherwise, and nobody allowed to replace it.
        """
        recorded, is_finished = _read_journal(self.scene.journal(self.identity.phase)), self._is_finished()
        is_empty = not is_finished and not any(True for _ in self._published_files())
        if recorded is None:
            if not redo and not is_empty:
                raise self._record_missing()
            return False
        reason = self.identity.difference(recorded)
        if reason is None and not is_finished:
            return True
        if redo or is_empty or int(recorded.get("n_frames", 0)) < self.identity.n_frames:
            return False  # begun without a frame, or a rehearsal: made to be replaced
        changed_input = self.identity.changed_input(recorded)
        if changed_input is not None and not is_finished:
            self._tell(f"what was begun is dropped: it was made from other input ({changed_input})")
        elif reason is not None:
            raise StaleError(
                f"{self._what}: half made with other settings ({reason})",
                "Start again with --on_stale redo to replace what is there.",
            )
        return False

    @property
    def _what(self) -> str:
        return f"scene {self.scene.scene_id!r}, phase {self.identity.phase}"

    def _is_finished(self) -> bool:
        return self.scene.done(self.identity.phase).exists()

    def _record_missing(self) -> StaleError:
        """Return what to say of frames that no record vouches for: hidden files were not copied."""
        phase = self.identity.phase
        if self.scene.record_copy(phase).exists():
            advice = "focusgen repair puts it back from its copy in .focusgen/records."
        else:
            advice = (
                "focusgen adopt checks every file and writes a record; --on_stale redo makes everything anew."
            )
        name = self.scene.done(phase)
        text = f"record missing: {name} is not there, and no journal says how its frames were made"
        return StaleError(f"{self._what}: {text}", advice)

    def _published_files(self) -> Iterable[Path]:
        for folder in self.scene.phase_folders(self.identity.phase):
            for pattern in ("*.png", "*.npz", "set_*/*.png", "set_*/*.npz"):
                yield from folder.glob(pattern)

    def _wipe(self) -> None:
        phase = self.identity.phase
        remove(self.scene.done(phase))  # first: never a record over another run's frames
        remove(self.scene.record_copy(phase))
        remove(self.scene.partial(phase))
        published = list(self._published_files())
        for path in published:
            remove(path)
        for folder in {path.parent for path in published if path.parent.name.startswith("set_")}:
            with contextlib.suppress(OSError):  # something of a stranger's lies there
                folder.rmdir()  # of fewer sets, the last folders would stay
        if phase == "depth":
            remove(self.scene.stats_json)
        if phase == "render":
            remove(self.scene.metadata_json)
        self._forget_progress()

    def discard(self) -> None:
        """Take back all that this unfinished phase published: it is known to be wrong as a whole."""
        self.drain()
        self._wipe()

    def _forget_progress(self) -> None:
        journal = self.scene.journal(self.identity.phase)
        remove(journal)
        for kept in journal.parent.glob(f"{self.identity.phase}_*"):
            remove(kept)

    def missing(self, paths_of: Callable[[int], Sequence[Path]]) -> list[int]:
        """Return the frames of which a file is missing or damaged; the others are kept as they are."""
        frames = []
        for frame in range(self.identity.n_frames):
            entries = {path: valid_entry(path) for path in paths_of(frame)}
            if all(entry is not None for entry in entries.values()):
                self._files.update({path: entry for path, entry in entries.items() if entry is not None})
            else:
                frames.append(frame)
        return frames

    def put(self, *files: tuple[Path, Encode]) -> None:
        """Queue the files of one frame."""
        self._writer.put(*files)

    def picture(self, rgb: npt.NDArray[np.uint8]) -> Encode:
        """Return what makes the PNG of (H, W, 3) uint8 RGB; a scene keeps one filter over all its lives."""
        return functools.partial(encode_png, rgb, self.png_filter)

    def put_json(self, path: Path, document: Mapping[str, object]) -> None:
        """Publish a JSON file that the record will vouch for."""
        self._files[path] = publish_json(path, document)

    def drain(self) -> None:
        """Wait until every queued file is published, then go on with a new queue.

        Raises:
            StorageError: a write failed.
        """
        self._writer.close()
        self._files.update(self._writer.entries)
        self._writer = Writer()

    def remember(self, key: str, value: object) -> None:
        """Keep a fact that published frames cannot tell (a count, a seam's scale) over a kill.

        Written before the frame that it belongs to, so that no kept frame lacks its facts.
        """
        append(self._notes, _note_line(key, value))
        self._remembered[key] = value

    def recall(self, key: str) -> Any:
        """Return a remembered fact, None if there is none."""
        return self._remembered.get(key)

    def recall_frames(self, what: str) -> dict[int, Any]:
        """Return frame -> value of everything remembered as `what`/frame, in frame order."""
        return dict(sorted((int(key), value) for key, value in self.recall_all(what).items()))

    def recall_all(self, what: str) -> dict[str, Any]:
        """Return key -> value of everything remembered as `what`/key."""
        prefix = f"{what}/"
        return {k[len(prefix) :]: v for k, v in self._remembered.items() if k.startswith(prefix)}

    def flag(self, frame: int, text: str) -> None:
        """Note something unusual about a frame; goes into the record."""
        self.remember(f"flag/{frame}", text)

    def warn(self, text: str) -> None:
        """Note something a person should read; goes into the record and the report."""
        self._warnings.append(text)

    @property
    def warnings(self) -> list[str]:
        """Warnings so far."""
        return list(self._warnings)

    def finish(self, details: Mapping[str, Any], *, whole_scene: bool = True) -> Record:
        """Write the completion record, last of all.

        Args:
            details: what was measured; deterministic, since the record's digest covers it.
            whole_scene: false for a rehearsal, whose record is `.partial`.
        """
        self.drain()
        folder = self.scene.phase_folder(self.identity.phase)
        flags = {str(frame): [text] for frame, text in self.recall_frames("flag").items()}
        document = record_document(self.identity, folder, self._files, flags, self._warnings, details)
        if self.png_filter != "paeth":  # whose records do not say it: a repaired one keeps its digest
            document["png_filter"] = self.png_filter
        run = {**run_facts(self._started_s), **self.run_notes, "notes": self._remembered}
        record = write_record(self.scene, document, run, whole_scene=whole_scene)
        if whole_scene:
            remove(self.scene.partial(self.identity.phase))
            self._forget_progress()
        return record


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


def _read_journal(path: Path) -> dict[str, Any] | None:
    try:
        document = parse_json(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _png_filter_of(document: Mapping[str, Any]) -> PngFilter:
    """Return how a journal's or a record's pictures are written; those of release 0.1.0 do not say it."""
    return "up" if document.get("png_filter") == "up" else "paeth"


def _note_line(key: str, value: object) -> bytes:
    """Return one line of the notes; its CRC tells a whole line from a damaged one."""
    text = json.dumps([key, value], allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _open_notes(path: Path) -> dict[str, Any]:
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


def remove_leftovers(scene: SceneLayout, phase: PhaseName) -> None:
    """Delete half-written files of a killed run: only the holder of the lock may."""
    for folder in scene.phase_folders(phase):
        for leftover in folder.rglob(".*.tmp"):
            remove(leftover)
    if phase == "render":
        for leftover in scene.root.glob(f".{scene.metadata_json.name}.*.tmp"):
            remove(leftover)
    for internal in (scene.journal(phase).parent, scene.record_copy(phase).parent):
        for leftover in internal.glob(f".{phase}*.tmp"):
            remove(leftover)


def reopen(scene: SceneLayout, record: Record, damaged: Iterable[Path]) -> None:
    """Turn a finished phase into one that lacks some files: its next run makes those, and the record, anew.

    Under the scene's lock. The damaged files go before the record, so that a kill in between leaves nothing
    that an ordinary run would take for its own.
    """
    phase = record.document["phase"]
    journal = scene.journal(phase)
    make_folder(journal.parent)
    lines = b"".join(_note_line(key, value) for key, value in record.notes.items())
    publish(journal.with_name(f"{phase}_notes.jsonl"), lines)
    begun = {**Identity.of(record.document).document(), "png_filter": _png_filter_of(record.document)}
    publish_json(journal, begun)
    for path in damaged:
        remove(path)
    remove(scene.done(phase))
