"""How much a recommended max_coc hangs on which lenses happened to be drawn: other draws of the same law."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from focusgen.base.seeds import scene_seed
from focusgen.optics.stats import CocHistogram
from focusgen.phases.calibration_sample import SampledScene
from focusgen.phases.lens_law import LensLaws

N_REDRAWS, LARGE_ERROR = 16, 0.10


class Redraws:
    """The sample of scenes through other lenses, as many per scene as the calibration draws."""

    def __init__(self) -> None:
        self._histograms = [CocHistogram() for _ in range(N_REDRAWS)]

    def add(self, scene: SampledScene) -> None:
        """Look at a scene through the lenses of each redraw, of every frame where focus moves.

        All redraws move at once: following a point reads the frames, and finds their flow, only once.
        """
        cfg, law = scene.cfg, LensLaws(scene.cfg, scene.depth)
        seeds = [scene_seed(cfg.seed, scene.scene_id, f"redraw {number}") for number in range(N_REDRAWS)]
        n_sets = cfg.calibrate.n_lens_sets
        lenses = [lens for seed in seeds for lens in law.draw(n_sets, seed).lenses]
        motion_seed = scene_seed(cfg.seed, scene.scene_id, "redrawn motion")
        for pixels, lens, number in scene.seen_otherwise(lenses, motion_seed):
            self._histograms[number // n_sets].add(pixels, lens)

    def document(self, p95_m: float) -> dict[str, float]:
        """Return the standard error of p95, metres and relative to the recommended one."""
        error_m = float(np.std([histogram.percentile(95.0) for histogram in self._histograms], ddof=1))
        return {
            "standard_error": error_m,
            "relative": error_m / p95_m if p95_m > 0.0 else 0.0,
            "redraws": N_REDRAWS,
        }


def error_words(stats: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return what to say of the standard error in coc_stats.json, and a warning where it is large."""
    error = stats.get("p95_error")
    if error is None:
        return "", None
    words = f"{100 * error['relative']:.0f} %"
    said = f"; standard error {words}, over {error['redraws']} redraws of the lenses"
    warning = (
        f"the recommended max_coc has a standard error of {words}: other lenses of the same law recommend "
        "another one. Choose --calibrate.lenses law, which draws none, or more by --calibrate.n_lens_sets"
    )
    return said, warning if error["relative"] > LARGE_ERROR else None
