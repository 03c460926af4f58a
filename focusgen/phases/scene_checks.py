"""Everything phase 6 checks in one scene, from its files alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from focusgen.codecs import check_png, checksum, decode_npz, decode_png
from focusgen.config import SCENE_PHASES, PhaseName
from focusgen.errors import CorruptInputError, DepthRangeError, SceneError
from focusgen.layout import DONE, FAILED, PARTIAL, DatasetLayout
from focusgen.optics import Lens, focus_map
from focusgen.phases.blur_check import blur_agreement
from focusgen.phases.index import IndexEntry, read_manifest
from focusgen.phases.render import lenses_of
from focusgen.records import Record, read_failure, read_record
from focusgen.stats import depth_counts, depth_stats

MAX_ERRORS_PER_SCENE = 50
DECODED_FRAMES = 4  # fully decoded per scene and set; every other PNG is walked chunk by chunk
SET_KEYS = ("f", "N", "S_focus", "max_coc")


@dataclass
class SceneReport:
    """What phase 6 found in one scene."""

    scene_id: str
    split: str
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    n_frames: int = 0
    n_bytes: int = 0
    is_rehearsal: bool = False
    max_coc_m: float | None = None
    measures: dict[str, Any] = field(default_factory=dict)

    def error(self, text: str) -> None:
        """Note what makes the scene fail."""
        if len(self.errors) < MAX_ERRORS_PER_SCENE:
            self.errors.append(text)


class SceneChecker:
    """Reads every published file of a scene once."""

    def __init__(
        self, dataset: DatasetLayout, scene_id: str, entry: IndexEntry, *, min_spearman: float
    ) -> None:
        self.dataset, self.scene, self.entry = dataset, dataset.scene(scene_id), entry
        self.min_spearman = min_spearman
        self.report = SceneReport(scene_id, entry.split)
        self.records: dict[PhaseName, Record] = {}

    def run(self) -> SceneReport:
        """Return the report; a damaged file is an error in it, not an exception."""
        self._check_split()
        self._check_ingest()
        self._read_records()
        if len(self.records) == len(SCENE_PHASES):
            self._check_chain()
            self._check_files()
            self._check_frames()
        self._list_unknown_files()
        return self.report

    def _name(self, path: Path) -> str:
        return os.path.relpath(path, self.scene.root)

    def _check_split(self) -> None:
        try:
            word = self.scene.split_txt.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            self.report.error(f"split.txt: {error}")
            return
        if word != f"{self.entry.split}\n":
            self.report.error(f"split.txt says {word.strip()!r}, the index says {self.entry.split!r}")

    def _check_ingest(self) -> None:
        try:
            read_manifest(self.dataset, self.scene.scene_id, self.entry)
        except CorruptInputError as error:
            self.report.error(f"raw checksums: {error.message}")

    def _read_records(self) -> None:
        for phase in SCENE_PHASES:
            try:
                record = read_record(self.scene.done(phase))
                if record is None:
                    record = read_record(self.scene.partial(phase))
                    self.report.is_rehearsal |= record is not None
            except CorruptInputError as error:
                self.report.error(f"{self._name(self.scene.done(phase))}: {error.message}")
                continue
            if record is None:
                failure = read_failure(self.scene, phase)
                why = f"failed ({failure['class']}): {failure['message']}" if failure else "not done"
                self.report.error(f"phase {phase}: {why}")
                continue
            if record.document["scene_id"] != self.scene.scene_id or record.document["phase"] != phase:
                self.report.error(
                    f"{self._name(self.scene.done(phase))}: the record of another scene or phase"
                )
                continue
            self.records[phase] = record
            self.report.warnings += record.warnings
            for frame, texts in record.flags.items():
                self.report.warnings += [f"frame {frame}: {text}" for text in texts]

    def _check_chain(self) -> None:
        expected = {
            "deblur": {"index": self.entry.ingest_digest},
            "depth": {"deblur": self.records["deblur"].digest},
            "render": {"deblur": self.records["deblur"].digest, "depth": self.records["depth"].digest},
        }
        for phase, record in self.records.items():
            for name, digest in expected[phase].items():
                if record.document["upstream"].get(name) != digest:
                    self.report.error(
                        f"phase {phase} was made from another {name} than the one that lies there"
                    )
        lengths = {phase: record.n_frames for phase, record in self.records.items()}
        if len(set(lengths.values())) != 1:
            self.report.error(f"frame counts differ: {lengths}")
        if not self.report.is_rehearsal and lengths["render"] != self.entry.n_frames:
            self.report.error(f"{lengths['render']} frames, the index says {self.entry.n_frames}")
        self.report.n_frames = min(lengths.values())

    def _check_files(self) -> None:
        """Compare size and checksum of everything that the records vouch for."""
        for phase, record in self.records.items():
            folder = self.scene.phase_folder(phase)
            for relative, entry in record.files.items():
                path = Path(os.path.normpath(folder / relative))
                data = self._read(path)
                if data is None:
                    continue
                self.report.n_bytes += len(data)
                if len(data) != entry.size:
                    self.report.error(f"{self._name(path)}: {len(data)} bytes, the record says {entry.size}")
                elif checksum(data) != entry.xxh3_128:
                    self.report.error(f"{self._name(path)}: damaged: its checksum is not the record's")
            expected = set(self._expected_files(phase))
            absent = expected - {os.path.normpath(folder / relative) for relative in record.files}
            for name in sorted(absent):
                self.report.error(f"{self._name(Path(name))}: not in the record of phase {phase}")

    def _expected_files(self, phase: PhaseName) -> Iterator[str]:
        scene, n_sets = self.scene, int(self.records["render"].document["settings"]["render.n_sets"])
        for frame in range(self.records[phase].n_frames):
            if phase == "deblur":
                yield os.path.normpath(scene.sharp(frame))
            elif phase == "depth":
                yield os.path.normpath(scene.depth(frame))
            else:
                for lens_set in range(n_sets):
                    yield os.path.normpath(scene.focus(lens_set, frame))
                    yield os.path.normpath(scene.bokeh(lens_set, frame))

    def _read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except OSError as error:
            self.report.error(f"{self._name(path)}: {error.strerror}")
            return None

    def _check_frames(self) -> None:
        metadata = self._metadata()
        if metadata is None:
            return
        lenses = lenses_of(metadata)
        max_coc_m = float(metadata["sets"][0]["max_coc"])
        self.report.max_coc_m = max_coc_m
        self.report.is_rehearsal |= bool(metadata["is_rehearsal"])
        size = (int(metadata["width"]), int(metadata["height"]))
        counts = np.zeros(65536, np.int64)
        for frame in range(self.report.n_frames):
            self._check_png(self.scene.sharp(frame), size)
            depth = self._load(self.scene.depth(frame), "depth", size)
            if depth is None:
                continue
            counts += depth_counts(depth)
            for lens_set, lens in enumerate(lenses):
                self._check_png(self.scene.bokeh(lens_set, frame), size)
                self._check_label(frame, lens_set, lens, max_coc_m, depth, size)
        self._check_stats(counts)
        self._check_blur(len(lenses))

    def _metadata(self) -> dict[str, Any] | None:
        data = self._read(self.scene.metadata_json)
        if data is None:
            return None
        try:
            metadata: dict[str, Any] = json.loads(data)
            for number, lens_set in enumerate(metadata["sets"]):
                for key in SET_KEYS:
                    if not float(lens_set[key]) > 0:
                        raise ValueError(f"set {number}: {key} is not positive")
            if not metadata["sets"]:
                raise ValueError("no lens set")
            lenses_of(metadata)
            for key in ("width", "height", "formula", "is_rehearsal"):
                metadata[key]
        except (ValueError, KeyError, TypeError) as error:
            self.report.error(f"metadata.json: {error!r}")
            return None
        return metadata

    def _check_png(self, path: Path, size: tuple[int, int]) -> None:
        data = self._read(path)
        if data is None:
            return
        try:
            found = check_png(data)
        except CorruptInputError as error:
            self.report.error(f"{self._name(path)}: {error.message}")
            return
        if found != size:
            self.report.error(f"{self._name(path)}: {found[0]}x{found[1]}, the scene is {size[0]}x{size[1]}")

    def _load(self, path: Path, key: str, size: tuple[int, int]) -> Any:
        data = self._read(path)
        if data is None:
            return None
        try:
            array = decode_npz(data, key)
        except CorruptInputError as error:
            self.report.error(f"{self._name(path)}: {error.message}")
            return None
        if array.dtype != np.float16 or array.shape != (size[1], size[0]):
            self.report.error(f"{self._name(path)}: {key} is {array.dtype} {array.shape}")
            return None
        return array

    def _check_label(
        self, frame: int, lens_set: int, lens: Lens, max_coc_m: float, depth: Any, size: tuple[int, int]
    ) -> None:
        """Recompute the label from saved depth and metadata, and compare bit for bit."""
        path = self.scene.focus(lens_set, frame)
        label = self._load(path, "focus_map", size)
        if label is None:
            return
        try:
            expected = focus_map(depth, lens, max_coc_m)
        except DepthRangeError as error:
            self.report.error(f"{self._name(self.scene.depth(frame))}: {error.message}")
            return
        differing = int(np.count_nonzero(label.view(np.uint16) != expected.view(np.uint16)))
        if differing:
            self.report.error(f"{self._name(path)}: {differing} labels differ from depth and metadata")

    def _check_stats(self, counts: Any) -> None:
        data = self._read(self.scene.stats_json)
        if data is None or not counts.any():
            return
        try:
            recorded = json.loads(data)
        except ValueError as error:
            self.report.error(f"{self._name(self.scene.stats_json)}: {error}")
            return
        if recorded != json.loads(json.dumps(depth_stats(counts))):
            self.report.error(f"{self._name(self.scene.stats_json)}: not the statistics of the saved depth")

    def _check_blur(self, n_sets: int) -> None:
        frames = np.unique(np.linspace(0, self.report.n_frames - 1, DECODED_FRAMES).astype(int)).tolist()
        agreement = [self._agreement(lens_set, frames) for lens_set in range(n_sets)]
        known = [value for value in agreement if value is not None]
        self.report.measures["blur_spearman"] = [None if v is None else round(v, 4) for v in agreement]
        if known and float(np.median(known)) < self.min_spearman:
            self.report.warnings.append(
                f"measured blur follows the label only at Spearman {np.median(known):.2f} "
                f"(expected >= {self.min_spearman}): focusgen preview {self.scene.scene_id}"
            )

    def _agreement(self, lens_set: int, frames: list[int]) -> float | None:
        samples = []
        for frame in frames:
            try:
                sharp = decode_png(self.scene.sharp(frame).read_bytes())
                drawn = decode_png(self.scene.bokeh(lens_set, frame).read_bytes())
                label = decode_npz(self.scene.focus(lens_set, frame).read_bytes(), "focus_map")
            except (SceneError, OSError) as error:
                self.report.error(f"frame {frame}, set_{lens_set:02d}: {error}")
                return None
            samples.append((sharp, drawn, label))
        return blur_agreement(samples)

    def _list_unknown_files(self) -> None:
        known = {os.path.normpath(p) for p in (self.scene.split_txt, self.scene.metadata_json)}
        for phase in SCENE_PHASES:
            folder = self.scene.phase_folder(phase)
            known |= {os.path.normpath(folder / name) for name in (DONE, FAILED, PARTIAL)}
            if phase in self.records:
                known |= {os.path.normpath(folder / name) for name in self.records[phase].files}
        for path in sorted(_files_below(self.scene.root)):
            if os.path.normpath(path) not in known:
                self.report.warnings.append(f"{self._name(path)}: unknown file")


def _files_below(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder) / name for name in names)
