"""How long a whole run will still take: predicted from rates, corrected by how long its phases took."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.dataset.index import IndexEntry
from focusgen.dataset.layout import DatasetLayout
from focusgen.models.registry import backend_of
from focusgen.run.forecast import VALIDATE_S_PER_MPX, SceneWork, cost_s, work_of

WORTH_SAYING_S = 60.0
BELIEVED_AFTER_S = 5.0
"""Shorter work says nothing of how fast this machine is."""


def predicted_s(
    cfg: Config, index: Mapping[str, IndexEntry], scene_ids: Collection[str]
) -> dict[PhaseName, float]:
    """Return phase -> predicted seconds of what it has to do; phases without work are left out.

    Args:
        cfg: the settings.
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


class RunClock:
    """How long the phases of a run will still take.

    Args:
        predicted_s: phase -> seconds, in running order; without any, nothing is said.
        clock: seconds that only go forward.
    """

    def __init__(
        self, predicted_s: Mapping[PhaseName, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._predicted_s, self._clock = dict(predicted_s), clock
        self._phase: PhaseName | None = None
        self._begun_s = clock()
        self._over_s = 0.0
        self._over_predicted_s = 0.0

    def begin(self, phase: PhaseName) -> None:
        """Take down that a phase begins, and how long the one before took."""
        now_s = self._clock()
        if self._phase in self._predicted_s:
            self._over_s += now_s - self._begun_s
            self._over_predicted_s += self._predicted_s.pop(self._phase)
        self._phase, self._begun_s = phase, now_s

    def left_s(self, share: float) -> float:
        """Return the seconds left of the whole run when a share of the present phase is done."""
        now_s = self._predicted_s.get(self._phase, 0.0) if self._phase else 0.0
        later_s = sum(self._predicted_s.values()) - now_s
        spent_s = self._clock() - self._begun_s if now_s else 0.0
        known_s = self._over_predicted_s + share * now_s
        slowness = 1.0
        if self._over_s + spent_s > BELIEVED_AFTER_S and known_s > 0:
            slowness = (self._over_s + spent_s) / known_s
        present_s = spent_s / share * (1 - share) if share > 0 else slowness * now_s
        return present_s + slowness * later_s

    def text(self, share: float) -> str:
        """Return "whole run: about 12 min left"; "" where that is not worth saying."""
        left_s = self.left_s(share)
        if left_s < WORTH_SAYING_S:
            return ""
        left = f"{left_s / 3600:.1f} h" if left_s > 5400 else f"{left_s / 60:.0f} min"
        return f"whole run: about {left} left"
