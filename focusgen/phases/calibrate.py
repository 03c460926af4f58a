"""Phase 4: the one max_coc of a data set, from all pixels of the sampled scenes.

The percentiles are exact: float16 depth has 65,536 values, so counts of depth x one table per lens is the
whole distribution.
"""

from __future__ import annotations

import math
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from focusgen.base.errors import CalibrationError
from focusgen.base.files import make_folder, publish_json, storage_error
from focusgen.base.seeds import derive_seed
from focusgen.config import Config, settings_for
from focusgen.dataset.footage import Footage
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.optics.coc import Lens, blur_diameter_px
from focusgen.optics.stats import CocHistogram, Counts, coc_percentiles
from focusgen.phases.approval import implausible
from focusgen.phases.calibration_sample import SampledScene, clips_of, sample_scenes
from focusgen.phases.coc_picture import CocBins, draw_histogram
from focusgen.phases.coverage_picture import write_coverage
from focusgen.phases.law_coverage import LawsCoverage
from focusgen.phases.redraws import Redraws

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
RECOMMENDED_PERCENTILE = 95.0
MIN_P95_PX = 0.5  # a blur of less is no blur in the picture, and its labels would follow the noise of depth
FAINT_SHARE_OF_SENSOR = 1 / 600
"""60 um of 36 mm. By the default law p95 is 75 to 220 um on squares and roads, 10 to 40 um from drones, and
7 to 50 um of desks and rooms in centimetres that are taken for metres."""


def calibrate(
    cfg: Config,
    scene_ids: Sequence[str],
    *,
    on_start: Callable[[int], None] = lambda n: None,
    on_scene: Callable[[str], None] = lambda scene_id: None,
) -> dict[str, Any]:
    """Measure the CoC of a sample of scenes, write coc_stats.json and the histogram, and return the former.

    Args:
        scene_ids: scenes whose depth is complete, in index order.
        on_start: called with the number of sampled scenes.
        on_scene: called after each.

    Raises:
        CalibrationError: no depth to measure, or nothing plausible to recommend; the statistics are
            written all the same where there are any.
    """
    dataset = DatasetLayout.of(cfg)
    if not scene_ids:
        raise CalibrationError(
            "no scene has complete depth", "Run phases 2 and 3 first; focusgen status tells."
        )
    entries = read_index(dataset)
    chosen = sample_scene_ids(cfg, clips_of(cfg, scene_ids, entries))
    sampled, without = sample_scenes(Footage(cfg, dataset, entries), dataset, chosen, entries)
    on_start(len(sampled))
    redraws = Redraws() if cfg.calibrate.lenses == "drawn" else None
    laws = LawsCoverage(cfg, [scene.scene_id for scene in sampled], n_sets=cfg.render.n_sets)
    exact, histogram = _measure(dataset, sampled, on_scene, redraws, laws)
    stats = _document(cfg, sampled, exact, histogram, redraws)
    if without:
        stats["scenes_without_lenses"] = without
    stats_path = _publish(cfg, dataset, stats, histogram)
    write_coverage(dataset, laws.document(stats["recommended_max_coc"]))
    if stats["recommended_max_coc"] is None:
        raise CalibrationError(
            f"{stats_path}: nothing recommended: {stats['not_recommended_because']}",
            "Check the depth and its unit (focusgen preview; depth.depth_scale), try "
            "lens.focus_range: robust or other lenses (lens.focal_length_mm: longer ones blur more), or give "
            "--max_coc yourself.",
        )
    return stats


def _publish(cfg: Config, dataset: DatasetLayout, stats: dict[str, Any], histogram: CocHistogram) -> Path:
    """Write the statistics and the histogram as numbers and picture; return the path of the former."""
    make_folder(dataset.logs)
    stats_path = cfg.calibrate.output_stats or dataset.coc_stats_json
    publish_json(stats_path, stats)
    bins = CocBins.of(histogram)
    bins.save(dataset.coc_histogram_npz)
    draw_histogram(bins, stats, cfg.calibrate.output_plot or dataset.coc_histogram_png)
    return stats_path


