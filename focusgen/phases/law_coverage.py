"""What the labels of each law of lenses would cover, over the scenes that a calibration looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from focusgen.base.errors import LensError
from focusgen.config import Config
from focusgen.config.lens import LensConfig
from focusgen.optics.coc import Lens, coc_diameter_m
from focusgen.optics.coverage import LabelCoverage, SeenSet, scene_coverage
from focusgen.optics.surfaces import Floats, Surfaces
from focusgen.phases.lens_law import draw_lenses
from focusgen.phases.scene_depth import SceneDepth

Item = TypeVar("Item")

LAWS: Mapping[str, Mapping[str, str]] = {
    "random": {"law": "random", "focus_range": "full"},
    "robust": {"law": "random", "focus_range": "robust"},
    "sweep": {"law": "sweep"},
    "balanced": {"law": "balanced"},
}
MAX_SCENES = 256  # more say nothing more: evenly spread over them
EXPLAINED = (
    "labels that each law of lenses would give these scenes with focus held still, under max_coc (metres); "
    "histogram: shares of the tenths of 0..1; in focus: a disc of at most half a pixel (diameter); blurred: "
    "more than a quarter of max_coc; a decile of depth is covered where some set shows over half of it by a "
    "disc of at most a pixel, or by a label above .97"
)
PERCENTILE = 95.0  # what phase 4 recommends


def spread_over(items: Sequence[Item], n: int = MAX_SCENES) -> list[Item]:
    """Return at most n of the items, evenly spread."""
    step = max(1.0, len(items) / n)
    return [items[int(number * step)] for number in range(min(n, len(items)))]


def law_name(lens: LensConfig) -> str:
    """Return the name, one of `LAWS`, of the configured law."""
    return "robust" if lens.law == "random" and lens.focus_range == "robust" else lens.law


class LawCoverage:
    """The coverage of one law over the scenes that are added.

    Attributes:
        name: of `LAWS`.
        failed: scenes that the law has no lens for, and why.
    """

    def __init__(self, name: str, n_sets: int) -> None:
        self.name, self._n_sets = name, n_sets
        self.failed: dict[str, str] = {}
        self._scenes: list[tuple[str, Surfaces, tuple[Lens, ...], float]] = []

    def add(self, depth: SceneDepth, surfaces: Surfaces, cfg: Config) -> None:
        """Draw the lenses that the law gives a scene."""
        lens = cfg.lens.model_copy(update=dict(LAWS[self.name]))
        try:
            lenses = draw_lenses(cfg.model_copy(update={"lens": lens}), depth, self._n_sets).lenses
        except LensError as error:
            self.failed[depth.scene.scene_id] = error.message
            return
        pixel_m = cfg.optics.sensor_width_m / depth.long_side_px
        self._scenes.append((depth.scene.scene_id, surfaces, lenses, pixel_m))

    def max_coc_m(self) -> float:
        """Return p95 of the CoC of all pixels through all lenses, metres; 0 where there are none."""
        coc_m: list[Floats] = [np.zeros(0)]
        weights: list[Floats] = [np.zeros(0)]
        for _, surfaces, lenses, _ in self._scenes:
            for lens in lenses:
                coc_m.append(coc_diameter_m(surfaces.depth_m, lens))
                weights.append(surfaces.share * surfaces.n_pixels)
        values, pixels = np.concatenate(coc_m), np.concatenate(weights)
        if not values.size:
            return 0.0
        order = np.argsort(values, kind="stable")
        cumulated = np.cumsum(pixels[order])
        return float(values[order][np.searchsorted(cumulated, PERCENTILE / 100.0 * cumulated[-1])])

    def coverage(self, max_coc_m: float) -> LabelCoverage | None:
        """Return what the labels cover under a max_coc, None where no scene has any."""
        if not self._scenes or not max_coc_m > 0.0:
            return None
        return LabelCoverage.of(
            [
                scene_coverage(surfaces, [SeenSet((lens,), max_coc_m) for lens in lenses], pixel_m)
                for _, surfaces, lenses, pixel_m in self._scenes
            ]
        )

    def document(self, max_coc_m: float | None = None) -> dict[str, Any] | None:
        """Return the coverage as JSON data, under a max_coc or the law's own p95."""
        value_m = self.max_coc_m() if max_coc_m is None else max_coc_m
        found = self.coverage(value_m)
        if found is None:
            return None
        document = {"max_coc": value_m, **found.document()}
        missing = [
            name
            for (name, *_), (shown, there) in zip(self._scenes, found.deciles, strict=True)
            if shown < there
        ]
        document |= {"scenes_missing_deciles": missing} if missing else {}
        return document | ({"scenes_without_lenses": self.failed} if self.failed else {})


class LawsCoverage:
    """The coverage of every law over the same scenes, at most `MAX_SCENES` of them."""

    def __init__(self, cfg: Config, scene_ids: Sequence[str], *, n_sets: int) -> None:
        self._wanted = set(spread_over(scene_ids))
        self._laws = [LawCoverage(name, n_sets) for name in LAWS]
        self._configured, self._n_sets = law_name(cfg.lens), n_sets
        self._scenes: list[str] = []
        self._is_rehearsal = False

    def add(self, depth: SceneDepth, cfg: Config) -> None:
        """Draw the lenses that each law gives a scene.

        Args:
            cfg: the settings, tied to its footage.
        """
        if depth.scene.scene_id not in self._wanted:
            return
        surfaces = depth.surfaces()
        self._scenes.append(depth.scene.scene_id)
        self._is_rehearsal |= depth.is_rehearsal
        for law in self._laws:
            law.add(depth, surfaces, cfg)

    def document(self, max_coc_m: float | None) -> dict[str, Any]:
        """Return label_coverage.json.

        Args:
            max_coc_m: recommended or approved, for the configured law; the others take p95 of their own
                lenses, as all do where it is None.
        """
        return {
            "configured": self._configured,
            "laws": {
                law.name: law.document(max_coc_m if law.name == self._configured else None)
                for law in self._laws
            },
            "sets_per_scene": self._n_sets,
            "scenes": self._scenes,
            "what": EXPLAINED,
            **({"is_rehearsal": True} if self._is_rehearsal else {}),
        }
