"""Every path inside a data set: names that readers outside rely on. Nothing else builds one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from focusgen.base.names import INTERNAL
from focusgen.config.graph import PhaseName

if TYPE_CHECKING:
    from focusgen.config import Config

FOCUS_FOLDER = "focus_maps"
RECORD_FOLDER: dict[str, str] = {"deblur": "frames_sharp", "depth": "depth_maps", "render": "bokeh_renders"}
"""Folder of a scene that holds the completion record of each scene phase."""

DONE, FAILED, PARTIAL = ".done", ".failed", ".partial"
MANIFEST, EXPORT_STATE, EXPORT_LOCK = "MANIFEST.sha256", ".focusgen_export.json", ".focusgen_export.lock"
"""Of an export: what `sha256sum -c` reads, written last; which shards are whole; who is writing them."""
PACK_TAR, PACK_INDEX = "frames.tar", "frames.tar.json"


class _Below:
    """A path of fixed names below the folder of a scene or of a data set."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __get__(self, layout: SceneLayout | DatasetLayout, kind: type) -> Path:
        return layout.root.joinpath(*self._names)


@dataclass(frozen=True)
class SceneLayout:
    """Paths of one scene. Frame and set numbers have at least four and two digits."""

    dataset_root: Path
    scene_id: str

    @property
    def root(self) -> Path:
        """The scene's folder."""
        return self.dataset_root / self.scene_id

    def relative(self, path: Path | str) -> str:
        """Return a path as reports show it: seen from the scene's folder."""
        return os.path.relpath(path, self.root)

    split_txt = _Below("split.txt")
    """The word train, val or test."""
    metadata_json = _Below("metadata.json")
    """Lenses and all that is needed to recompute a label."""
    pack_tar = _Below(PACK_TAR)
    """All frames, maps, renders and labels of a packed scene."""
    pack_index = _Below(PACK_INDEX)
    """Where in the tar each of them lies."""
    stats_json = _Below("depth_maps", "stats.json")
    """Depth statistics of the saved maps."""

    def sharp(self, frame: int) -> Path:
        """A sharp frame."""
        return self.root / "frames_sharp" / f"frame_{frame:04d}.png"

    def depth(self, frame: int) -> Path:
        """A depth map."""
        return self.root / "depth_maps" / f"depth_{frame:04d}.npz"

    def valid(self, frame: int) -> Path:
        """What is doubtful about each pixel's depth; only where a scene has any such pixel."""
        return self.root / "depth_maps" / f"valid_{frame:04d}.png"

    def bokeh(self, lens_set: int, frame: int) -> Path:
        """A render."""
        return self.root / "bokeh_renders" / f"set_{lens_set:02d}" / f"bokeh_{frame:04d}.png"

    def clean(self, lens_set: int, frame: int) -> Path:
        """A render before the sensor, where those are kept."""
        return self.root / "clean_renders" / f"set_{lens_set:02d}" / f"clean_{frame:04d}.png"

    def focus(self, lens_set: int, frame: int) -> Path:
        """A focus label."""
        return self.root / FOCUS_FOLDER / f"set_{lens_set:02d}" / f"focus_{frame:04d}.npz"

    def lacks_labels(self) -> bool:
        """Say whether the labels are gone as a whole, which no record lies among; a pack holds them, too."""
        return not (self.root / FOCUS_FOLDER).exists() and not self.pack_tar.exists()

    def phase_folder(self, phase: PhaseName) -> Path:
        """The folder that holds the phase's record; paths in a record are relative to it."""
        return self.root / RECORD_FOLDER[phase]

    def phase_folders(self, phase: PhaseName) -> list[Path]:
        """Every folder that the phase alone writes into."""
        folders = [self.phase_folder(phase)]
        if phase == "render":
            folders += [self.root / FOCUS_FOLDER, self.root / "clean_renders"]
        return folders

    def done(self, phase: PhaseName) -> Path:
        """The completion record."""
        return self.phase_folder(phase) / DONE

    def partial(self, phase: PhaseName) -> Path:
        """The record of a rehearsal that stopped before the last frame."""
        return self.phase_folder(phase) / PARTIAL

    def failed(self, phase: PhaseName) -> Path:
        """The failure record."""
        return self.phase_folder(phase) / FAILED

    def lock(self, phase: PhaseName) -> Path:
        """The lock of this scene and phase."""
        return self.dataset_root / ".focusgen" / "locks" / f"{self.scene_id}.{phase}.lock"

    def journal(self, phase: PhaseName) -> Path:
        """What is being made right now, under which settings; gone once the record stands."""
        return self.dataset_root / ".focusgen" / "progress" / self.scene_id / f"{phase}.json"

    def notes(self, phase: PhaseName) -> Path:
        """Facts that outlive a kill, beside the journal of the same work."""
        return self.journal(phase).with_name(f"{phase}_notes.jsonl")

    def held_back_depth(self, frame: int) -> Path:
        """A depth map with holes that waits for the scene median."""
        return self.dataset_root / ".focusgen" / "progress" / self.scene_id / f"depth_{frame:04d}.npz"

    def held_back_flags(self, frame: int) -> Path:
        """What was noticed of a frame's depth while it was made; waits for the edges of the saved map."""
        return self.held_back_depth(frame).with_name(f"depth_flags_{frame:04d}.png")

    @property
    def depth_counts_npz(self) -> Path:
        """How often each float16 depth occurs in the scene: what calibration needs of its depth."""
        return self.dataset_root / ".focusgen" / "counts" / f"{self.scene_id}.npz"

    def record_copy(self, phase: PhaseName) -> Path:
        """A second copy of the completion record: one damaged file must not cost a scene."""
        return self.dataset_root / ".focusgen" / "records" / self.scene_id / f"{phase}.json"

    def places_of_state(self) -> dict[str, tuple[str, ...]]:
        """Return folder -> files in it, all that tells where the scene's phases stand; as text, for speed."""
        root = str(self.root)
        folders = {f"{root}/{folder}": (DONE, FAILED, PARTIAL) for folder in RECORD_FOLDER.values()}
        first_set = f"{root}/{RECORD_FOLDER['render']}/set_00"
        return {**folders, first_set: (), f"{self.dataset_root}/.focusgen/progress/{self.scene_id}": ()}

    @property
    def ingest_json(self) -> Path:
        """Checksums of the raw frames, taken by phase 1."""
        return self.dataset_root / ".focusgen" / "ingest" / f"{self.scene_id}.json"


