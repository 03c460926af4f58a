"""Phase 3: metric depth of every sharp frame, without holes, as float16."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.checksums import checksum
from focusgen.base.errors import DepthRangeError, SceneError
from focusgen.base.files import make_folder, publish
from focusgen.config.backends import DRYRUN, PROVIDED
from focusgen.dataset.frames import published_plan
from focusgen.dataset.published import SharpFrames, read_depth, read_float16
from focusgen.dataset.store import publish_scene_log, valid_entry
from focusgen.media.codecs import encode_npz
from focusgen.models.protocols import DepthModel
from focusgen.optics.stats import depth_counts, depth_percentiles, depth_stats
from focusgen.phases.depth_bounds import bounded_depth, check_float16
from focusgen.phases.depth_doubts import check_one_unit, flat_texts, normalised_texts, step_texts
from focusgen.phases.depth_estimates import estimates, seams
from focusgen.phases.depth_flags import SceneFlags
from focusgen.phases.depth_geometry import check_same_view, check_upright
from focusgen.phases.job import SceneJob
from focusgen.phases.provided_depth import (
    ProvidedNotes,
    check_assumed_unit,
    check_measured,
    check_median,
    check_name,
    open_provided,
)
from focusgen.phases.versions import CONSISTENCY_LOG, PATCHES_LOG, SANITY_LOG


def estimate_scene_depth(job: SceneJob, model: DepthModel) -> None:
    """Publish the depth maps of a scene that are not there yet, its stats.json, and its record.

    Raises:
        SceneError: too many holes, a depth beyond float16, or the model's own.
    """
    frames = _scene_frames(job)
    todo = set(job.store.missing(lambda frame: [job.scene.depth(frame)]))
    todo -= {frame for frame in todo if valid_entry(job.scene.held_back_depth(frame)) is not None}
    notes, flags = ProvidedNotes(job, frames.depth), SceneFlags(job, frames, model.trained_to_m)
    todo |= flags.lacking()
    for frame, depth_m in estimates(job, model, frames, todo):
        if frame in todo:
            notes.remember(frame)
            _publish_frame(job, frame, depth_m, flags)
            job.on_frame(frame)
    job.store.drain()
    _patch_held_back(job)
    job.store.drain()
    counts, flat = _count_saved(job, flags)
    job.store.drain()
    _keep_counts(job, counts)
    stats = depth_stats(counts.sum(axis=0))
    details = _measured(job, frames, counts) | notes.details(stats) | flags.details()
    if model.doubts:
        details["doubts"] = list(model.doubts)
    _check_whole(job, stats, details)
    job.store.put_json(job.scene.stats_json, stats)
    if "unit" in details:
        job.on_note(f"depth: {details['unit']}")
    of_the_files = notes.warnings(details, stats, counts[0])
    _warn(
        job, stats, details, [*of_the_files, *normalised_texts(job, stats), *flat_texts(flat, job.n_frames)]
    )
    job.store.finish(details, whole_scene=job.n_frames == job.entry.n_frames)


def _scene_frames(job: SceneJob) -> SharpFrames:
    plan = published_plan(job.scene, job.entry)
    source = None
    if job.cfg.depth.backend == PROVIDED.name:
        check_upright(job)
        source = open_provided(job.cfg, job.dataset, job.scene_id, job.entry)
        check_name(job, source)
        check_assumed_unit(job)
        check_same_view(job, source, plan)
    return SharpFrames(
        scene=job.scene,
        scene_id=job.scene_id,
        width=plan.width,
        height=plan.height,
        fps=job.entry.source.get("fps"),
        start=0,
        stop=job.n_frames,
        plan=plan,
        depth=source,
    )


def _publish_frame(job: SceneJob, frame: int, depth_m: npt.NDArray[np.float32], flags: SceneFlags) -> None:
    """Bring one map to float16 inside the allowed range; one with holes or sky waits for the whole scene."""
    bounded = bounded_depth(depth_m, job.cfg.depth)
    check_float16(bounded.depth_m, job.cfg.depth, f"scene {job.scene_id!r}, frame {frame}")
    saved = bounded.depth_m.astype(np.float16)
    flags.remember(frame, bounded.depth_m, bounded.flags)
    job.store.remember(f"pixels/{frame}", bounded.counts)
    if bounded.is_measured_everywhere:
        job.store.put((job.scene.depth(frame), functools.partial(encode_npz, "depth", saved)))
    else:
        publish(job.scene.held_back_depth(frame), encode_npz("depth", saved))


def _patch_held_back(job: SceneJob) -> None:
    """Fill holes with the median of all measured depth of the scene, and sky with its largest depth."""
    held_back = [f for f in range(job.n_frames) if job.scene.held_back_depth(f).exists()]
    if not held_back:
        return
    counts = np.zeros(65536, np.int64)
    for frame in range(job.n_frames):
        counts += depth_counts(_without_holes(_measured_depth(job, frame)))
    if not counts.any():
        raise SceneError(
            f"scene {job.scene_id!r}: no pixel of any frame has a finite depth > 0",
            "Check the depth source (numbers <= 0 and NaN mean no depth; a camera that looks along -z needs "
            "its sign turned); focusgen cannot invent depth.",
        )
    far_m = np.float16(job.cfg.depth.far_m or depth_percentiles(counts, [100.0])[100.0])
    counts[far_m.view(np.uint16)] -= _n_filled_sky(job, held_back)
    median_m = np.float16(depth_percentiles(counts, [50.0])[50.0])
    for frame in held_back:
        saved = _measured_depth(job, frame)
        filled = np.where(np.isfinite(saved), saved, median_m).astype(np.float16)
        filled[saved == np.inf] = far_m
        job.store.put((job.scene.depth(frame), functools.partial(encode_npz, "depth", filled)))


def _n_filled_sky(job: SceneJob, held_back: list[int]) -> int:
    """Return the pixels of sky in maps that stand filled already, as all but the damaged do in a repair.

    Holes that stand filled may be counted as measured: they are the median, which more of it does not move.
    """
    pixels = job.store.recall_frames("pixels")
    return sum(counts[3] for frame, counts in pixels.items() if frame not in held_back and len(counts) > 3)


def _without_holes(depth_m: npt.NDArray[np.float16]) -> npt.NDArray[np.float16]:
    return depth_m[np.isfinite(depth_m)]


def _measured_depth(job: SceneJob, frame: int) -> npt.NDArray[np.float16]:
    """Return a frame's depth as measured, holes as NaN and sky as +inf, whether or not it was patched."""
    held_back = job.scene.held_back_depth(frame)
    path = held_back if held_back.exists() else job.scene.depth(frame)
    return read_float16(path, "depth", "Start phase 3 again for this scene.")


