"""Everything phase 6 checks in one scene, from its files alone."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError, DepthRangeError
from focusgen.base.names import shell_word
from focusgen.config.graph import SCENE_PHASES
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.ingest import read_manifest
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.lens_metadata import SetLens, set_lenses
from focusgen.dataset.records import parse_json
from focusgen.media.codecs import check_png, decode_npz, decode_png
from focusgen.optics.breathing import magnification
from focusgen.optics.stats import depth_counts, depth_stats
from focusgen.phases.blur_check import blur_agreement
from focusgen.phases.camera import check_view, turned_sensor
from focusgen.phases.file_checks import SceneRecords, VouchedFiles, looks_published
from focusgen.phases.flag_checks import FlagChecker
from focusgen.phases.flat_frames import is_flat, spans_levels
from focusgen.phases.lens_set import magnified_picture, unmarked_limits
from focusgen.phases.scene_report import SceneReport
from focusgen.phases.set_checks import check_sets

Label = npt.NDArray[np.float16]
Counts = npt.NDArray[np.int64]

DECODED_FRAMES = 4  # fully decoded per scene and set; every other PNG is walked chunk by chunk


class SceneChecker:
    """Reads every published file of a scene once."""

    def __init__(
        self, dataset: DatasetLayout, scene_id: str, entry: IndexEntry, *, min_spearman: float
    ) -> None:
        self.dataset, self.scene, self.entry = dataset, dataset.scene(scene_id), entry
        self.min_spearman = min_spearman
        self.report = SceneReport(scene_id, entry.split)
        self._sample: dict[Path, bytes] = {}

    def run(self) -> SceneReport:
        """Return the report; a damaged file is an error in it, not an exception."""
        report = self.report
        report.warnings += self.entry.notes
        self._check_split()
        self._check_ingest()
        records = SceneRecords(self.scene, report.error, report.warnings.append)
        self.records, report.is_rehearsal = records.by_phase, records.is_rehearsal
        report.records = {phase: record.digest for phase, record in self.records.items()}
        for record in self.records.values():
            report.warnings += record.warnings
            for frame, texts in record.flags.items():
                report.warnings += [f"frame {frame}: {text}" for text in texts]
        records.check_chain(self.entry.ingest_digest)
        self.files = VouchedFiles(self.scene, records, report.error)
        if len(self.records) == len(SCENE_PHASES):
            self._check_lengths()
            self._check_frames()
        self.files.finish()
        report.n_bytes = self.files.n_bytes
        for path in self.files.unknown():
            if looks_published(self.scene, path):
                report.error(
                    f"{self.scene.relative(path)}: no record vouches for it, and a loader would read it"
                )
            else:
                report.warnings.append(f"{self.scene.relative(path)}: unknown file")
        return report

    def _wrong(self, path: Path, text: str) -> None:
        self.report.error(f"{self.scene.relative(path)}: {text}")

    def _check_split(self) -> None:
        try:
            word = self.scene.split_txt.read_bytes().decode("ascii")  # not as text: \r would read as \n
        except (OSError, UnicodeDecodeError) as error:
            self.report.error(f"split.txt: {error}")
            return
        if word != f"{self.entry.split}\n":
            self.report.error(f"split.txt says {word.strip()!r}, the index says {self.entry.split!r}")

    def _check_ingest(self) -> None:
        try:
            read_manifest(self.dataset, self.scene.scene_id, self.entry)
        except (CorruptInputError, OSError) as error:
            self.report.error(f"raw checksums: {getattr(error, 'message', error)}")

    def _check_lengths(self) -> None:
        lengths = {phase: record.n_frames for phase, record in self.records.items()}
        if len(set(lengths.values())) != 1:
            self.report.error(f"frame counts differ: {lengths}")
        if not self.report.is_rehearsal and lengths["render"] != self.entry.n_frames:
            self.report.error(f"{lengths['render']} frames, the index says {self.entry.n_frames}")
        self.report.n_frames = min(lengths.values())

    def _check_frames(self) -> None:
        metadata = self._metadata()
        if metadata is None:
            return
        lenses = set_lenses(metadata)
        n_sets = int(self.records["render"].document["settings"]["render.n_sets"])
        if len(lenses) != n_sets:
            self.report.error(f"metadata.json: {len(lenses)} lens sets, the record says {n_sets}")
        max_coc_m = float(metadata["sets"][0]["max_coc"])
        self.report.max_coc_m = max_coc_m
        self.report.is_rehearsal |= bool(metadata["is_rehearsal"])
        size = (int(metadata["width"]), int(metadata["height"]))
        counts = np.zeros(65536, np.int64)
        sampled = set(_sampled(self.report.n_frames))
        flags = FlagChecker(self.scene, self.files, self.records["depth"], self.report.error)
        for frame in range(self.report.n_frames):
            sharp = self._check_sharp(frame, size, keep=frame in sampled)
            depth = self._depth(frame, size, counts)
            flags.check(frame, depth, size)
            for lens_set, lens in enumerate(lenses):
                for render in self._renders(lens_set, frame):
                    self._check_render(render, size, sharp, keep=frame in sampled)
                path = self.scene.focus(lens_set, frame)
                label = self._load(path, "focus_map", size, keep=frame in sampled)
                if depth is not None and label is not None:
                    self._check_label(path, label, lens.label(depth, frame))
        self._check_stats(counts)
        if counts.any():
            limit_px = self.records["render"].document["settings"].get("render.max_radius_px")
            self.report.warnings += unmarked_limits(metadata, depth_stats(counts), limit_px)
        self.report.warnings += turned_sensor(metadata)
        self._check_blur(lenses)

    def _renders(self, lens_set: int, frame: int) -> list[Path]:
        """Return the render of a frame, and the one before the sensor where those are kept."""
        keeps_clean = self.records["render"].document["settings"].get("render.keep_clean", False)
        clean = [self.scene.clean(lens_set, frame)] if keeps_clean else []
        return [self.scene.bokeh(lens_set, frame), *clean]

    def _depth(self, frame: int, size: tuple[int, int], counts: Counts) -> Any:
        """Return a frame's depth and count it; None if it is damaged or no depth."""
        path = self.scene.depth(frame)
        depth = self._load(path, "depth", size)
        if depth is None:
            return None
        try:
            counts += depth_counts(depth)
        except DepthRangeError as error:
            self._wrong(path, error.message)
            return None
        return depth

    def _metadata(self) -> dict[str, Any] | None:
        data = self.files.read(self.scene.metadata_json)
        if data is None:
            return None
        try:
            metadata: dict[str, Any] = {**self._inherited(), **parse_json(data)}
            check_sets(metadata, self.records["render"].n_frames)
        except (ValueError, KeyError, TypeError) as error:
            self.report.error(f"metadata.json: {error!r}")
            return None
        for text in check_view(metadata):
            self.report.error(text)
        return metadata

    def _inherited(self) -> dict[str, Any]:
        """Return what the records say and the metadata of another pipeline may leave out."""
        sharp, depth = self.records["deblur"].details, self.records["depth"].details
        return {
            "width": sharp["width"],
            "height": sharp["height"],
            "formula": self.records["render"].document["settings"].get("optics.formula", "paper"),
            "is_rehearsal": depth["is_rehearsal"],
        }

    def _check_png(self, path: Path, size: tuple[int, int], *, keep: bool) -> bytes | None:
        """Return the bytes of a picture that is whole and of the right size."""
        data = self.files.read(path)
        if data is None:
            return None
        try:
            found = check_png(data)
        except CorruptInputError as error:
            self._wrong(path, error.message)
            return None
        if found != size:
            self._wrong(path, f"{found[0]}x{found[1]}, the scene is {size[0]}x{size[1]}")
            return None
        if keep:
            self._sample[path] = data
        return data

    def _load(self, path: Path, key: str, size: tuple[int, int], *, keep: bool = False) -> Any:
        data = self.files.read(path)
        if data is None:
            return None
        try:
            array = decode_npz(data, key)
        except CorruptInputError as error:
            self._wrong(path, error.message)
            return None
        if array.dtype != np.float16 or array.shape != (size[1], size[0]):
            self._wrong(path, f"{key} is {array.dtype} {array.shape}")
            return None
        if key == "focus_map" and (n_unknown := int(np.count_nonzero(~np.isfinite(array)))):
            self._wrong(path, f"{n_unknown} labels are not finite")
            return None
        if keep:
            self._sample[path] = data
        return array

    def _check_sharp(self, frame: int, size: tuple[int, int], *, keep: bool) -> bytes | None:
        """Return a sharp frame whose renders must show more than one colour."""
        png = self._check_png(self.scene.sharp(frame), size, keep=keep)
        if png is not None and is_flat(png, size):
            self.report.flat_frames.append(frame)
            return None
        return png

    def _check_render(self, path: Path, size: tuple[int, int], sharp: bytes | None, *, keep: bool) -> None:
        png = self._check_png(path, size, keep=keep)
        if sharp is not None and png is not None and is_flat(png, size) and spans_levels(sharp):
            self._wrong(path, "a single colour, its sharp frame is not")

    def _check_label(self, path: Path, label: Label, expected: Label) -> None:
        """Compare a label bit for bit with what saved depth and metadata give."""
        n_differing, largest = label_difference(label, expected)
        tolerance = self.records["render"].details.get("label_tolerance", 0.0)  # > 0 for adopted labels
        if n_differing and (not tolerance or not largest <= tolerance):
            self._wrong(path, f"{n_differing} labels differ from depth and metadata")

    def _check_stats(self, counts: Counts) -> None:
        data = self.files.read(self.scene.stats_json)
        if data is None or not counts.any():
            return
        try:
            recorded = parse_json(data)
        except ValueError as error:
            self._wrong(self.scene.stats_json, str(error))
            return
        tolerance = self.records["depth"].details.get("stats_tolerance", 0.0)
        if not stats_agree(recorded, depth_stats(counts), tolerance):
            self._wrong(self.scene.stats_json, "not the statistics of the saved depth")

    def _check_blur(self, lenses: list[SetLens]) -> None:
        frames = _sampled(self.report.n_frames)
        agreement = [self._agreement(lens_set, lens, frames) for lens_set, lens in enumerate(lenses)]
        known = [value for value in agreement if value is not None]
        known = [value for value in known if math.isfinite(value)]  # NaN: said where the report is settled
        self.report.measures["blur_spearman"] = [None if v is None else round(v, 4) for v in agreement]
        if known and float(np.median(known)) < self.min_spearman:
            self.report.warnings.append(
                f"measured blur follows the label only at Spearman {np.median(known):.2f} "
                f"(expected >= {self.min_spearman}): focusgen preview {shell_word(self.scene.scene_id)}"
            )

    def _agreement(self, lens_set: int, lens: SetLens, frames: list[int]) -> float | None:
        samples = []
        for frame in frames:
            bokeh, clean = self.scene.bokeh(lens_set, frame), self.scene.clean(lens_set, frame)
            shown = clean if clean in self._sample else bokeh  # noise hides the sharpness that blur left
            paths = (self.scene.sharp(frame), shown, self.scene.focus(lens_set, frame))
            if not all(path in self._sample for path in paths):
                return None  # damaged, and named where it was read
            try:
                pictures = [decode_png(self._sample[path]) for path in paths[:2]]
            except CorruptInputError as error:
                self.report.error(f"frame {frame}, set_{lens_set:02d}: {error.message}")
                return None
            label = decode_npz(self._sample[paths[2]], "focus_map")
            if lens.breathes:
                pictures[0] = magnified_picture(pictures[0], magnification(lens.at(frame)))
            samples.append((pictures[0], pictures[1], label))
        return blur_agreement(samples)