def _measure(
    dataset: DatasetLayout,
    sampled: Sequence[SampledScene],
    on_scene: Callable[[str], None],
    redraws: Redraws | None,
    laws: LawsCoverage,
) -> tuple[dict[float, float], CocHistogram]:
    """Return the exact percentiles and the histogram of all pixels through all lenses of the sample."""
    make_folder(dataset.internal)
    # On disk: a large data set samples thousands of scenes of half a megabyte each.
    with tempfile.TemporaryFile(dir=dataset.internal) as file:  # without a name: a kill leaves nothing
        # Room first: a page that finds none when it is written ends the process with SIGBUS.
        try:
            os.posix_fallocate(file.fileno(), 0, len(sampled) * 65536 * 8)
        except OSError as error:
            raise storage_error(error, dataset.internal) from error
        counts = np.memmap(file, np.int64, "w+", shape=(len(sampled), 65536))
        for row, scene in enumerate(sampled):
            counts[row] = scene.counts()
            counted = replace(scene.depth, counted=np.asarray(counts[row]))
            laws.add(counted, scene.cfg)
            if redraws is not None:
                redraws.add(replace(scene, depth=counted))
            on_scene(scene.scene_id)

        def sources() -> Iterator[tuple[Counts, Lens]]:
            for row, scene in enumerate(sampled):
                yield from scene.seen(np.asarray(counts[row]))

        histogram = CocHistogram()
        for scene_counts, lens in sources():
            histogram.add(scene_counts, lens)
        exact = coc_percentiles(sources, PERCENTILES, histogram)
    return exact, histogram


def sample_scene_ids(cfg: Config, scene_ids: Sequence[str]) -> list[str]:
    """Return max(min_scenes, sample_fraction) of the scenes, drawn once per seed, in index order."""
    wanted = max(cfg.calibrate.min_scenes, math.ceil(cfg.calibrate.sample_fraction * len(scene_ids)))
    rng = random.Random(derive_seed(cfg.seed, "calibration sample"))
    chosen = set(rng.sample(sorted(scene_ids), min(wanted, len(scene_ids))))
    return [scene_id for scene_id in scene_ids if scene_id in chosen]


def _document(
    cfg: Config,
    sampled: Sequence[SampledScene],
    exact: Mapping[float, float],
    histogram: CocHistogram,
    redraws: Redraws | None,
) -> dict[str, Any]:
    """Return coc_stats.json; no dates, so the same depth gives the same statistics."""
    p95 = exact[RECOMMENDED_PERCENTILE]
    width = max(scene.width for scene in sampled)
    why_not = implausible(p95, cfg.optics.sensor_width_m) or _invisible(p95, width, cfg)
    in_m = {f"p{q:.0f}": value for q, value in exact.items()} | {"max": histogram.max}
    n_drawn = sum(len(scene.lenses) for scene in sampled)
    n_redrawn = sum(scene.n_redrawn for scene in sampled)
    return {
        **{name: _finite(value) for name, value in in_m.items()},
        "mean": _finite(histogram.mean_m),
        "recommended_max_coc": None if why_not else p95,
        "not_recommended_because": why_not,
        "in_px": {
            name: _finite(
                blur_diameter_px(value, image_width_px=width, sensor_width_m=cfg.optics.sensor_width_m)
            )
            for name, value in in_m.items()
        },
        "in_px_at_width": width,
        "unit": "metres on the sensor (diameter); in_px is the diameter on the image",
        "n_values": histogram.n,
        "scenes": [scene.scene_id for scene in sampled],
        "lenses": list(_lens_rows(sampled)),
        **({} if redraws is None else {"p95_error": redraws.document(p95)}),
        **({"is_rehearsal": True} if any(scene.depth.is_rehearsal for scene in sampled) else {}),
        "redrawn_share": n_redrawn / (n_drawn + n_redrawn),
        "settings": settings_for(cfg, "calibrate"),
    }


def _lens_rows(sampled: Sequence[SampledScene]) -> Iterator[dict[str, Any]]:
    for scene in sampled:
        if scene.is_whole_law:
            continue  # the law itself is said by the settings
        for one in scene.lenses:
            yield {
                "scene_id": scene.scene_id,
                "f": one.lens.focal_length_m,
                "N": one.lens.f_number,
                "S_focus": one.lens.focus_distance_m,
                **({"S_focus_per_frame": list(one.path.distances_m)} if one.path else {}),
            }


def faint_words(stats: Mapping[str, Any], cfg: Config) -> str | None:
    """Return a warning of blur that is hardly there, as numbers in too small a unit leave it, else None."""
    p95_m = stats["recommended_max_coc"]
    if p95_m >= FAINT_SHARE_OF_SENSOR * cfg.optics.sensor_width_m:
        return None
    return (
        f"95 % of the pixels are blurred by less than {stats['in_px']['p95']:.1f} px on frames of "
        f"{stats['in_px_at_width']} px: little to see and to learn from. Drones see so; at a desk or in a "
        "room it is centimetres that are taken for metres (--depth.unit cm). Longer lenses blur more"
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _invisible(p95_m: float, width_px: int, cfg: Config) -> str | None:
    p95_px = blur_diameter_px(p95_m, image_width_px=width_px, sensor_width_m=cfg.optics.sensor_width_m)
    if p95_px < MIN_P95_PX:
        return (
            f"p95 is {1e6 * p95_m:.3g} um, {p95_px:.2g} px on frames of {width_px} px: hardly any lens of "
            "the law blurs this depth (millimetres that are taken for metres look so)"
        )
    return None
