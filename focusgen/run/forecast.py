"""What a run will take, before anything is started: frames, bytes, files, CPU and GPU time.

Predicted seconds = frames x pixels x work (steps, lens sets) x the rate of the backend. A rate is that of
the data set's own finished scenes where there are any, else that of the table of backends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError, CorruptInputError, MissingUpstreamError, SceneError
from focusgen.base.names import MediaError
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.config.backends import Rate
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.index_draft import outline_of
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import read_record
from focusgen.doctor.disk import (
    BYTES_PER_FRAME,
    BYTES_PER_FRAME_AND_SET,
    FILES_PER_FRAME,
    FILES_PER_FRAME_AND_SET,
    nearest_existing,
)
from focusgen.media.headers import video_headers
from focusgen.media.layouts.find import find_scenes
from focusgen.media.scenes import RawScene
from focusgen.models.registry import backend_of, needs_gpu, section_of
from focusgen.optics.sizes import frame_plan

REFERENCE_PIXELS = 854 * 480
FILES_PER_SCENE = 12  # split, metadata, stats, three records and their copies, checksums, locks
FOLDERS_PER_SCENE = 6
FRAMES_OF_UNKNOWN_VIDEO = 300
MAX_SAMPLED_RECORDS = 40


VALIDATE_S_PER_MPX = 0.025  # and lens set; process time of a scene of 16 frames of 864x480 and 4 sets
INDEX_S_PER_MPX = 0.1  # decoding a JPEG or PNG and its checksum


@dataclass(frozen=True)
class SceneWork:
    """How much there is to do in a scene.

    Attributes:
        width, height: of the published frames.
        is_guess: a video whose header does not tell its number of frames.
    """

    scene_id: str
    n_frames: int
    width: int
    height: int
    is_guess: bool = False


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    Attributes:
        phase_s: phase -> predicted seconds of one worker for all scenes.
        gpu_s: the same for phases whose backend needs a GPU.
        rates: phase -> the rate that was used.
        notes: what a person should know of the figures.
    """

    n_scenes: int
    n_frames: int
    n_bytes: int
    n_files: int
    phase_s: Mapping[PhaseName, float]
    gpu_s: float
    free_bytes: int
    free_files: int | None
    rates: Mapping[PhaseName, Rate]
    notes: tuple[str, ...] = field(default=())

    @property
    def fits(self) -> bool:
        """True if the output file system has room for it."""
        return self.n_bytes <= self.free_bytes and (
            self.free_files is None or self.n_files <= self.free_files
        )


def survey(cfg: Config) -> list[SceneWork]:
    """Return the work of every scene, from the index, or before phase 1 from file headers in the raw root.

    Raises:
        ConfigError: there is neither.
    """
    dataset = DatasetLayout.of(cfg)
    if dataset.index_json.exists():
        return work_of(cfg, read_index(dataset))
    return [work for work in _survey_raw(cfg) if work.n_frames >= cfg.data.min_frames]


def survey_of_some(cfg: Config) -> list[SceneWork]:
    """Return the same where there is a scene at all: a forecast of nothing would fit anywhere.

    Raises:
        ConfigError: there is none; says why.
    """
    works = survey(cfg)
    if works:
        return works
    from focusgen.phases.looking import check_asked  # readers of every layout

    check_asked(cfg)
    raise ConfigError(
        f"{cfg.data.raw_root}: no scene of {cfg.data.min_frames} frames and more (data.min_frames)",
        "Phase 1 says of each what is wrong with it: focusgen run with the same flags.",
    )


def work_of(cfg: Config, index: Mapping[str, IndexEntry]) -> list[SceneWork]:
    """Return the work of every indexed scene, in index order."""
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    found = []
    for scene_id in index:
        outline = outline_of(index, scene_id)
        raw = (outline.width, outline.height)
        if raw not in sizes:
            sizes[raw] = _published_size(cfg, *raw)
        found.append(SceneWork(scene_id, _limited(cfg, outline.n_frames), *sizes[raw]))
    return found


def _published_size(cfg: Config, width: int, height: int) -> tuple[int, int]:
    try:
        plan = frame_plan(width, height, cfg.deblur.resize_long_side)
    except SceneError:
        return width, height  # the phase will refuse it; for the forecast its size is near enough
    return plan.width, plan.height


def _limited(cfg: Config, n_frames: int) -> int:
    return n_frames if cfg.data.max_frames is None else min(n_frames, cfg.data.max_frames)


def _survey_raw(cfg: Config) -> list[SceneWork]:
    scenes = find_scenes(cfg.data).scenes
    found = [_survey_images(cfg, scene) for scene in scenes if scene.kind == "images"]
    videos = [scene for scene in scenes if scene.kind == "video"]
    if videos:
        found += _survey_videos(cfg, videos)
    places = {scene.scene_id: place for place, scene in enumerate(scenes)}
    return sorted((work for work in found if work is not None), key=lambda work: places[work.scene_id])


def _survey_images(cfg: Config, scene: RawScene) -> SceneWork | None:
    from focusgen.media.images import image_size

    try:
        width, height = image_size(scene.file_path(0))
    except MediaError:
        return None
    return SceneWork(scene.scene_id, _limited(cfg, len(scene.files)), *_published_size(cfg, width, height))