@dataclass(frozen=True)
class DatasetLayout:
    """Paths of a whole data set."""

    root: Path
    index_json: Path

    @classmethod
    def of(cls, cfg: Config) -> DatasetLayout:
        """Return the layout that a configuration asks for."""
        root = cfg.data.out_root
        return cls(root, cfg.data.scene_index or root / "scene_index.json")

    def scene(self, scene_id: str) -> SceneLayout:
        """Return the paths of one scene."""
        return SceneLayout(self.root, scene_id)

    logs = _Below("logs")
    """Reports and statistics."""
    previews = _Below("previews")
    """Contact sheets and videos for people."""
    internal = _Below(INTERNAL)
    """Locks, plans, caches: nothing that a loader needs."""
    coc_stats_json = _Below("logs", "coc_stats.json")
    """Calibration statistics."""
    coc_histogram_png = _Below("logs", "coc_histogram.png")
    """Calibration plot."""
    label_coverage_json = _Below("logs", "label_coverage.json")
    """What the labels of each law of lenses would cover."""
    label_coverage_png = _Below("logs", "label_coverage.png")
    """The same as a picture."""
    coc_histogram_npz = _Below(INTERNAL, "coc_histogram.npz")
    """What the calibration plot is drawn from."""
    calibrated_json = _Below(INTERNAL, "calibrated.json")
    """What the statistics of phase 4 were made from."""
    coc_approval_json = _Below("logs", "coc_approval.json")
    """A person's approval."""
    validation_report_json = _Below("logs", "validation_report.json")
    """Phase 6's verdict."""
    report_html = _Below("logs", "report.html")
    """The page that shows the data set to a person."""
    rejected_scenes_json = _Below("logs", "rejected_scenes.json")
    """Scenes that phase 1 refused."""
    index_checksum_json = _Below(INTERNAL, "index_checksum.json")
    """Checksum of the scene index, which has no room for its own."""
    index_copy_json = _Below(INTERNAL, "records", "scene_index.json")
    """A second copy of the scene index, from which a damaged one is restored."""
    index_table = _Below(INTERNAL, "index")
    """The scene index in a form of which one scene can be read."""
    kept_status = _Below(INTERNAL, "status")
    """Where scenes stood when somebody asked last, with what tells whether that still holds."""
    finished_notes = _Below(INTERNAL, "finished")
    """What runs wrote down of the scenes that they finished, where there are very many."""
    kept_reports = _Below(INTERNAL, "kept_reports.jsonl")
    """What phase 6 found in each scene, with what tells whether that still holds."""
    raw_marks = _Below(INTERNAL, "raw_marks.jsonl")
    """Marks of the raw files that phase 1 has read, which tell whether they are still those."""
    found = _Below(INTERNAL, "found")
    """What phase 1 has found out since it last published an index."""
    index_lock = _Below(INTERNAL, "locks", "scene_index.lock")
    """One writer of the index at a time."""
    plans = _Below(INTERNAL, "plans")
    """Submission plans, never changed once written, and the settings that belong to each."""
    submissions = _Below(INTERNAL, "submissions")
    """Which jobs a plan became."""
    attempts = _Below(INTERNAL, "attempts")
    """What each cluster task says of itself while it runs."""
    slurm_logs = _Below(INTERNAL, "slurm")
    """One log per cluster task, appended when it is requeued."""
    max_coc_json = _Below(INTERNAL, "max_coc.json")
    """The max_coc that finished scenes were rendered with: one data set, one value."""

    def raw_look(self, scene_id: str) -> Path:
        """What was found the last time that a scene's raw files were compared with what phase 1 saw."""
        return self.internal / "raw_looks" / f"{scene_id}.json"

    def config_yaml(self, phase: PhaseName) -> Path:
        """The resolved configuration of the phase's last run."""
        return self.internal / "config" / f"{phase}.yaml"

    def papers(self) -> list[Path]:
        """What phases and tools say of the whole data set, for loaders and people; without phases' logs."""
        cards = ("README.md", "croissant.json", *(f"{split}.jsonl" for split in ("train", "val", "test")))
        return [
            self.index_json,
            *(self.root / name for name in cards),
            self.coc_stats_json,
            self.coc_histogram_png,
            self.coc_approval_json,
            self.label_coverage_json,
            self.label_coverage_png,
            self.validation_report_json,
            self.validation_report_json.with_suffix(".measures.jsonl"),
            self.rejected_scenes_json,
            self.report_html,
        ]
