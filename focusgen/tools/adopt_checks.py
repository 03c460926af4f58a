"""Checks one scene that another pipeline wrote: everything is decoded, every label recomputed.

What the other pipeline did is not known, so nothing is believed: counts, types, sizes and ranges of all
files, statistics of the depth, and each label from depth and metadata, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.checksums import FileEntry, checksum
from focusgen.base.errors import CorruptInputError, DepthRangeError, SceneError
from focusgen.config.graph import PhaseName
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.lens_metadata import SET_KEYS, SetLens, set_lenses
from focusgen.dataset.records import Record, parse_json
from focusgen.media.codecs import decode_npz, decode_png
from focusgen.optics.stats import depth_counts, depth_stats
from focusgen.phases.scene_checks import label_difference, stats_agree
from focusgen.phases.set_checks import check_sets

STATS_TOLERANCE = 2e-3  # statistics of depth before it was rounded to float16 (2**-11), with room
MAX_PROBLEMS = 20
FORMULAS = ("paper", "exact")


@dataclass
class Found:
    """What one phase of the scene turned out to be.

    Attributes:
        files: path -> size and checksum of the bytes that were checked.
        settings: what the record can say about how they were made.
        details: as our own phase would record it.
    """

    files: dict[Path, FileEntry] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class AdoptionCheck:
    """Reads every file of a scene once; `problems` says what keeps it from being adopted.

    Attributes:
        kept: phases that have a record of ours, which stays.
    """

    def __init__(self, scene: SceneLayout, n_frames: int, *, max_label_difference: float) -> None:
        self.scene, self.n_frames = scene, n_frames
        self.max_label_difference = max_label_difference
        self.problems: list[str] = []
        self.found: dict[PhaseName, Found] = {}
        self.kept: dict[PhaseName, Record] = {}
        self.document: dict[str, Any] = {}
        self._size: tuple[int, int] | None = None

    def run(self, phases: Sequence[PhaseName]) -> None:
        """Check phases in order; each needs those before it."""
        checks = {"deblur": self._check_sharp, "depth": self._check_depth, "render": self._check_render}
        for phase in phases:
            self.found[phase] = Found(settings={f"{phase}.backend": "adopted"})
            checks[phase](self.found[phase])
            if self.problems:
                return

    def problem(self, text: str) -> None:
        """Note what is wrong."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)

    def _wrong(self, path: Path, text: str) -> None:
        self.problem(f"{self.scene.relative(path)}: {text}")

    def _read(self, found: Found, path: Path) -> bytes | None:
        try:
            data = path.read_bytes()
        except OSError as error:
            self._wrong(path, f"{error.strerror}")
            return None
        found.files[path] = FileEntry.of(data)
        return data

    def _check_count(self, folder: Path, pattern: str) -> None:
        n_files = sum(1 for _ in folder.glob(pattern))
        if n_files != self.n_frames:
            self._wrong(folder, f"{n_files} files {pattern}, the index says {self.n_frames}")

    def _picture(self, found: Found, path: Path) -> None:
        data = self._read(found, path)
        if data is None:
            return
        try:
            height, width = decode_png(data).shape[:2]
        except CorruptInputError as error:
            self._wrong(path, error.message)
            return
        self._size = self._size or (width, height)
        if (width, height) != self._size:
            self._wrong(path, f"{width}x{height}, the scene is {self._size}")

    def _map(self, found: Found, path: Path, key: str) -> npt.NDArray[np.float16] | None:
        data = self._read(found, path)
        if data is None:
            return None
        try:
            array = decode_npz(data, key)  # more arrays may stand beside
        except CorruptInputError as error:
            self._wrong(path, error.message)
            return None
        shape = None if self._size is None else (self._size[1], self._size[0])
        if array.dtype != np.float16 or array.shape != shape:
            self._wrong(path, f"{key} is {array.dtype} {array.shape}, not float16 {shape}")
            return None
        return array

    def _check_sharp(self, found: Found) -> None:
        self._check_count(self.scene.phase_folder("deblur"), "*.png")
        for frame in range(self.n_frames):
            self._picture(found, self.scene.sharp(frame))
        if self._size is None:
            self.problem("frames_sharp: no frame")
            return
        width, height = self._size
        if width % 16 or height % 16:
            found.warnings.append(f"{width}x{height}: the sides are no multiples of 16")
        found.details = {"width": width, "height": height, "psnr_db": {}}

    def _check_depth(self, found: Found) -> None:
        assert self._size is not None
        self._check_count(self.scene.phase_folder("depth"), "*.npz")
        counts = np.zeros(65536, np.int64)
        for frame in range(self.n_frames):
            path = self.scene.depth(frame)
            depth = self._map(found, path, "depth")
            if depth is None:
                continue
            try:
                counts += depth_counts(depth)
            except DepthRangeError as error:
                self._wrong(path, error.message)
        if not self.problems:
            tolerance = self._check_stats(found, depth_stats(counts))
            found.details = {
                "width": self._size[0],
                "height": self._size[1],
                "is_exact": False,
                "is_rehearsal": self._was_rehearsed(),
                "patched_raised_lowered": {},
                "changed_fraction": 0.0,
                "seams": [],
                "median_m": {},
                "counts_digest": checksum(counts.tobytes()),
                "stats_tolerance": tolerance,
            }

    def _was_rehearsed(self) -> bool:
        """Say whether the metadata of our phase 5 calls the depth a dry run's."""
        try:
            return bool(parse_json(self.scene.metadata_json.read_bytes())["is_rehearsal"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _check_stats(self, found: Found, exact: dict[str, float]) -> float:
        """Return the tolerance within which stats.json is right, 0 if it is exactly ours."""
        data = self._read(found, self.scene.stats_json)
        try:
            recorded = parse_json(data) if data is not None else None
        except ValueError as error:
            self._wrong(self.scene.stats_json, str(error))
            return 0.0
        if stats_agree(recorded, exact, 0.0):
            return 0.0
        if data is not None and not stats_agree(recorded, exact, STATS_TOLERANCE):
            self._wrong(self.scene.stats_json, f"not the statistics of the depth maps: {exact}")
        found.warnings.append("stats.json: right within rounding, not to the last bit")
        return STATS_TOLERANCE

    def _check_render(self, found: Found) -> None:
        sets = self._metadata(found)
        if not sets:
            return
        for lens_set in range(len(sets)):
            self._check_count(self.scene.bokeh(lens_set, 0).parent, "*.png")
            self._check_count(self.scene.focus(lens_set, 0).parent, "*.npz")
        formula = self._formula(sets)
        lenses = self._lenses(formula)
        max_coc_m = float(sets[0]["max_coc"])
        labels = _LabelCount(len(lenses))
        for frame in range(self.n_frames):
            depth = decode_npz(self.scene.depth(frame).read_bytes(), "depth")
            for lens_set, lens in enumerate(lenses):
                self._picture(found, self.scene.bokeh(lens_set, frame))
                label = self._map(found, self.scene.focus(lens_set, frame), "focus_map")
                if label is not None:
                    labels.add(lens_set, label, lens.label(depth, frame))
        self._judge_labels(labels)
        found.settings |= {
            "render.max_coc": max_coc_m,
            "render.n_sets": len(lenses),
            "optics.formula": formula,
        }
        found.details = labels.details(self.max_label_difference)
        found.warnings += labels.warnings()

    def _metadata(self, found: Found) -> list[dict[str, float]]:
        path = self.scene.metadata_json
        data = self._read(found, path)
        if data is None:
            return []
        try:
            document = parse_json(data)
            sets = [{key: float(s[key]) for key in SET_KEYS} for s in document["sets"]]
            for lens_set in sets:
                if not all(np.isfinite(value) and value > 0 for value in lens_set.values()):
                    raise ValueError(f"{lens_set}: not positive")
            if document.get("breathing") or any("S_focus_per_frame" in s for s in document["sets"]):
                check_sets(document, self.n_frames)
            self.document = document
            self._lenses("paper")
        except (ValueError, KeyError, TypeError) as error:
            self.problem(f"metadata.json: {error!r}; it needs sets: [{{f, N, S_focus, max_coc}}, ...]")
            return []
        if len({lens_set["max_coc"] for lens_set in sets}) != 1:
            self.problem(f"metadata.json: one max_coc per data set, not {[s['max_coc'] for s in sets]}")
            return []
        return sets

    def _lenses(self, formula: str) -> list[SetLens]:
        """Return the lenses of metadata.json by one of the formulas, whatever it says itself."""
        return set_lenses({**self.document, "formula": formula})

    def _formula(self, sets: list[dict[str, float]]) -> str:
        """Return the formula that fits the first label better."""
        try:
            depth = decode_npz(self.scene.depth(0).read_bytes(), "depth")
            label = decode_npz(self.scene.focus(0, 0).read_bytes(), "focus_map")
            differing = {
                name: label_difference(label, self._lenses(name)[0].label(depth, 0))[0]
                for name in (FORMULAS if all(s["S_focus"] > s["f"] for s in sets) else FORMULAS[:1])
            }
        except (OSError, SceneError, ValueError, IndexError):
            return "paper"  # whatever is wrong there is told where it is read
        return min(differing, key=lambda name: differing[name])

    def _judge_labels(self, labels: _LabelCount) -> None:
        if labels.n_differing and not labels.largest <= self.max_label_difference:
            self.problem(
                f"focus_maps: {labels.n_differing} of {labels.n} labels differ from depth and metadata, "
                f"by up to {labels.largest:.4f}: drawn with another lens, or from depth before it was saved. "
                "--max_label_difference accepts more; adopting phases deblur,depth alone and running phase 5 "
                "with --on_stale redo makes them anew"
            )


class _LabelCount:
    """How far the labels are from the recomputed ones."""

    def __init__(self, n_sets: int) -> None:
        self.n, self.n_differing, self.largest = 0, 0, 0.0
        self._sums, self._counts = [0.0] * n_sets, [0] * n_sets

    def add(self, lens_set: int, label: npt.NDArray[np.float16], expected: npt.NDArray[np.float16]) -> None:
        """Count one map."""
        n_differing, largest = label_difference(label, expected)
        self.n += label.size
        self.n_differing += n_differing
        self.largest = float(np.maximum(self.largest, largest))  # NaN stays
        self._sums[lens_set] += float(label.mean(dtype=np.float64))
        self._counts[lens_set] += 1

    def details(self, tolerance: float) -> dict[str, Any]:
        """Return what the record says."""
        return {
            "focus_mean": [
                round(total / max(1, count), 6) for total, count in zip(self._sums, self._counts, strict=True)
            ],
            "label_tolerance": tolerance if self.n_differing else 0.0,
            "labels_differing": self.n_differing,
            "largest_label_difference": self.largest if self.n_differing else 0.0,
        }

    def warnings(self) -> list[str]:
        """Return what the reports say."""
        if not self.n_differing:
            return []
        share = 100 * self.n_differing / self.n
        return [
            f"adopted labels: {self.n_differing} of {self.n} ({share:.3g} %) are not those of depth and "
            f"metadata bit for bit; largest difference {self.largest:.2g}"
        ]
