"""Phase 5: per frame, atomically, the focus label and then the render made from that same label."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.checksums import FileEntry
from focusgen.base.errors import DepthRangeError, MissingUpstreamError
from focusgen.base.files import json_bytes, make_folder
from focusgen.config.backends import BOKEHNET
from focusgen.dataset.journals import METADATA_NOTE
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.lens_metadata import lens_document, lenses_of
from focusgen.dataset.published import read_depth, read_focus, read_sharp, read_stats
from focusgen.dataset.records import Record, read_record
from focusgen.dataset.store import Encode, publish_scene_log
from focusgen.media.codecs import encode_npz
from focusgen.models.protocols import BokehRenderer
from focusgen.optics.coc import check_depth_m
from focusgen.phases.begun_lenses import begun_with
from focusgen.phases.camera import began_earlier, camera_document, tied_to_footage
from focusgen.phases.drawn_sets import DrawnSets, draw_sets
from focusgen.phases.focus_moves import fps_of
from focusgen.phases.job import SceneJob
from focusgen.phases.lens_set import (
    LensSet,
    limits_told,
    mark_limited_sets,
    renderer_limit_px,
    start_lens_sets,
)
from focusgen.phases.scene_depth import SceneDepth
from focusgen.phases.sensor import Sensor
from focusgen.phases.versions import FOCUS_LOG

SNAP_HAS_NO_EFFECT = (
    "render.depth_edge_snap: on has no effect: the picture is drawn from the depth that its label is made of"
)


def render_scene(job: SceneJob, renderer: BokehRenderer) -> None:
    """Publish the label and render pairs of a scene that are not there yet, and its record.

    Raises:
        MissingUpstreamError: sharp frames or depth are not there.
    """
    upstream = upstream_records(job.scene)
    stats = read_stats(job.scene)
    job = tied_to_footage(job)
    depth = SceneDepth(job.scene, upstream["depth"])
    drawn = draw_sets(job.cfg, depth, job.entry, job.cfg.render.n_sets)
    metadata = _metadata(job, drawn, upstream)
    mark_limited_sets(metadata, stats, renderer_limit_px(job.cfg))
    metadata = begun_with(job, metadata)
    told = _told(job, metadata, stats)
    lenses = lenses_of(metadata)
    job.store.remember(METADATA_NOTE, FileEntry.of(json_bytes(metadata)).xxh3_128)
    job.store.put_json(job.scene.metadata_json, metadata)  # the lenses, before the first frame
    for lens_set in range(len(lenses)):
        make_folder(job.scene.focus(lens_set, 0).parent)
        make_folder(job.scene.bokeh(lens_set, 0).parent)
        if Sensor(job.cfg, job.scene_id).keeps_clean:
            make_folder(job.scene.clean(lens_set, 0).parent)
    missing = job.store.missing(lambda frame: _pair_paths(job, frame, len(lenses)))
    if missing:  # else the renderer is not even loaded
        _render_frames(job, start_lens_sets(job.cfg, metadata, stats, renderer), missing, renderer)
    job.store.drain()
    means = _focus_means(job, len(lenses))
    _warn(job, [*told, *_unusual_means(job, means)])
    details = {"focus_mean": means, "approximations": list(renderer.approximations)}
    job.store.finish(details, whole_scene=job.n_frames == job.entry.n_frames)


def _told(job: SceneJob, metadata: Mapping[str, Any], stats: Mapping[str, float]) -> list[str]:
    """Return what a person should know of the lens sets."""
    told = limits_told(metadata, stats)
    lacking = metadata.get("lens_law", {}).get("lacking", ())
    told += [f"{job.cfg.lens.law} lenses: {text}" for text in lacking]
    return [*told, SNAP_HAS_NO_EFFECT] if job.cfg.render.depth_edge_snap == "on" else told


def _pair_paths(job: SceneJob, frame: int, n_sets: int) -> list[Path]:
    kinds = [job.scene.focus, job.scene.bokeh]
    if Sensor(job.cfg, job.scene_id).keeps_clean:
        kinds.append(job.scene.clean)
    return [path_of(lens_set, frame) for path_of in kinds for lens_set in range(n_sets)]


def upstream_records(scene: SceneLayout) -> dict[str, Record]:
    """Return the records of sharp frames and depth, whole or of a rehearsal.

    Raises:
        MissingUpstreamError: one is not there.
    """
    records: dict[str, Record] = {}
    for phase in ("deblur", "depth"):
        record = read_record(scene.done(phase)) or read_record(scene.partial(phase))
        if record is None:
            raise MissingUpstreamError(f"scene {scene.scene_id!r}: phase {phase} has no record")
        records[phase] = record
    return records


def _metadata(job: SceneJob, drawn: DrawnSets, upstream: Mapping[str, Record]) -> dict[str, Any]:
    """Return metadata.json: everything that a stranger needs to recompute a label; no dates."""
    cfg, deblur, depth = job.cfg, upstream["deblur"], upstream["depth"]
    law = {**cfg.lens.document(), "seed": cfg.seed, "n_redrawn": drawn.n_redrawn}
    if cfg.lens.motion != "fixed":
        law["motion_fps"] = fps_of(job.entry)
    if cfg.lens.law == "balanced" or cfg.lens.motion != "fixed":
        law["lacking"] = list(drawn.lacking)
    return {
        **lens_document(
            cfg,
            job.scene_id,
            drawn.lenses,
            upstream,
            drawn.paths,
            job.n_frames,
            is_along_width=began_earlier(job),
        ),
        **camera_document(job),
        "n_frames": job.n_frames,
        "fps": job.entry.source.get("fps"),
        "shot_cuts": list(job.shot_cuts),
        "label": "focus_map = 1 - clip(CoC / max_coc, 0, 1), float32 arithmetic, saved as float16",
        "guidance": cfg.render.guidance if cfg.render.backend == BOKEHNET.name else None,
        "lens_law": law,
        "backends": {
            "deblur": deblur.document["backend"],
            "depth": depth.document["backend"],
            "render": cfg.render.backend,
        },
        "is_rehearsal": bool(depth.details["is_rehearsal"]),
        "flags": deblur.flags,
    }


def _render_frames(
    job: SceneJob, lens_sets: list[LensSet], frames: list[int], renderer: BokehRenderer
) -> None:
    """Make every lens set of each frame: the sharp frame and its depth are read once."""
    n_together = max(lens_set.session.frames_per_call() for lens_set in lens_sets)
    n_parallel = renderer.n_parallel
    with ThreadPoolExecutor(n_parallel) as pool:
        for start in range(0, len(frames), n_together):
            part = frames[start : start + n_together]
            sharp = np.stack([read_sharp(job.scene, frame) for frame in part])
            depth_m = np.stack([_usable_depth(job.scene, frame) for frame in part])
            draw = functools.partial(LensSet.draw, frames=part, sharp=sharp, depth_m=depth_m)
            drawn = list(pool.map(draw, lens_sets) if n_parallel > 1 else map(draw, lens_sets))
            for place, frame in enumerate(part):
                for lens_set, (pictures, labels) in zip(lens_sets, drawn, strict=True):
                    _put_pair(job, lens_set.index, frame, labels[place], pictures[place])
                job.on_frame(frame)


def _usable_depth(scene: SceneLayout, frame: int) -> npt.NDArray[np.float16]:
    """Return the depth of a frame; a map of which no label can be made is named."""
    depth_m = read_depth(scene, frame)
    try:
        check_depth_m(depth_m)
    except DepthRangeError as error:
        raise DepthRangeError(f"{scene.depth(frame)}: {error.message}", error.advice) from error
    return depth_m


def _put_pair(
    job: SceneJob,
    lens_set: int,
    frame: int,
    label: npt.NDArray[np.float16],
    drawn: npt.NDArray[np.uint8],
) -> None:
    sensor, clean = Sensor(job.cfg, job.scene_id), np.asarray(drawn)
    files: list[tuple[Path, Encode]] = [
        (job.scene.focus(lens_set, frame), functools.partial(encode_npz, "focus_map", label)),
        (job.scene.bokeh(lens_set, frame), job.store.picture(sensor.take(clean, lens_set, frame))),
    ]
    if sensor.keeps_clean:
        files.insert(0, (job.scene.clean(lens_set, frame), job.store.picture(clean)))
    job.store.put(*files)


def _focus_means(job: SceneJob, n_sets: int) -> list[float]:
    """Return the mean label of each set over all frames, from the published files."""
    means = []
    for lens_set in range(n_sets):
        total = 0.0
        for frame in range(job.n_frames):
            label = read_focus(job.scene, lens_set, frame)
            total += float(label.mean(dtype=np.float64))
        means.append(round(total / job.n_frames, 6))
    return means


def _unusual_means(job: SceneJob, means: list[float]) -> list[str]:
    low, high = job.cfg.render.warn_focus_mean
    return [
        f"set_{i:02d}: mean focus {mean:.3f} is outside {low}..{high}"
        for i, mean in enumerate(means)
        if not low <= mean <= high
    ]


def _warn(job: SceneJob, lines: list[str]) -> None:
    """Write warnings into the record and this scene's lines of the log."""
    for line in lines:
        job.store.warn(line)
    publish_scene_log(
        job.dataset.internal, FOCUS_LOG, job.scene_id, "".join(f"{job.scene_id}: {t}\n" for t in lines)
    )
