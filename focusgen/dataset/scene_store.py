"""Everything one phase writes for one scene: resumable frames, facts that outlive a kill, the record last."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.checksums import FileEntry
from focusgen.base.errors import SceneError, StaleError
from focusgen.base.files import append, make_folder, publish_json, remove
from focusgen.config.graph import PhaseName
from focusgen.dataset.journals import note_line, open_notes, png_filter_of, read_journal
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.packs import is_packed, unpack_scene
from focusgen.dataset.record_writing import record_document, write_record
from focusgen.dataset.records import Identity, Record
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
        self._notes = scene.notes(identity.phase)
        self._begin(redo)
        self._remembered = open_notes(self._notes)
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
            self.png_filter = png_filter_of(read_journal(self.scene.journal(phase)) or {})
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
        recorded, is_finished = read_journal(self.scene.journal(self.identity.phase)), self._is_finished()
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
        append(self._notes, note_line(key, value))
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