def _survey_videos(cfg: Config, scenes: Sequence[RawScene]) -> list[SceneWork | None]:
    found: list[SceneWork | None] = []
    for scene, header in zip(scenes, video_headers(scene.path for scene in scenes), strict=True):
        if header is None:
            found.append(None)
            continue
        size = _published_size(cfg, header.width, header.height)
        n_known = _limited(cfg, header.n_frames or FRAMES_OF_UNKNOWN_VIDEO)
        found.append(SceneWork(scene.scene_id, n_known, *size, is_guess=not header.n_frames))
    return found


def work_units(cfg: Config, phase: PhaseName) -> int:
    """Return what a frame's cost in a phase is multiplied with: steps and lens sets."""
    n_sets = cfg.render.n_sets if phase == "render" else 1
    if phase not in SCENE_PHASES or not backend_of(cfg, phase).counts_steps:
        return n_sets
    return n_sets * int(section_of(cfg, phase).effective("steps"))


def rate_of(cfg: Config, phase: PhaseName, works: Sequence[SceneWork]) -> Rate:
    """Return the rate of a phase: the median of the data set's own records, else the table's."""
    backend = backend_of(cfg, phase)
    dataset = DatasetLayout.of(cfg)
    measured = []
    for work in works[:: max(1, len(works) // MAX_SAMPLED_RECORDS)]:
        seconds = _recorded_s(dataset, phase, work, backend.name)
        if seconds is not None:
            measured.append(seconds / (_megapixels(work) * work_units(cfg, phase)))
    if not measured:
        return backend.rate
    return Rate(float(np.median(measured)), backend.rate.load_s, is_measured=True)


def _recorded_s(dataset: DatasetLayout, phase: PhaseName, work: SceneWork, backend: str) -> float | None:
    try:
        record = read_record(dataset.scene(work.scene_id).done(phase))
    except (CorruptInputError, MissingUpstreamError):
        return None
    if record is None or record.document["backend"] != backend:
        return None
    elapsed_s = record.document["run"].get("elapsed_s")  # nothing promises what `run` holds
    return elapsed_s if isinstance(elapsed_s, (int, float)) and elapsed_s > 0 and record.n_frames else None


def _megapixels(work: SceneWork) -> float:
    return 1e-6 * work.n_frames * work.width * work.height


def cost_s(cfg: Config, phases: Sequence[PhaseName], works: Sequence[SceneWork]) -> npt.NDArray[np.float64]:
    """Return the predicted seconds of each scene in each phase, (scenes, phases)."""
    megapixels = np.array([_megapixels(work) for work in works], np.float64)
    columns = [
        megapixels * work_units(cfg, phase) * rate_of(cfg, phase, works).seconds_per_mpx for phase in phases
    ]
    return np.stack(columns, axis=1) if columns else np.zeros((len(works), 0))


def forecast(cfg: Config, works: Sequence[SceneWork], phases: Sequence[PhaseName]) -> Forecast:
    """Return what the phases will take for these scenes."""
    n_frames = sum(work.n_frames for work in works)
    pixels = sum(1e6 * _megapixels(work) for work in works)
    rates = {phase: rate_of(cfg, phase, works) for phase in phases if phase in SCENE_PHASES}
    phase_s: dict[PhaseName, float] = {}
    for phase in phases:
        if phase in rates:
            units = work_units(cfg, phase)
            phase_s[phase] = 1e-6 * pixels * units * rates[phase].seconds_per_mpx
    if "index" in phases:
        phase_s["index"] = 1e-6 * pixels * INDEX_S_PER_MPX
    if "validate" in phases:
        phase_s["validate"] = 1e-6 * pixels * VALIDATE_S_PER_MPX * cfg.render.n_sets
    bytes_per_px, n_files = _output(cfg, phases)
    facts = os.statvfs(nearest_existing(cfg.data.out_root))
    return Forecast(
        n_scenes=len(works),
        n_frames=n_frames,
        n_bytes=int(pixels * bytes_per_px),
        n_files=n_files(n_frames, len(works)),
        phase_s=phase_s,
        gpu_s=sum(phase_s[phase] for phase in rates if needs_gpu(cfg, phase)),
        free_bytes=facts.f_bavail * facts.f_frsize,
        free_files=facts.f_favail if facts.f_files else None,
        rates=rates,
        notes=_notes(works, rates),
    )


def _output(cfg: Config, phases: Sequence[PhaseName]) -> tuple[float, Callable[[int, int], int]]:
    """Return published bytes per pixel, and files and folders for (frames, scenes)."""
    n_sets = cfg.render.n_sets if "render" in phases else 0
    early = [phase for phase in ("deblur", "depth") if phase in phases]
    share = len(early) / 2  # a sharp frame and a depth map take about the same
    bytes_per_px = (share * BYTES_PER_FRAME + n_sets * BYTES_PER_FRAME_AND_SET) / REFERENCE_PIXELS
    per_frame = int(share * FILES_PER_FRAME) + n_sets * FILES_PER_FRAME_AND_SET

    def n_files(n_frames: int, n_scenes: int) -> int:
        return n_frames * per_frame + n_scenes * (FILES_PER_SCENE + FOLDERS_PER_SCENE + 2 * n_sets)

    return bytes_per_px, n_files


def _notes(works: Sequence[SceneWork], rates: Mapping[PhaseName, Rate]) -> tuple[str, ...]:
    notes = [
        f"phase {phase}: the time is an estimate; after some scenes it follows from their records"
        for phase, rate in rates.items()
        if not rate.is_measured
    ]
    n_guessed = sum(work.is_guess for work in works)
    if n_guessed:
        notes.append(f"{n_guessed} videos do not tell their length: {FRAMES_OF_UNKNOWN_VIDEO} frames assumed")
    return tuple(notes)
