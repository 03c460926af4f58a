"""How long the phases of a run will take that have work to do, predicted from rates."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout
from focusgen.models.registry import backend_of
from focusgen.run.forecast import VALIDATE_S_PER_MPX, SceneWork, cost_s, work_of


def predicted_s(
    cfg: Config, index: Mapping[str, IndexEntry], scene_ids: Collection[str]
) -> dict[PhaseName, float]:
    """Return phase -> predicted seconds of what it has to do; phases without work are left out.

    Args:
        index: all scenes.
        scene_ids: those of the run.
    """
    dataset, asked = DatasetLayout.of(cfg), frozenset(scene_ids)
    pending = {
        phase: frozenset(name for name in asked if not dataset.scene(name).done(phase).exists())
        for phase in SCENE_PHASES
    }
    if not any(pending.values()):
        return {}
    works = [work for work in work_of(cfg, index) if work.scene_id in asked]
    costs, found = cost_s(cfg, SCENE_PHASES, works), dict[PhaseName, float]()
    for phase, column in zip(SCENE_PHASES, costs.T, strict=True):
        if pending[phase]:
            is_mine = [work.scene_id in pending[phase] for work in works]
            found[phase] = float(column[is_mine].sum()) + backend_of(cfg, phase).rate.load_s
    if pending["render"]:
        found["validate"] = _validate_s(cfg, [work for work in works if work.scene_id in pending["render"]])
    return found


def _validate_s(cfg: Config, works: Collection[SceneWork]) -> float:
    pixels = sum(work.n_frames * work.width * work.height for work in works)
    return 1e-6 * pixels * VALIDATE_S_PER_MPX * cfg.render.n_sets / cfg.run.workers
