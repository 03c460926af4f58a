"""What the balanced law may choose from, and what a lens set has to show of a scene's depth histogram.

A lens is two numbers here: the distance S that it is focused at, and its CoC per diopter of defocus,
f^2 / N (formula "exact": times S / (S - f)). Many are judged at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from focusgen.optics.coc import Formula, Lens
from focusgen.optics.lenses import MIN_FOCUS_OVER_FOCAL_LENGTH
from focusgen.optics.surfaces import N_DECILES, ROUNDING, Floats, Surfaces

Bools = npt.NDArray[np.bool_]
Bits = npt.NDArray[np.int64]

IN_FOCUS_PX = 0.5  # diameter of the blur disc: the stricter of two readings of "half a pixel"
SHARP_PX = 1.0  # diameter of a disc that stays inside its pixel; four sets show no ten deciles by less
SHARP_LABEL = 0.97
MIN_SHARE_IN_FOCUS, MIN_SHARE_BLURRED = 0.05, 0.20
BLURRED_FROM = 0.25  # of max_coc
MEAN_LABEL = (0.2, 0.8)
MEAN_LABEL_MARGIN, MAX_COC_MARGIN = 0.05, 1.08  # for a max_coc that is not quite the expected one
BLUR_RANGE = 0.9
NO_RANGE_PER_M = 1e-12
EXPECTED_MAX_COC = 0.92  # of the largest target: p95 of 18 scenes was .89 to .95 over ten seeds
LABEL_BINS = 10

LACKS = (
    "no lens of the ranges reaches the target blur",
    f"less than {100 * MIN_SHARE_IN_FOCUS:g} % of the pixels within half a pixel of focus",
    f"less than {100 * MIN_SHARE_BLURRED:g} % of the pixels blurred by a quarter of max_coc",
    "mean label outside {} to {}".format(*MEAN_LABEL),
)


@dataclass(frozen=True)
class Balance:
    """What the law may choose from, all lengths on the sensor.

    Attributes:
        focal_length_mm: between.
        f_number: between.
        target_blur_m: CoC that the blur of a set reaches, between.
        pixel_m: width that one pixel of the frame shows.
        formula: handed on to each `Lens`.
    """

    focal_length_mm: tuple[float, float]
    f_number: tuple[float, float]
    target_blur_m: tuple[float, float]
    pixel_m: float
    formula: Formula = "paper"

    @property
    def expected_max_coc_m(self) -> float:
        """The max_coc that sets are judged by: the calibrated one hangs on all scenes, a draw on its own."""
        return EXPECTED_MAX_COC * self.target_blur_m[1]

    @property
    def nearest_focus_m(self) -> float:
        """The nearest distance that the shortest lens is focused at."""
        return MIN_FOCUS_OVER_FOCAL_LENGTH * self.focal_length_mm[0] / 1000.0

    def scale_range_m2(self, focus_distance_m: Floats) -> tuple[Floats, Floats]:
        """Return the least and the largest CoC per diopter of the lenses that can be focused there."""
        low_m, high_m = self._focal_lengths_m(focus_distance_m)
        least = self._scale_m2(low_m, focus_distance_m) / self.f_number[1]
        return least, self._scale_m2(high_m, focus_distance_m) / self.f_number[0]

    def lens(self, focus_distance_m: float, coc_per_diopter_m2: float, part: float) -> Lens:
        """Return a lens of that blur; part in 0..1 chooses among the focal lengths that give it."""
        s, (n_min, n_max) = focus_distance_m, self.f_number
        shortest_m, longest_m = (float(f[0]) for f in self._focal_lengths_m(np.array([s])))
        low_m = max(shortest_m, self._focal_length_m(coc_per_diopter_m2 * n_min, s))
        high_m = min(longest_m, self._focal_length_m(coc_per_diopter_m2 * n_max, s))
        f = min(max(low_m + part * (high_m - low_m), shortest_m), longest_m)
        n = Lens(f, 1.0, s, self.formula).coc_per_diopter_m2 / coc_per_diopter_m2
        return Lens(f, min(max(n, n_min), n_max), s, self.formula)

    def _focal_lengths_m(self, focus_distance_m: Floats) -> tuple[Floats, Floats]:
        shortest_m, longest_m = (f / 1000.0 for f in self.focal_length_mm)
        longest = np.minimum(longest_m, focus_distance_m / MIN_FOCUS_OVER_FOCAL_LENGTH)
        return np.full_like(longest, shortest_m), longest

    def _scale_m2(self, focal_length_m: Floats, focus_distance_m: Floats) -> Floats:
        """Return the CoC per diopter at f/1."""
        if self.formula == "exact":
            return focal_length_m**2 * focus_distance_m / (focus_distance_m - focal_length_m)
        return focal_length_m**2

    def _focal_length_m(self, scale_m2: float, focus_distance_m: float) -> float:
        """Return the inverse of `_scale_m2`."""
        if self.formula == "exact":
            half = scale_m2 / focus_distance_m / 2.0
            return math.sqrt(half * half + scale_m2) - half
        return math.sqrt(scale_m2)


@dataclass(frozen=True)
class Judged:
    """M lenses and what each of them shows of a scene.

    Attributes:
        focus_distance_m: (M,)
        coc_per_diopter_m2: (M,)
        lacks: (M, 4) which of `LACKS`.
        deciles: (M,) bit i: over half of the pixels of decile i are sharp.
        labels: (M, 10) histogram of the labels, shares of all pixels.
    """

    focus_distance_m: Floats
    coc_per_diopter_m2: Floats
    lacks: Bools
    deciles: Bits
    labels: Floats


def judge(
    surfaces: Surfaces,
    balance: Balance,
    focus_distance_m: Floats,
    coc_per_diopter_m2: Floats,
    max_coc_m: float | None = None,
) -> Judged:
    """Return what lenses show of a scene; by the expected max_coc where there is no calibrated one yet."""
    max_coc = balance.expected_max_coc_m if max_coc_m is None else max_coc_m
    margin, factor = (MEAN_LABEL_MARGIN, MAX_COC_MARGIN) if max_coc_m is None else (0.0, 1.0)
    away_per_m = np.abs(surfaces.inverse_depth_per_m - 1.0 / focus_distance_m[:, None])
    label = 1.0 - np.minimum(coc_per_diopter_m2[:, None] * away_per_m / max_coc, 1.0)
    mean = label @ surfaces.share
    blur_m = coc_per_diopter_m2 * surfaces.blur_range_per_m(focus_distance_m, BLUR_RANGE)
    low_m, high_m = balance.target_blur_m

    def share_within(coc_m: float) -> Floats:
        return surfaces.share_of(surfaces.near(focus_distance_m, coc_m / coc_per_diopter_m2))

    lacks = (
        (blur_m < low_m * (1.0 - ROUNDING)) | (blur_m > high_m * (1.0 + ROUNDING)),
        share_within(IN_FOCUS_PX * balance.pixel_m) < MIN_SHARE_IN_FOCUS - ROUNDING,
        1.0 - share_within(factor * BLURRED_FROM * max_coc) < MIN_SHARE_BLURRED - ROUNDING,
        (mean < MEAN_LABEL[0] + margin) | (mean > MEAN_LABEL[1] - margin),
    )
    sharp_m = max(SHARP_PX * balance.pixel_m, (1.0 - SHARP_LABEL) * max_coc)
    is_sharp = surfaces.deciles_in(surfaces.near(focus_distance_m, sharp_m / coc_per_diopter_m2))
    return Judged(
        focus_distance_m,
        coc_per_diopter_m2,
        np.stack(lacks, 1),
        is_sharp @ (1 << np.arange(N_DECILES)),
        _labels(label, surfaces),
    )


def _labels(label: Floats, surfaces: Surfaces) -> Floats:
    """Return (M, 10) histograms of labels (M, K)."""
    tenth = np.minimum((label * LABEL_BINS).astype(np.int64), LABEL_BINS - 1)
    row = np.arange(len(label))[:, None] * LABEL_BINS
    weights = np.broadcast_to(surfaces.share, label.shape)
    total = np.bincount((row + tenth).ravel(), weights.ravel(), len(label) * LABEL_BINS)
    return total.astype(np.float64).reshape(-1, LABEL_BINS)


def entropy(histogram: Floats) -> Floats:
    """Return the entropy of histograms (..., B), normalised: 1 where all bins are equally full."""
    share = histogram / histogram.sum(-1, keepdims=True)
    return np.asarray(-(share * np.log(np.maximum(share, 1e-300))).sum(-1) / math.log(histogram.shape[-1]))