def _sampled(n_frames: int) -> list[int]:
    """Return the frames that are decoded whole."""
    if n_frames < 1:
        return []
    frames: list[int] = np.unique(np.linspace(0, n_frames - 1, DECODED_FRAMES).astype(int)).tolist()
    return frames


def label_difference(label: Label, expected: Label) -> tuple[int, float]:
    """Return how many float16 labels differ bit for bit, and by how much at most; NaN if one is no number."""
    differs = label.view(np.uint16) != expected.view(np.uint16)
    n_differing = int(np.count_nonzero(differs))
    if not n_differing:
        return 0, 0.0
    difference = np.abs(label[differs].astype(np.float32) - expected[differs].astype(np.float32))
    in_range = bool(((label[differs] >= 0) & (label[differs] <= 1)).all())
    return n_differing, float(difference.max()) if in_range else float("nan")


def stats_agree(recorded: object, exact: dict[str, float], tolerance: float) -> bool:
    """Say whether stats.json holds the statistics: exactly ours, or another's within a relative tolerance."""
    if not tolerance or not isinstance(recorded, dict):
        return bool(recorded == json.loads(json.dumps(exact)))
    try:
        return all(abs(float(recorded[key]) - value) <= tolerance * value for key, value in exact.items())
    except (KeyError, TypeError, ValueError):
        return False
