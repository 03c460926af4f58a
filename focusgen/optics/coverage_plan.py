"""Which deciles of depth the first four sets of a scene can show sharp between them, at best.

Three deciles that lie apart may need three sets, three neighbours one. So a set is judged by what the sets
after it can still add: a plan knows, for each third of the pixels, the most that one faultless set shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from focusgen.base.seeds import derive_seed
from focusgen.optics.balance import BLUR_RANGE, NO_RANGE_PER_M, Balance, judge
from focusgen.optics.surfaces import Surfaces

COVERING_SETS = 4  # so many sets show every decile of depth sharp, where the scene allows it


@dataclass(frozen=True)
class Search:
    """How closely faultless sets are looked for.

    Attributes:
        n_ranks: surfaces that are tried, over all pixels.
        targets: parts of the way between the two ends of the target blur.
        tries_ends: also the widest and the narrowest lens, where a target is out of their reach.
        keeps_margin: a mean label keeps away from its limits, for a max_coc that is not the expected one.
    """

    n_ranks: int
    targets: tuple[float, ...]
    tries_ends: bool = False
    keeps_margin: bool = True

    def max_coc_m(self, balance: Balance) -> float | None:
        """Return the max_coc to judge by; None judges by the expected one and keeps a margin."""
        return None if self.keeps_margin else balance.expected_max_coc_m


USUAL = Search(48, (0.0, 0.04, 0.12, 0.25, 0.45, 0.7))  # what a draw soon comes near
CLOSER = Search(288, tuple(step / 16 for step in range(17)), tries_ends=True)
TO_THE_LIMIT = replace(CLOSER, keeps_margin=False)

Planned = dict[int, tuple[float, float]]
"""Deciles as bits -> (focus distance in metres, CoC per diopter) of a set that shows them."""


def stratum_of(index: int, n_strata: int, seed: int, name: str) -> int:
    """Return which of n strata a set takes: the first n take each once, and so do the next n."""
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, name, index // n_strata)))
    return int(np.argsort(rng.random(n_strata), kind="stable")[index % n_strata])


class CoveragePlan:
    """What the sets of one scene can still show.

    Args:
        surfaces: depth of the scene.
        balance: what the law may choose from.
        search: how closely faultless sets are looked for.
    """

    def __init__(self, surfaces: Surfaces, balance: Balance, search: Search = USUAL) -> None:
        self.search = search
        self._of_third = tuple(_best_sets(surfaces, balance, third, search) for third in range(3))
        everywhere = {bits: lens for planned in self._of_third for bits, lens in planned.items()}
        self._anywhere = _undominated(everywhere)
        self.most = lru_cache(maxsize=None)(self._most)

    def _most(self, shown: int, index: int) -> int:
        """Return how many deciles four sets show at best, of which those before set `index` show these."""
        if index >= COVERING_SETS:
            return shown.bit_count()
        later = (self.most(shown | bits, index + 1) for bits in self._anywhere)
        return max(later, default=self.most(shown, index + 1))

    def third(self, shown: int, index: int, seed: int) -> int | None:
        """Return where a set focuses: 0 near, 1 middle, 2 far; None where its turn would cost a decile."""
        if index >= len(self._of_third):
            return None
        turn = stratum_of(index, len(self._of_third), seed, "thirds")
        here = (self.most(shown | bits, index + 1) for bits in self._of_third[turn])
        return turn if max(here, default=0) >= self.most(shown, index) else None

    def sets(self, third: int | None) -> Planned:
        """Return faultless sets that focus in a third of the pixels, or anywhere."""
        return self._anywhere if third is None else self._of_third[third]


def _best_sets(surfaces: Surfaces, balance: Balance, third: int, search: Search) -> Planned:
    """Return faultless sets that focus in a third of the pixels; none shows less than another."""
    ranks = (third + (np.arange(search.n_ranks // 3) + 0.5) * 3 / search.n_ranks) / 3.0
    distances_m = np.unique(surfaces.depths_at(ranks))
    low_m, high_m = balance.target_blur_m
    targets_m = low_m + (high_m - low_m) * np.array(search.targets)
    ranges_per_m = np.maximum(surfaces.blur_range_per_m(distances_m, BLUR_RANGE), NO_RANGE_PER_M)
    s, wanted = np.repeat(distances_m, targets_m.size), (targets_m / ranges_per_m[:, None]).ravel()
    scale = np.clip(wanted, *balance.scale_range_m2(s))
    fits = (scale == wanted) | search.tries_ends
    judged = judge(surfaces, balance, s[fits], scale[fits], search.max_coc_m(balance))
    whole = np.flatnonzero(~judged.lacks.any(1))
    return _undominated(
        {
            int(judged.deciles[i]): (float(judged.focus_distance_m[i]), float(judged.coc_per_diopter_m2[i]))
            for i in whole[::-1]
        }
    )


def _undominated(planned: Planned) -> Planned:
    return {
        bits: lens
        for bits, lens in planned.items()
        if not any(bits != other and bits & other == bits for other in planned)
    }
