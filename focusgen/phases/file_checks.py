"""The records of a scene, and the files that they vouch for: each read once, compared with its checksum."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from focusgen.base.checksums import FileEntry, checksum
from focusgen.base.errors import CorruptInputError
from focusgen.config.graph import GRAPH, SCENE_PHASES, PhaseName
from focusgen.dataset.layout import DONE, FAILED, PARTIAL, SceneLayout
from focusgen.dataset.packs import read_published
from focusgen.dataset.records import Record, read_record
from focusgen.dataset.states import read_failure

Tell = Callable[[str], None]


class SceneRecords:
    """The trustworthy records of a scene; everything else about them is told as an error."""

    def __init__(self, scene: SceneLayout, error: Tell, warn: Tell) -> None:
        self.scene, self._error, self._warn = scene, error, warn
        self.by_phase: dict[PhaseName, Record] = {}
        self.is_rehearsal = False
        for phase in SCENE_PHASES:
            record = self._read(phase)
            if record is not None:
                self._compare_copy(phase, record)
                self.by_phase[phase] = record

    def name(self, phase: PhaseName) -> str:
        """Return the path of a phase's record as reports show it."""
        return self.scene.relative(self.scene.done(phase))

    def _read(self, phase: PhaseName) -> Record | None:
        name = self.name(phase)
        try:
            record = read_record(self.scene.done(phase))
            if record is None:
                record = read_record(self.scene.partial(phase))
                self.is_rehearsal |= record is not None
        except (CorruptInputError, OSError) as error:
            self._error(f"{name}: {getattr(error, 'message', error)}")
            return None
        if record is None:
            failure = read_failure(self.scene, phase)
            why = f"failed ({failure['class']}): {failure['message']}" if failure else "not done"
            self._error(f"{name}: no such record: phase {phase}: {why}")
            return None
        if record.document["scene_id"] != self.scene.scene_id or record.document["phase"] != phase:
            self._error(f"{name}: the record of another scene or phase")
            return None
        return record

    def _compare_copy(self, phase: PhaseName, record: Record) -> None:
        """Notice an old record that was put back: its own checksum cannot tell."""
        path = self.scene.record_copy(phase)
        try:
            copy = read_record(path)
        except (CorruptInputError, OSError):
            self._warn(f"{path}: the copy of a record is damaged; focusgen repair writes it anew")
            return
        if copy is not None and not self.is_rehearsal and copy.digest != record.digest:
            self._error(f"{self.name(phase)}: not the record that was written last: an old one was put back")

    def check_chain(self, ingest_digest: str) -> None:
        """Compare what each phase was made from with what lies there."""
        digests = {phase: record.digest for phase, record in self.by_phase.items()}
        digests["index"] = ingest_digest
        for phase, record in self.by_phase.items():
            for name in GRAPH[phase].upstream:
                if name in digests and record.document["upstream"].get(name) != digests[name]:
                    source = "scene_index.json" if name == "index" else self.name(name)
                    self._error(
                        f"phase {phase} was made from another {name} than the one that lies there "
                        f"({source} or {self.name(phase)} is not of this run): run phase "
                        f"{GRAPH[phase].number} for this scene with --on_stale redo"
                    )


PUBLISHED_AS = (
    "frames_sharp/*.png",
    "depth_maps/*.np[yz]",
    "depth_maps/valid_*.png",
    "bokeh_renders/set_*/*.png",
    "focus_maps/set_*/*.np[yz]",
)
"""What loaders take for a frame, a map, a render or a label: a file too many pairs all later ones wrongly."""


def looks_published(scene: SceneLayout, path: Path) -> bool:
    """Say whether a loader would take a file of a scene for one of the data set."""
    relative = path.relative_to(scene.root)
    if path.name.startswith("."):
        return False
    depth = len(relative.parts)  # `match` looks at the end of a path: a copy in another folder is none
    return any(relative.match(p) and depth == len(Path(p).parts) for p in PUBLISHED_AS)


class VouchedFiles:
    """Every file that the records of a scene vouch for; read once, and compared when it is."""

    def __init__(self, scene: SceneLayout, records: SceneRecords, error: Tell) -> None:
        self.scene, self._records, self._error = scene, records, error
        self.n_bytes = 0
        self._entries: dict[str, tuple[PhaseName, FileEntry]] = {}
        self._unread: dict[str, None] = {}
        self._damaged = dict.fromkeys(records.by_phase, 0)
        for phase, record in records.by_phase.items():
            folder = scene.phase_folder(phase)
            for relative, entry in record.files.items():
                path = os.path.normpath(folder / relative)
                self._entries[path] = (phase, entry)
                self._unread[path] = None

    def name(self, path: Path | str) -> str:
        """Return a path as reports show it: relative to the scene."""
        return self.scene.relative(path)

    def read(self, path: Path) -> bytes | None:
        """Return the bytes of a file, None if it cannot be read; what is wrong with them is told."""
        key = os.path.normpath(path)
        self._unread.pop(key, None)
        phase, entry = self._entries.get(key, (None, None))
        try:
            data = read_published(Path(key))
        except (OSError, CorruptInputError) as error:
            told = error.strerror if isinstance(error, OSError) else error.message
            self._error(f"{self.name(path)}: {told}")
            self._count(phase)
            return None
        self.n_bytes += len(data)
        if entry is None:
            self._error(f"{self.name(path)}: no record vouches for it")
        elif len(data) != entry.size:
            self._error(f"{self.name(path)}: {len(data)} bytes, the record says {entry.size}")
            self._count(phase)
        elif checksum(data) != entry.xxh3_128:
            self._error(f"{self.name(path)}: damaged: its checksum is not the record's")
            self._count(phase)
        return data

    def _count(self, phase: PhaseName | None) -> None:
        if phase is not None:
            self._damaged[phase] += 1

    def finish(self) -> None:
        """Read what nobody asked for, and name a record that hardly a file agrees with."""
        for path in list(self._unread):
            self.read(Path(path))
        for phase, n_damaged in self._damaged.items():
            n_files = len(self._records.by_phase[phase].files)
            if n_damaged * 4 > n_files * 3:
                self._error(
                    f"{self._records.name(phase)}: {n_damaged} of {n_files} files are not those that it "
                    "vouches for: of another run, if they are not all damaged"
                )

    def unknown(self) -> Iterator[Path]:
        """Yield files of the scene that no record vouches for, in name order.

        What a phase without a record left half made is not unknown: that the phase is not done is said.
        """
        scene = self.scene
        ours = (scene.split_txt, scene.metadata_json, scene.pack_tar, scene.pack_index)
        known = {os.path.normpath(path) for path in ours}
        known |= self._entries.keys()
        for phase in SCENE_PHASES:
            folder = self.scene.phase_folder(phase)
            known |= {os.path.normpath(folder / name) for name in (DONE, FAILED, PARTIAL)}
        unfinished = [
            folder
            for phase in SCENE_PHASES
            if phase not in self._records.by_phase
            for folder in self.scene.phase_folders(phase)
        ]
        for folder_name, folders, names in os.walk(self.scene.root):
            folders.sort()
            if any(Path(folder_name).is_relative_to(folder) for folder in unfinished):
                continue
            for name in sorted(names):
                path = os.path.join(folder_name, name)
                if os.path.normpath(path) not in known:
                    yield Path(path)
