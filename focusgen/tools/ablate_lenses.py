"""The laws of lenses compared on a data set: what the labels of each would cover, without rendering any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from focusgen.base.errors import MissingUpstreamError
from focusgen.base.files import publish
from focusgen.config import Config
from focusgen.dataset.footage import Footage
from focusgen.dataset.index import known_scene, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import read_record
from focusgen.phases.coverage_picture import coverage_png
from focusgen.phases.law_coverage import LawsCoverage, spread_over
from focusgen.phases.scene_depth import SceneDepth
from focusgen.tools.ablate_table import Row, Table


def ablate_lenses(cfg: Config, scene_id: str | None, plot_path: Path) -> Table:
    """Return one row per law, and write the histograms of their labels as a picture.

    Each law is measured under the max_coc that it would be calibrated to: p95 of its own lenses.

    Args:
        cfg: the settings; their lens ranges and number of sets hold for each law.
        scene_id: one scene; None for all whose depth is complete, at most 256 of them.

    Raises:
        ConfigError: no such scene in the index.
        MissingUpstreamError: no depth is complete.
    """
    dataset = DatasetLayout.of(cfg)
    index = read_index(dataset)
    wanted = list(index) if scene_id is None else [known_scene(index, scene_id)]
    footage = Footage(cfg, dataset, index)
    depths = _depths(dataset, wanted)
    if not depths:
        raise MissingUpstreamError(
            f"{dataset.root}: no scene has complete depth", "Run phases 2 and 3 first; focusgen status tells."
        )
    coverage = LawsCoverage(cfg, [depth.scene.scene_id for depth in depths], n_sets=cfg.render.n_sets)
    for depth in depths:
        coverage.add(depth, footage.tied(depth.scene.scene_id))
    document = coverage.document(None)
    title = f"laws of lenses, {len(depths)} scenes, {cfg.render.n_sets} sets each"
    rows = tuple(_row(name, law) for name, law in document["laws"].items() if law is not None)
    if not rows:
        raise MissingUpstreamError(
            f"{dataset.root}: no law blurs these scenes: their depth is constant",
            "See focusgen preview.",
        )
    publish(plot_path, coverage_png(document))
    return Table(title, rows)


def _depths(dataset: DatasetLayout, scene_ids: Sequence[str]) -> list[SceneDepth]:
    found = []
    for scene_id in spread_over(scene_ids):
        scene = dataset.scene(scene_id)
        record = read_record(scene.done("depth"))
        if record is not None:
            found.append(SceneDepth(scene, record))
    return found


def _row(name: str, law: Mapping[str, Any]) -> Row:
    return {
        "law": name,
        "max_coc_mm": 1e3 * law["max_coc"],
        "entropy": law["entropy"],
        "above_.8": law["share_above_0.8"],
        "below_.2": law["share_below_0.2"],
        "in_focus": law["share_in_focus"]["median"],
        "sets": float(law["sets"]),
        "sets_unfocused": float(law["sets_below_5_percent_in_focus"]),
        "sets_unblurred": float(law["sets_below_20_percent_blurred"]),
        "sets_extreme": float(law["sets_with_mean_label_outside_0.2_to_0.8"]),
        "deciles": law["deciles_covered"]["median"],
        "scenes_whole": float(law["scenes_with_all_deciles"]),
    }
