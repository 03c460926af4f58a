"""Phase 2: sharp frames, and the temporal stage that fuses them."""

from __future__ import annotations

import csv
import functools
import io
import math
import time

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError, ModelMemoryError
from focusgen.dataset.frames import RawFrames, open_raw
from focusgen.dataset.ingest import changed_files, raw_source
from focusgen.dataset.store import publish_scene_log
from focusgen.models.protocols import Deblurrer
from focusgen.motion.metrics import psnr_db
from focusgen.motion.noise import clip_noise_levels
from focusgen.motion.temporal import NOISE_FLOOR_LEVELS, Stretch, TemporalNumbers, asked_pairs, fuse
from focusgen.optics.sizes import frame_plan
from focusgen.phases.job import SceneJob, runs_of
from focusgen.phases.restore_ahead import RestoreAhead
from focusgen.phases.versions import PSNR_LOG

NOISE_NOTE = "noise_levels"  # its key in the notes of a run and in the details of a record


def deblur_scene(job: SceneJob, model: Deblurrer) -> None:
    """Publish the sharp frames of a scene that are not there yet, and its record.

    Raises:
        CorruptInputError: a raw file changed since phase 1, or does not decode.
        ModelMemoryError: out of memory, unless deblur.on_oom is `input`.
    """
    manifest = _check_source(job)
    cfg = job.cfg.deblur
    plan = frame_plan(job.entry.width, job.entry.height, cfg.resize_long_side)
    missing = job.store.missing(lambda frame: [job.scene.sharp(frame)])
    if missing:
        raw_root, n_together = job.cfg.data.raw_root, model.frames_per_call(plan.height, plan.width)
        # The stage reads a frame for itself and again to restore it: two windows' worth is enough.
        n_kept = 2 * cfg.radius + 4 + n_together
        digests = tuple(manifest.values())
        with open_raw(raw_root, job.scene_id, job.entry, plan, n_kept=n_kept, digests=digests) as raw:
            noise_levels = _noise_levels(job, raw)
            for first, stop in runs_of(missing):
                _deblur_span(job, model, raw, (first, stop), n_together, noise_levels)
    job.store.drain()
    _log_psnr(job)
    quality = {str(frame): value["psnr_db"] for frame, value in job.store.recall_frames("psnr").items()}
    job.store.finish(
        {
            "width": plan.width,
            "height": plan.height,
            "psnr_db": quality,
            "approximations": list(model.approximations),
            **_noise_details(job),
        },
        whole_scene=job.n_frames == job.entry.n_frames,
    )


def _check_source(job: SceneJob) -> dict[str, str]:
    """Compare every raw byte with phase 1's checksums, which are returned.

    No decoder notices a flipped bit in a JPEG.
    """
    raw, manifest = raw_source(job.cfg.data.raw_root, job.dataset, job.scene_id, job.entry)
    changed = changed_files(raw, manifest)
    if changed:
        raise CorruptInputError(
            f"scene {job.scene_id!r}: {changed[0]}: not the bytes that phase 1 saw"
            + (f" (and {len(changed) - 1} more files)" if len(changed) > 1 else ""),
            "Restore the file, or run phase 1 again with --on_stale redo.",
        )
    return manifest


def _noise_levels(job: SceneJob, raw: RawFrames) -> float | None:
    """Return the noise of the input that `flow` weighs in, None for other strategies; kept over a kill."""
    if job.cfg.deblur.effective("temporal") != "flow":
        return None
    if job.store.recall(NOISE_NOTE) is None:
        levels = clip_noise_levels(raw.frame, job.n_frames, job.shot_cuts)
        job.store.remember(NOISE_NOTE, round(levels, 3))
    return float(job.store.recall(NOISE_NOTE))


def _noise_details(job: SceneJob) -> dict[str, float]:
    """Return the noise where it had a say: records of clean video stay what they always were."""
    levels = job.store.recall(NOISE_NOTE)
    return {NOISE_NOTE: levels} if levels is not None and levels > NOISE_FLOOR_LEVELS else {}


def _deblur_span(
    job: SceneJob,
    model: Deblurrer,
    raw: RawFrames,
    frames: tuple[int, int],
    n_together: int,
    noise_levels: float | None,
) -> None:
    cfg = job.cfg.deblur
    wanted = Stretch(job.n_frames, job.shot_cuts, *frames)
    strategy: str = cfg.effective("temporal")
    numbers = TemporalNumbers(cfg.radius, cfg.window_size, cfg.stride)
    pairs = asked_pairs(wanted, strategy, numbers)
    ahead = RestoreAhead(model, job.scene_id, raw.frame, pairs, n_together)
    restore = functools.partial(_restore, job, ahead, raw)
    started_s = time.perf_counter()
    for frame, sharp in fuse(wanted, raw.frame, restore, strategy, numbers, noise_levels):
        quality_db = psnr_db(sharp, raw.frame(frame))
        seconds, started_s = time.perf_counter() - started_s, time.perf_counter()
        job.store.remember(f"psnr/{frame}", {"psnr_db": _finite(quality_db), "seconds": round(seconds, 4)})
        job.store.put((job.scene.sharp(frame), job.store.picture(sharp)))
        job.on_frame(frame)


def _restore(
    job: SceneJob, ahead: RestoreAhead, raw: RawFrames, frame: int, draw: int
) -> npt.NDArray[np.uint8]:
    try:
        return ahead(frame, draw)
    except ModelMemoryError as error:
        if job.cfg.deblur.on_oom != "input":
            raise
        job.store.flag(frame, f"out of memory, raw frame published: {error.message}")
        return raw.frame(frame)


def _finite(value_db: float) -> float | None:
    """Return None for equal frames (infinite PSNR), which JSON cannot hold."""
    return round(value_db, 4) if math.isfinite(value_db) else None


def _log_psnr(job: SceneJob) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for frame, row in job.store.recall_frames("psnr").items():
        quality = "inf" if row["psnr_db"] is None else f"{row['psnr_db']:.4f}"
        writer.writerow([job.scene_id, frame, quality, row["seconds"]])
    publish_scene_log(job.dataset.internal, PSNR_LOG, job.scene_id, text.getvalue())
