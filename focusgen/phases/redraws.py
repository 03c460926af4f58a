"""How much a recommended max_coc hangs on which lenses happened to be drawn: other draws of the same law."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from focusgen.base.seeds import scene_seed
from focusgen.config import Config
from focusgen.optics.stats import CocHistogram, merged_counts
from focusgen.phases.lens_law import LensLaws
from focusgen.phases.scene_depth import SURFACES, SceneDepth

N_REDRAWS, LARGE_ERROR = 16, 0.10


class Redraws:
    """The sample of scenes through other lenses, as many per scene as the calibration draws."""

    def __init__(self) -> None:
        self._histograms = [CocHistogram() for _ in range(N_REDRAWS)]

    def add(self, depth: SceneDepth, cfg: Config) -> None:
        """Look at a scene through the lenses of each redraw, focus held still."""
        few, law = merged_counts(depth.counts(), SURFACES), LensLaws(cfg, depth)
        for number, histogram in enumerate(self._histograms):
            seed = scene_seed(cfg.seed, depth.scene.scene_id, f"redraw {number}")
            for lens in law.draw(cfg.calibrate.n_lens_sets, seed).lenses:
                histogram.add(few, lens)

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
