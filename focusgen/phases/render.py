"""Phase 5: per frame, atomically, the focus label and then the render made from that same label."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.codecs import decode_npz, encode_npz, encode_png
from focusgen.errors import CorruptInputError, MissingUpstreamError
from focusgen.layout import SceneLayout
from focusgen.lenses import sample_lenses
from focusgen.models import BokehRenderer, RenderContext, RenderSession
from focusgen.optics import Lens, blur_diameter_px, focus_map, signed_blur_radius_px
from focusgen.phases import SceneJob
from focusgen.phases.scene_frames import read_sharp
from focusgen.records import Record, read_record
from focusgen.seeds import derive_seed, scene_seed
from focusgen.settings import Config
from focusgen.store import make_folder, publish_scene_log

ALGORITHM_VERSION = 1
FOCUS_LOG = "focus_map_warnings.txt"
STATS_KEYS = ("d_min", "d_max", "d_median", "d_p5", "d_p95")


def render_scene(job: SceneJob, renderer: BokehRenderer) -> None:
    """Publish the label and render pairs of a scene that are not there yet, and its record.

    Raises:
        MissingUpstreamError: sharp frames or depth are not there.
    """
    upstream = upstream_records(job.scene)
    stats = read_stats(job.scene)
    metadata = _metadata(job, stats, upstream)
    lenses = lenses_of(metadata)
    job.store.put_json(job.scene.metadata_json, metadata)  # the lenses, before the first frame
    for lens_set in range(len(lenses)):
        make_folder(job.scene.focus(lens_set, 0).parent)
        make_folder(job.scene.bokeh(lens_set, 0).parent)
    missing = job.store.missing(lambda frame: _pair_paths(job.scene, frame, len(lenses)))
    sessions = []
    if missing:  # else the renderer is not even loaded
        sessions = [renderer.start(_context(job, stats, metadata, i, lens)) for i, lens in enumerate(lenses)]
    for frame in missing:
        _render_frame(job, sessions, lenses, frame)
        job.on_frame(frame)
    job.store.drain()
    means = _focus_means(job, len(lenses))
    _warn(job, means)
    job.store.finish({"focus_mean": means}, whole_scene=job.n_frames == job.entry.n_frames)


def _pair_paths(scene: SceneLayout, frame: int, n_sets: int) -> list[Any]:
    focus = [scene.focus(lens_set, frame) for lens_set in range(n_sets)]
    return focus + [scene.bokeh(lens_set, frame) for lens_set in range(n_sets)]


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


def read_stats(scene: SceneLayout) -> dict[str, float]:
    """Return stats.json.

    Raises:
        CorruptInputError: damaged, or a key is missing.
    """
    try:
        document = json.loads(scene.stats_json.read_bytes())
        return {key: float(document[key]) for key in STATS_KEYS}
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise CorruptInputError(
            f"{scene.stats_json}: {error!r}", "Re-run phase 3 for this scene (focusgen repair)."
        ) from error


def draw_lenses(cfg: Config, scene_id: str, stats: Mapping[str, float], n: int) -> tuple[list[Lens], int]:
    """Return n lenses by the one law that calibration and rendering share, and the count of redraws."""
    robust = cfg.lens.focus_range == "robust"
    drawn = sample_lenses(
        n,
        d_min_m=stats["d_p5" if robust else "d_min"],
        d_max_m=stats["d_p95" if robust else "d_max"],
        seed=scene_seed(cfg.seed, scene_id, "lenses"),
        focal_length_mm=cfg.lens.focal_length_mm,
        f_number=cfg.lens.f_number,
        law=cfg.lens.law,
        formula=cfg.optics.formula,
    )
    return list(drawn.lenses), drawn.n_redrawn


def _metadata(job: SceneJob, stats: Mapping[str, float], upstream: Mapping[str, Record]) -> dict[str, Any]:
    """Return metadata.json: everything that a stranger needs to recompute a label; no dates."""
    cfg, deblur, depth = job.cfg, upstream["deblur"], upstream["depth"]
    lenses, n_redrawn = draw_lenses(cfg, job.scene_id, stats, cfg.render.n_sets)
    max_coc_m = cfg.render.max_coc
    assert max_coc_m is not None, "the runner resolves max_coc before any scene is opened"
    width = int(deblur.details["width"])
    return {
        "sets": [
            {
                "f": lens.focal_length_m,
                "N": lens.f_number,
                "S_focus": lens.focus_distance_m,
                "max_coc": max_coc_m,
                "coc_limit_px": blur_diameter_px(
                    max_coc_m, image_width_px=width, sensor_width_m=cfg.optics.sensor_width_m
                ),
            }
            for lens in lenses
        ],
        "scene_id": job.scene_id,
        "width": width,
        "height": int(deblur.details["height"]),
        "n_frames": job.n_frames,
        "fps": job.entry.source.get("fps"),
        "shot_cuts": list(job.shot_cuts),
        "formula": cfg.optics.formula,
        "label": "focus_map = 1 - clip(CoC / max_coc, 0, 1), float32 arithmetic, saved as float16",
        "sensor_width_mm": cfg.optics.sensor_width_mm,
        "clip_to_max_coc": cfg.render.clip_to_max_coc,
        "guidance": cfg.render.guidance if cfg.render.backend == "bokehnet" else None,
        "lens_law": {**cfg.lens.model_dump(mode="json"), "seed": cfg.seed, "n_redrawn": n_redrawn},
        "backends": {
            "deblur": deblur.document["backend"],
            "depth": depth.document["backend"],
            "render": cfg.render.backend,
        },
        "is_rehearsal": bool(depth.details["is_rehearsal"]),
        "depth_is_exact": bool(depth.details["is_exact"]),
        "flags": deblur.flags,
    }


def lenses_of(metadata: Mapping[str, Any]) -> list[Lens]:
    """Return the lenses that metadata.json holds, as Python floats."""
    return [
        Lens(float(s["f"]), float(s["N"]), float(s["S_focus"]), metadata.get("formula", "paper"))
        for s in metadata["sets"]
    ]


def _context(
    job: SceneJob, stats: Mapping[str, float], metadata: Mapping[str, Any], lens_set: int, lens: Lens
) -> RenderContext:
    cfg = job.cfg
    return RenderContext(
        scene_id=job.scene_id,
        set_index=lens_set,
        width=metadata["width"],
        height=metadata["height"],
        lens=lens,
        max_coc_m=cfg.render.max_coc if cfg.render.clip_to_max_coc else None,
        sensor_width_m=cfg.optics.sensor_width_m,
        depth_m=stats,
        is_depth_exact=metadata["depth_is_exact"],
        seed=derive_seed(cfg.seed, job.scene_id, "render", lens_set),
    )


def _render_frame(job: SceneJob, sessions: list[RenderSession], lenses: list[Lens], frame: int) -> None:
    """Make every lens set of one frame: the sharp frame and its depth are read once."""
    cfg, scene = job.cfg, job.scene
    max_coc_m = cfg.render.max_coc
    assert max_coc_m is not None
    sharp = read_sharp(scene, frame)
    depth16 = read_depth(scene, frame)
    depth_m = depth16.astype(np.float32)
    for lens_set, (session, lens) in enumerate(zip(sessions, lenses, strict=True)):
        label = focus_map(depth16, lens, max_coc_m)
        radius_px = signed_blur_radius_px(
            depth_m,
            lens,
            image_width_px=depth_m.shape[1],
            sensor_width_m=cfg.optics.sensor_width_m,
            max_coc_m=max_coc_m if cfg.render.clip_to_max_coc else None,
        )
        drawn = session.render(sharp[None], radius_px[None], label[None], [frame])[0]
        _put_pair(job, lens_set, frame, label, drawn)


def _put_pair(
    job: SceneJob,
    lens_set: int,
    frame: int,
    label: npt.NDArray[np.float16],
    drawn: npt.NDArray[np.uint8],
) -> None:
    job.store.put(
        (job.scene.focus(lens_set, frame), functools.partial(encode_npz, "focus_map", label)),
        (job.scene.bokeh(lens_set, frame), functools.partial(encode_png, np.asarray(drawn))),
    )


def read_depth(scene: SceneLayout, frame: int) -> npt.NDArray[np.float16]:
    """Return a published depth map, (H, W) float16 metres.

    Raises:
        MissingUpstreamError: it is not there.
        CorruptInputError: it is damaged; names the file.
    """
    return _read_npz(scene.depth(frame), "depth", "Re-run phase 3 for this scene.")


def _read_npz(path: Any, key: str, advice: str) -> npt.NDArray[np.float16]:
    try:
        array = decode_npz(path.read_bytes(), key)
    except FileNotFoundError as error:
        raise MissingUpstreamError(f"{path}: no such file", advice) from error
    except CorruptInputError as error:
        raise CorruptInputError(
            f"{path}: {error.message}", "focusgen repair redoes damaged files."
        ) from error
    if array.dtype != np.float16:
        raise CorruptInputError(f"{path}: {key} is {array.dtype}, not float16", advice)
    return array


def _focus_means(job: SceneJob, n_sets: int) -> list[float]:
    """Return the mean label of each set over all frames, from the published files."""
    means = []
    for lens_set in range(n_sets):
        total = 0.0
        for frame in range(job.n_frames):
            label = _read_npz(job.scene.focus(lens_set, frame), "focus_map", "Re-run phase 5 for this scene.")
            total += float(label.mean(dtype=np.float64))
        means.append(round(total / job.n_frames, 6))
    return means


def _warn(job: SceneJob, means: list[float]) -> None:
    low, high = job.cfg.render.warn_focus_mean
    lines = [
        f"set_{i:02d}: mean focus {mean:.3f} is outside {low}..{high}"
        for i, mean in enumerate(means)
        if not low <= mean <= high
    ]
    for line in lines:
        job.store.warn(line)
    publish_scene_log(
        job.dataset.internal, FOCUS_LOG, job.scene_id, "".join(f"{job.scene_id}: {t}\n" for t in lines)
    )