def _count_saved(job: SceneJob, flags: SceneFlags) -> tuple[npt.NDArray[np.int64], list[int]]:
    """Return the sum of the counts of all saved maps as one row, and the frames whose map is one number.

    Medians of the frames are kept aside.
    """
    total, flat = np.zeros((1, 65536), np.int64), []
    for frame in range(job.n_frames):
        saved = read_depth(job.scene, frame)
        flags.add(frame, saved)
        counts = depth_counts(saved)
        total[0] += counts
        if np.count_nonzero(counts) == 1:
            flat.append(frame)
        job.store.remember(f"median/{frame}", depth_percentiles(counts, [50.0])[50.0])
    return total, flat


def _keep_counts(job: SceneJob, counts: npt.NDArray[np.int64]) -> None:
    """Save phase 4 from reading the maps again; the record's digest tells it whether these are theirs."""
    path = job.scene.depth_counts_npz
    make_folder(path.parent)
    publish(path, encode_npz("counts", counts))


def _measured(job: SceneJob, frames: SharpFrames, counts: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return what the record says about the depth; deterministic."""
    pixels = job.store.recall_frames("pixels")
    touched = {str(f): p[:3] for f, p in pixels.items() if any(p[:3])}
    total = int(counts.sum())
    n_invented = sum(patched + raised for patched, raised, *_ in pixels.values())  # lowered: as asked
    return {
        "width": frames.width,
        "height": frames.height,
        "is_exact": job.cfg.depth.taken_as_exact,
        "is_rehearsal": job.cfg.depth.backend == DRYRUN.name,
        "patched_raised_lowered": touched,
        "changed_fraction": n_invented / total,
        "seams": list(seams(job).values()),
        "median_m": {str(f): m for f, m in job.store.recall_frames("median").items()},
        "counts_digest": checksum(counts.tobytes()),
    }


def _check_whole(job: SceneJob, stats: dict[str, float], details: dict[str, Any]) -> None:
    """Refuse a scene whose depth is hardly metric; provided maps are taken back, to begin anew as advised."""
    try:
        _check_patched(job, details)
        check_measured(job, stats)
        check_median(job, stats["d_median"])
        check_one_unit(job, stats["d_median"], job.store.recall_frames("median"))
    except DepthRangeError:
        if job.cfg.depth.backend == PROVIDED.name:
            job.store.discard()
        raise


def _check_patched(job: SceneJob, details: dict[str, Any]) -> None:
    limit = job.cfg.depth.max_patched_fraction
    if details["changed_fraction"] > limit:
        raise DepthRangeError(
            f"scene {job.scene_id!r}: {100 * details['changed_fraction']:.1f} % of the depth pixels "
            f"were patched or raised (limit {100 * limit:.0f} %)",
            _patched_advice(job),
        )


def _patched_advice(job: SceneJob) -> str:
    n_holes, n_raised = (sum(p[part] for p in job.store.recall_frames("pixels").values()) for part in (0, 1))
    if n_raised > n_holes and job.cfg.depth.backend == PROVIDED.name:
        return (
            f"Most of them lie nearer than depth.min_m ({job.cfg.depth.min_m:g} m): are they in another "
            "unit, say kilometres (--depth_scale 0.001), or disparity? Or lower --depth.min_m."
        )
    return (
        "Check the depth source (sparse depth has to be completed first), or raise "
        "depth.max_patched_fraction."
    )


def _wide_seams(job: SceneJob) -> list[str]:
    return [
        f"chunks of depth that meet at frame {seam['frame']} differ by {100 * seam['residual']:.1f} %"
        for seam in seams(job).values()
        if seam["residual"] > job.cfg.depth.warn_median_step
    ]


def _warn(
    job: SceneJob, stats: dict[str, float], details: dict[str, Any], of_the_files: Sequence[str]
) -> None:
    """Write the report's warnings into the record and this scene's lines of the logs."""
    name, cfg = job.scene_id, job.cfg.depth
    sanity = list(of_the_files)
    if not 0.5 <= stats["d_median"] <= 50.0:  # the report's plausible range of a scene's median
        sanity.append(f"median depth {stats['d_median']:.3f} m is outside 0.5..50 m")
    if details["changed_fraction"] > cfg.warn_patched_fraction:
        share = 100 * details["changed_fraction"]
        sanity.append(f"{share:.2f} % of the depth pixels were patched or raised")
    consistency = [*step_texts(job, job.store.recall_frames("median")), *_wide_seams(job)]
    for text in (*details.get("doubts", ()), *sanity, *consistency):
        job.store.warn(text)
    more = [f"{len(consistency) - 1} more like this: logs/{CONSISTENCY_LOG}"] if len(consistency) > 1 else []
    for text in (*sanity, *consistency[:1], *more):
        job.on_note(f"warning: {text}")
    patches = io.StringIO()
    writer = csv.writer(patches, lineterminator="\n")
    for frame_text, row in details["patched_raised_lowered"].items():
        writer.writerow([name, frame_text, *row])
    internal = job.dataset.internal
    publish_scene_log(internal, SANITY_LOG, name, "".join(f"{name}: {t}\n" for t in sanity))
    publish_scene_log(internal, CONSISTENCY_LOG, name, "".join(f"{name}: {t}\n" for t in consistency))
    publish_scene_log(internal, PATCHES_LOG, name, patches.getvalue())
