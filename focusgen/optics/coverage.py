"""What the labels of lens sets cover: a histogram, shares in focus and blurred, sharp deciles of depth.

Measured on depth histograms, so it costs no pixel; the labels are those of the published table, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from focusgen.optics.balance import (
    BLURRED_FROM,
    IN_FOCUS_PX,
    LABEL_BINS,
    MEAN_LABEL,
    MIN_SHARE_BLURRED,
    MIN_SHARE_IN_FOCUS,
    SHARP_LABEL,
    SHARP_PX,
    Bools,
    entropy,
)
from focusgen.optics.coc import Lens, coc_diameter_m, focus_table
from focusgen.optics.surfaces import N_DECILES, ROUNDING, Floats, Surfaces


@dataclass(frozen=True)
class SeenSet:
    """One lens set, at the frames where it is looked at: several where focus moves.

    Attributes:
        lenses: at those frames.
        max_coc_m: CoC where its label is 0.
        coc_limit_m: where picture and label end earlier, else None.
    """

    lenses: tuple[Lens, ...]
    max_coc_m: float
    coc_limit_m: float | None = None


@dataclass(frozen=True)
class LabelCoverage:
    """What the labels of some scenes cover.

    Attributes:
        counts: (10,) pixels per tenth of the label's range, over all sets.
        means: per set, the mean label.
        in_focus: per set, the share of pixels within half a pixel of focus (diameter of the disc).
        blurred: per set, the share of pixels blurred by more than a quarter of max_coc.
        deciles: per scene, how many deciles of its depth some set shows sharp, and how many there are.
    """

    counts: Floats = field(default_factory=lambda: np.zeros(LABEL_BINS))
    means: tuple[float, ...] = ()
    in_focus: tuple[float, ...] = ()
    blurred: tuple[float, ...] = ()
    deciles: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, parts: Sequence[LabelCoverage]) -> LabelCoverage:
        """Return the coverage of all parts together."""
        return cls(
            sum((part.counts for part in parts), np.zeros(LABEL_BINS)),
            tuple(mean for part in parts for mean in part.means),
            tuple(share for part in parts for share in part.in_focus),
            tuple(share for part in parts for share in part.blurred),
            tuple(pair for part in parts for pair in part.deciles),
        )

    @property
    def entropy(self) -> float:
        """Normalised: 1 where all tenths are equally frequent, 0 where one holds everything."""
        return float(entropy(self.counts))

    def share_above(self, label: float) -> float:
        """Return the share of labels above one of the bins' edges."""
        return float(self.counts[round(label * LABEL_BINS) :].sum() / self.counts.sum())

    def share_below(self, label: float) -> float:
        """Return the share of labels below one of the bins' edges."""
        return float(self.counts[: round(label * LABEL_BINS)].sum() / self.counts.sum())

    @property
    def sets_out_of_focus(self) -> int:
        """Sets with less than 5 % of their pixels in focus."""
        return sum(share < MIN_SHARE_IN_FOCUS - ROUNDING for share in self.in_focus)

    @property
    def sets_hardly_blurred(self) -> int:
        """Sets with less than 20 % of their pixels blurred."""
        return sum(share < MIN_SHARE_BLURRED - ROUNDING for share in self.blurred)

    @property
    def sets_with_extreme_mean(self) -> int:
        """Sets whose mean label lies outside .2 to .8."""
        return sum(not MEAN_LABEL[0] <= mean <= MEAN_LABEL[1] for mean in self.means)

    @property
    def scenes_with_all_deciles(self) -> int:
        """Scenes of which each decile of depth is sharp in some set."""
        return sum(shown == there for shown, there in self.deciles)

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON data, rounded."""
        return {
            "histogram": [round(float(share), 5) for share in self.counts / self.counts.sum()],
            "entropy": round(self.entropy, 4),
            "share_above_0.8": round(self.share_above(0.8), 4),
            "share_below_0.2": round(self.share_below(0.2), 4),
            "sets": len(self.means),
            "share_in_focus": _spread(self.in_focus),
            "share_blurred": _spread(self.blurred),
            "mean_label": _spread(self.means),
            "sets_below_5_percent_in_focus": self.sets_out_of_focus,
            "sets_below_20_percent_blurred": self.sets_hardly_blurred,
            "sets_with_mean_label_outside_0.2_to_0.8": self.sets_with_extreme_mean,
            "scenes": len(self.deciles),
            "scenes_with_all_deciles": self.scenes_with_all_deciles,
            "deciles_covered": _spread([shown / there for shown, there in self.deciles if there]),
        }


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return dict.fromkeys(("min", "median", "max"))
    return {
        "min": round(float(min(values)), 4),
        "median": round(float(np.median(values)), 4),
        "max": round(float(max(values)), 4),
    }


@dataclass(frozen=True)
class _View:
    """One lens set at one frame."""

    counts: Floats
    mean: float
    in_focus: float
    blurred: float
    deciles: Bools


def scene_coverage(surfaces: Surfaces, sets: Sequence[SeenSet], pixel_m: float) -> LabelCoverage:
    """Return what the lens sets of one scene cover.

    Args:
        surfaces: depth of the scene.
        pixel_m: width on the sensor that one pixel shows.
    """
    parts, shown = list[LabelCoverage](), np.zeros(N_DECILES, bool)
    for seen in sets:
        views = [_view(surfaces, lens, seen, pixel_m) for lens in seen.lenses]
        shown |= np.logical_or.reduce([view.deciles for view in views])
        parts.append(
            LabelCoverage(
                np.sum([view.counts for view in views], 0) / len(views),
                (float(np.mean([view.mean for view in views])),),
                (float(np.mean([view.in_focus for view in views])),),
                (float(np.mean([view.blurred for view in views])),),
            )
        )
    there = list(surfaces.all_deciles)
    return LabelCoverage.of([*parts, LabelCoverage(deciles=((int(shown[there].sum()), len(there)),))])


def _view(surfaces: Surfaces, lens: Lens, seen: SeenSet, pixel_m: float) -> _View:
    table = focus_table(lens, seen.max_coc_m, seen.coc_limit_m)
    label = table[surfaces.depth_m.astype(np.float16).view(np.uint16)].astype(np.float64)
    pixels = np.rint(surfaces.share * surfaces.n_pixels)
    counts, _ = np.histogram(label, LABEL_BINS, (0, 1), weights=pixels)
    coc_m = coc_diameter_m(surfaces.depth_m, lens)
    is_sharp = (coc_m <= SHARP_PX * pixel_m) | (label > SHARP_LABEL)
    return _View(
        counts,
        float(label @ surfaces.share),
        float(surfaces.share[coc_m <= IN_FOCUS_PX * pixel_m].sum()),
        float(surfaces.share[coc_m > BLURRED_FROM * seen.max_coc_m].sum()),
        surfaces.deciles_of(is_sharp),
    )
