"""Does phase 2's result flicker or smear? Measured against the input video, where that still lies there."""

from __future__ import annotations

import functools
from typing import Any

from focusgen.base.errors import SceneError
from focusgen.config import Config
from focusgen.dataset.frames import open_raw, published_plan
from focusgen.dataset.index import IndexEntry, recorded_raw_root
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.published import read_sharp
from focusgen.motion.scene_measures import scene_measures


def measure_temporal(
    cfg: Config, dataset: DatasetLayout, scene_id: str, entry: IndexEntry, n_frames: int
) -> tuple[dict[str, Any], list[str]]:
    """Return (measures, warnings) of a scene's sharp frames.

    Measures: e_warp, sharpness_ratio, tof and flicker as in `metrics`, e_warp_raw of the input itself, and
    e_warp_ratio of the two: above 1 the restoration flickers more than what it was made from. Empty where
    the raw frames are gone.
    """
    raw_root, limits = recorded_raw_root(dataset, cfg.data.raw_root), cfg.validate_
    if limits.temporal_pairs == 0 or not entry.raw_scene(scene_id, raw_root).path.exists():
        return {}, []
    scene = dataset.scene(scene_id)
    sharp = functools.lru_cache(maxsize=2)(lambda frame: read_sharp(scene, frame))
    cuts = tuple(cut for cut in entry.shot_cuts if cut < n_frames)
    try:
        with open_raw(raw_root, scene_id, entry, published_plan(scene, entry)) as raw:
            report = scene_measures(raw.frame, sharp, n_frames, cuts, max_pairs=limits.temporal_pairs)
    except SceneError as error:
        return {}, [f"no temporal measures: {error.message}"]
    if not report:
        return {}, []
    measures = {name: float(f"{value:.6g}") for name, value in report.items()}
    measures["e_warp_ratio"] = float(f"{report['e_warp'] / max(report['e_warp_raw'], 1e-12):.6g}")
    return measures, _warnings(cfg, measures)


def _warnings(cfg: Config, measures: dict[str, float]) -> list[str]:
    limits, found = cfg.validate_, []
    if measures["e_warp_ratio"] > limits.max_e_warp_ratio:
        found.append(
            f"sharp frames flicker: E_warp is {measures['e_warp_ratio']:.2f} x that of the raw video "
            f"(expected <= {limits.max_e_warp_ratio})"
        )
    if measures["sharpness_ratio"] < limits.min_sharpness_ratio:
        found.append(
            f"sharp frames are softer than the raw ones: sharpness ratio {measures['sharpness_ratio']:.2f} "
            f"(expected >= {limits.min_sharpness_ratio}): phase 2 does not deblur this scene"
        )
    return found
