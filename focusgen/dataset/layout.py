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

RECORD_FOLDER: dict[str, str] = {"deblur": "frames_sharp", "depth": "depth_maps", "render": "bokeh_renders"}
"""Folder of a scene that holds the completion record of each scene phase."""

DONE, FAILED, PARTIAL = ".done", ".failed", ".partial"
MANIFEST, EXPORT_STATE, EXPORT_LOCK = "MANIFEST.sha256", ".focusgen_export.json", ".focusgen_export.lock"
"""Of an export: what `sha256sum -c` reads, written last; which shards are whole; who is writing them."""
PACK_TAR, PACK_INDEX = "frames.tar", "frames.tar.json"


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

    @property
    def split_txt(self) -> Path:
        """The word train, val or test."""
        return self.root / "split.txt"

    @property
    def metadata_json(self) -> Path:
        """Lenses and all that is needed to recompute a label."""
        return self.root / "metadata.json"

    @property
    def pack_tar(self) -> Path:
        """All frames, maps, renders and labels of a packed scene."""
        return self.root / PACK_TAR

    @property
    def pack_index(self) -> Path:
        """Where in the tar each of them lies."""
        return self.root / PACK_INDEX

    @property
    def stats_json(self) -> Path:
        """Depth statistics of the saved maps."""
        return self.root / "depth_maps" / "stats.json"

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
        return self.root / "focus_maps" / f"set_{lens_set:02d}" / f"focus_{frame:04d}.npz"

    def phase_folder(self, phase: PhaseName) -> Path:
        """The folder that holds the phase's record; paths in a record are relative to it."""
        return self.root / RECORD_FOLDER[phase]

    def phase_folders(self, phase: PhaseName) -> list[Path]:
        """Every folder that the phase alone writes into."""
        folders = [self.phase_folder(phase)]
        if phase == "render":
            folders += [self.root / "focus_maps", self.root / "clean_renders"]
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

    @property
    def logs(self) -> Path:
        """Reports and statistics."""
        return self.root / "logs"

    @property
    def previews(self) -> Path:
        """Contact sheets and videos for people."""
        return self.root / "previews"

    @property
    def internal(self) -> Path:
        """Locks, plans, caches: nothing that a loader needs."""
        return self.root / INTERNAL

    @property
    def coc_stats_json(self) -> Path:
        """Calibration statistics."""
        return self.logs / "coc_stats.json"

    @property
    def coc_histogram_png(self) -> Path:
        """Calibration plot."""
        return self.logs / "coc_histogram.png"

    @property
    def label_coverage_json(self) -> Path:
        """What the labels of each law of lenses would cover."""
        return self.logs / "label_coverage.json"

    @property
    def label_coverage_png(self) -> Path:
        """The same as a picture."""
        return self.logs / "label_coverage.png"

    @property
    def coc_histogram_npz(self) -> Path:
        """What the calibration plot is drawn from."""
        return self.internal / "coc_histogram.npz"

    @property
    def calibrated_json(self) -> Path:
        """What the statistics of phase 4 were made from."""
        return self.internal / "calibrated.json"

    @property
    def coc_approval_json(self) -> Path:
        """A person's approval."""
        return self.logs / "coc_approval.json"

    @property
    def validation_report_json(self) -> Path:
        """Phase 6's verdict."""
        return self.logs / "validation_report.json"

    @property
    def report_html(self) -> Path:
        """The page that shows the data set to a person."""
        return self.logs / "report.html"

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

    @property
    def rejected_scenes_json(self) -> Path:
        """Scenes that phase 1 refused."""
        return self.logs / "rejected_scenes.json"

    @property
    def index_checksum_json(self) -> Path:
        """Checksum of the scene index, which has no room for its own."""
        return self.internal / "index_checksum.json"

    @property
    def index_copy_json(self) -> Path:
        """A second copy of the scene index, from which a damaged one is restored."""
        return self.internal / "records" / "scene_index.json"

    @property
    def index_table(self) -> Path:
        """The scene index in a form of which one scene can be read."""
        return self.internal / "index"

    @property
    def kept_status(self) -> Path:
        """Where scenes stood when somebody asked last, with what tells whether that still holds."""
        return self.internal / "status"

    @property
    def finished_notes(self) -> Path:
        """What runs wrote down of the scenes that they finished, where there are very many."""
        return self.internal / "finished"

    @property
    def kept_reports(self) -> Path:
        """What phase 6 found in each scene, with what tells whether that still holds."""
        return self.internal / "kept_reports.jsonl"

    @property
    def raw_marks(self) -> Path:
        """Marks of the raw files that phase 1 has read, which tell whether they are still those."""
        return self.internal / "raw_marks.jsonl"

    def raw_look(self, scene_id: str) -> Path:
        """What was found the last time that a scene's raw files were compared with what phase 1 saw."""
        return self.internal / "raw_looks" / f"{scene_id}.json"

    @property
    def found(self) -> Path:
        """What phase 1 has found out since it last published an index."""
        return self.internal / "found"

    @property
    def index_lock(self) -> Path:
        """One writer of the index at a time."""
        return self.internal / "locks" / "scene_index.lock"

    @property
    def plans(self) -> Path:
        """Submission plans, never changed once written, and the settings that belong to each."""
        return self.internal / "plans"

    @property
    def submissions(self) -> Path:
        """Which jobs a plan became."""
        return self.internal / "submissions"

    @property
    def attempts(self) -> Path:
        """What each cluster task says of itself while it runs."""
        return self.internal / "attempts"

    @property
    def slurm_logs(self) -> Path:
        """One log per cluster task, appended when it is requeued."""
        return self.internal / "slurm"

    @property
    def max_coc_json(self) -> Path:
        """The max_coc that finished scenes were rendered with: one data set, one value."""
        return self.internal / "max_coc.json"

    def config_yaml(self, phase: PhaseName) -> Path:
        """The resolved configuration of the phase's last run."""
        return self.internal / "config" / f"{phase}.yaml"
