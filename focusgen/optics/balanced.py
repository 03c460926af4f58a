"""The balanced law: lenses that show each scene near, middle and far in focus, blurred by what was asked for.

    S     a surface of the scene: a quantile of its depth histogram. The first three sets of a scene take the
          near, middle and far third of its pixels in an order of the scene's own, unless that costs a decile;
          the fourth and later ones look where nothing was sharp yet
    blur  the CoC that 90 % of the pixels stay below: even between the two ends of the target, sets 0 to 3
          in its four quarters, and so 4 to 7
    N, f  f^2 / N gives that blur at that S; f even between what the ranges allow, N follows

A target is drawn anew, and counted, until one of its surfaces gives a set without fault (`balance`) that does
not cost the scene a decile of depth which its first four sets can show (`coverage_plan`). Of several such
surfaces it is the one that spreads the labels of the scene's sets most evenly. Where no draw does, the
planned set or the best one is taken, and what it lacks is said. Set k looks at the sets before it only, so
that the first k are the same for any n.

Where the first four sets miss a decile, all sets of the scene are drawn again by a plan that looks closer
(`CLOSER`), or one that also lets mean labels go to the very limit at the expected max_coc (`TO_THE_LIMIT`),
if that shows more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from focusgen.base.seeds import derive_seed
from focusgen.optics.balance import (
    BLUR_RANGE,
    LABEL_BINS,
    LACKS,
    NO_RANGE_PER_M,
    Balance,
    Judged,
    entropy,
    judge,
)
from focusgen.optics.coc import Lens
from focusgen.optics.coverage_plan import (
    CLOSER,
    COVERING_SETS,
    TO_THE_LIMIT,
    USUAL,
    CoveragePlan,
    Search,
    stratum_of,
)
from focusgen.optics.lenses import LensDraw
from focusgen.optics.surfaces import Floats, Surfaces, rank_in_decile

TARGETS_TRIED, SURFACES_TRIED = 24, 16
TARGETS_IN_TURN, STRATA = 8, 4  # four sets take the four quarters of the targets; where one fails, any
RANKS_OF_REACH = 64
ENTROPY_DIGITS = 6  # equal ones must stay equal on another processor


@dataclass(frozen=True)
class _Shown:
    """What the sets of a scene show so far: deciles of depth, as bits, and labels, as a histogram."""

    deciles: int
    labels: Floats

    def with_set(self, found: _Found) -> _Shown:
        """Return what is shown with one set more."""
        judged, place = found.judged, found.place
        return _Shown(self.deciles | int(judged.deciles[place]), self.labels + judged.labels[place])


@dataclass(frozen=True, order=True)
class _Merit:
    """How good a set is; the first that differs decides."""

    minus_lacks: int
    most_deciles: int
    entropy: float


@dataclass(frozen=True)
class _Found:
    """One of the lenses that were judged, and where its focal length lies among those that give its blur."""

    merit: _Merit
    judged: Judged
    place: int
    part: float

    def lens(self, balance: Balance) -> Lens:
        """Return the lens."""
        s, scale = self.judged.focus_distance_m[self.place], self.judged.coc_per_diopter_m2[self.place]
        return balance.lens(float(s), float(scale), self.part)


@dataclass(frozen=True)
class _Drawn:
    """A set, and how many targets failed before it."""

    found: _Found
    n_rejected: int


def _n_deciles(sets: Sequence[_Drawn]) -> int:
    """Return how many deciles the sets that have to show all of them show."""
    shown = (int(drawn.found.judged.deciles[drawn.found.place]) for drawn in sets[:COVERING_SETS])
    return reduce(int.__or__, shown, 0).bit_count()


def _merit_of(found: _Found) -> _Merit:
    return found.merit


class BalancedLaw:
    """The balanced law of one scene; see the top of this file.

    Raises:
        SceneError: the scene is nearer than twice the shortest focal length.
    """

    def __init__(self, surfaces: Surfaces, balance: Balance) -> None:
        self._surfaces = surfaces.beyond(balance.nearest_focus_m)
        self._balance = balance
        self._plans: dict[Search, CoveragePlan] = {}

    def draw(self, n: int, seed: int, max_coc_m: float | None = None) -> LensDraw:
        """Return n lenses; the same arguments give the same lenses anywhere.

        Args:
            n: how many; the first k do not change when n grows.
            seed: from `seeds.scene_seed(run_seed, scene_id, "lenses")`.
            max_coc_m: the data set's, by which it is said what the sets lack; no lens depends on it.
        """
        sets = self._drawn(max(n, COVERING_SETS), seed)[:n]
        lenses = [drawn.found.lens(self._balance) for drawn in sets]
        n_redrawn = sum(drawn.n_rejected for drawn in sets)
        return LensDraw(tuple(lenses), n_redrawn, tuple(self.lacking(lenses, max_coc_m)))

    def lacking(self, lenses: Sequence[Lens], max_coc_m: float | None = None) -> list[str]:
        """Return what lens sets lack that the law promises, one line each.

        Args:
            lenses: in order.
            max_coc_m: the data set's; None before it is calibrated.
        """
        if not lenses:
            return []
        s = np.array([lens.focus_distance_m for lens in lenses])
        scale = np.array([lens.coc_per_diopter_m2 for lens in lenses])
        judged = judge(self._surfaces, self._balance, s, scale, max_coc_m)
        lines = [
            f"set_{index:02d}: {text}"
            for index, lacks in enumerate(judged.lacks)
            for text, is_lacking in zip(LACKS, lacks, strict=True)
            if is_lacking
        ]
        missing = self._missing(int(np.bitwise_or.reduce(judged.deciles)))
        if missing and len(lenses) >= COVERING_SETS:
            lines.append(f"depth deciles sharp in no set: {', '.join(map(str, missing))}")
        return lines

    def reach_m(self) -> tuple[float, float]:
        """Return the least and the largest blur that lenses of the ranges give somewhere in the scene."""
        s = self._surfaces.depths_at(np.linspace(0.0, 1.0, RANKS_OF_REACH))
        ranges_per_m = self._surfaces.blur_range_per_m(s, BLUR_RANGE)
        least, largest = self._balance.scale_range_m2(s)
        return float((least * ranges_per_m).min()), float((largest * ranges_per_m).max())

    def _missing(self, shown: int) -> list[int]:
        return [decile for decile in self._surfaces.all_deciles if not shown >> decile & 1]

    def _drawn(self, n: int, seed: int) -> list[_Drawn]:
        """Return n sets, at least four: by those it is decided how closely the scene has to be searched."""
        sets = self._drawn_by(self._plan_by(USUAL), n, seed)
        if _n_deciles(sets) == len(self._surfaces.all_deciles):
            return sets
        plan = max(map(self._plan_by, (CLOSER, TO_THE_LIMIT)), key=lambda plan: plan.most(0, 0))
        if plan.most(0, 0) <= _n_deciles(sets):
            return sets
        return max(sets, self._drawn_by(plan, n, seed), key=_n_deciles)

    def _plan_by(self, search: Search) -> CoveragePlan:
        if search not in self._plans:
            self._plans[search] = CoveragePlan(self._surfaces, self._balance, search)
        return self._plans[search]

    def _drawn_by(self, plan: CoveragePlan, n: int, seed: int) -> list[_Drawn]:
        shown, sets = _Shown(0, np.zeros(LABEL_BINS)), list[_Drawn]()
        for index in range(n):
            sets.append(self._draw_set(plan, index, shown, seed))
            shown = shown.with_set(sets[-1].found)
        return sets

    def _draw_set(self, plan: CoveragePlan, index: int, shown: _Shown, seed: int) -> _Drawn:
        """Return the best lens of the first target that has a faultless one."""
        rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "balanced", index)))
        third = plan.third(shown.deciles, index, seed)
        enough = _Merit(0, plan.most(shown.deciles, index), 0.0)
        best: _Found | None = None
        for n_rejected in range(TARGETS_TRIED):
            part = float(rng.random())
            if n_rejected < TARGETS_IN_TURN:
                part = (stratum_of(index, STRATA, seed, "targets") + part) / STRATA
            judged = self._candidates(third, part, shown, rng)
            best = max(filter(None, (best, self._best_of(plan, judged, index, shown, rng))), key=_merit_of)
            if best.merit >= enough:
                return _Drawn(best, n_rejected)
        planned = np.array(list(plan.sets(third).values())).reshape(-1, 2)
        max_coc_m = plan.search.max_coc_m(self._balance)
        judged = judge(self._surfaces, self._balance, planned[:, 0], planned[:, 1], max_coc_m)
        found = filter(None, (best, self._best_of(plan, judged, index, shown, rng)))
        return _Drawn(max(found, key=_merit_of), TARGETS_TRIED)

    def _best_of(
        self, plan: CoveragePlan, judged: Judged, index: int, shown: _Shown, rng: np.random.Generator
    ) -> _Found | None:
        """Return the first of the best among judged lenses, None if there is none."""
        part, evenness = float(rng.random()), entropy(shown.labels + judged.labels)
        most_after = [plan.most(shown.deciles | bits, index + 1) for bits in judged.deciles.tolist()]
        found = (
            _Found(_Merit(-int(lacks.sum()), most, round(float(even), ENTROPY_DIGITS)), judged, place, part)
            for place, (lacks, even, most) in enumerate(zip(judged.lacks, evenness, most_after, strict=True))
        )
        return max(found, key=_merit_of, default=None)

    def _candidates(self, third: int | None, part: float, shown: _Shown, rng: np.random.Generator) -> Judged:
        """Return lenses at some surfaces that give one target blur, or come as near as the ranges let."""
        low_m, high_m = self._balance.target_blur_m
        target_m = low_m + (high_m - low_m) * part
        s = self._surfaces.depths_at(self._ranks(third, shown, rng))
        wanted = target_m / np.maximum(self._surfaces.blur_range_per_m(s, BLUR_RANGE), NO_RANGE_PER_M)
        scale = np.clip(wanted, *self._balance.scale_range_m2(s))
        judged = judge(self._surfaces, self._balance, s, scale)
        judged.lacks[:, 0] |= scale != wanted
        return judged

    def _ranks(self, third: int | None, shown: _Shown, rng: np.random.Generator) -> Floats:
        """Return ranks of surfaces to focus at: in a third, or where nothing was sharp yet."""
        places, chosen = rng.random(SURFACES_TRIED), rng.random(SURFACES_TRIED)
        missing = np.array(self._missing(shown.deciles), np.int64)
        if third is not None:
            return np.asarray((third + places) / 3.0)
        if not missing.size:
            return places
        return rank_in_decile(missing[(chosen * missing.size).astype(np.int64)], places)
