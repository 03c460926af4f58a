"""The depth histogram of a scene as a law of lenses needs it: near first, and what is a surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from focusgen.optics.coc import Lens
from focusgen.optics.stats import FIRST_DEPTH, LAST_DEPTH, Counts

SKY_FROM_M = 50.0
"""A farthest value at least so far that many pixels share is a stand-in for sky, not a surface. A choice."""
MIN_SHARE_OF_SKY = 0.005
N_DECILES = 10
MIDDLE = (0.05, 0.95)  # the pixels whose deciles are counted: the ends are stray pixels

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Surfaces:
    """All pixels of a scene by depth, nearest first.

    Attributes:
        depth_m: (K,) the depths that occur, rising.
        share: (K,) share of all pixels at each; sums to 1.
        focusable: (K,) the same without sky and filled holes, which no lens should be focused at.
    """

    depth_m: Floats
    share: Floats
    focusable: Floats

    @classmethod
    def of(cls, counts: Counts, *, n_filled: int = 0) -> Surfaces:
        """Return the surfaces of a scene.

        Args:
            counts: (65536,) pixels per float16 bit pattern of the saved depth.
            n_filled: pixels that were holes; they lie at the scene's median.

        Raises:
            ValueError: nothing was counted.
        """
        patterns = np.flatnonzero(counts[FIRST_DEPTH : LAST_DEPTH + 1]) + FIRST_DEPTH
        if not patterns.size:
            raise ValueError("no depth was counted")
        depth_m = patterns.astype(np.uint16).view(np.float16).astype(np.float64)
        pixels = counts[patterns].astype(np.float64)
        total, focusable = pixels.sum(), pixels.copy()
        middle = int(np.searchsorted(np.cumsum(pixels), total / 2))
        focusable[middle] = max(focusable[middle] - n_filled, 0.0)
        if depth_m[-1] >= SKY_FROM_M and pixels[-1] >= MIN_SHARE_OF_SKY * total and depth_m.size > 1:
            focusable[-1] = 0.0
        if not focusable.any():
            focusable = pixels
        return cls(depth_m, pixels / total, focusable / total)

    @cached_property
    def inverse_depth_per_m(self) -> Floats:
        """1 / depth, falling."""
        return np.asarray(1.0 / self.depth_m)

    @cached_property
    def _rank(self) -> Floats:
        """Share of the focusable pixels that are nearer than the middle of each depth's own."""
        return np.asarray((np.cumsum(self.focusable) - self.focusable / 2) / self.focusable.sum())

    @cached_property
    def decile(self) -> npt.NDArray[np.int64]:
        """Decile of each depth among the middle 90 % of the focusable pixels; -1 outside."""
        position = (self._rank - MIDDLE[0]) / (MIDDLE[1] - MIDDLE[0])
        inside = (position >= 0) & (position < 1) & (self.focusable > 0)
        return np.where(inside, np.floor(np.clip(position, 0, 1) * N_DECILES), -1).astype(np.int64)

    def depth_at(self, rank: float) -> float:
        """Return the depth of a surface, metres: the share `rank` of the focusable pixels is nearer."""
        cumulated = np.cumsum(self.focusable)
        place = int(np.searchsorted(cumulated, rank * cumulated[-1], side="right"))
        last = int(np.flatnonzero(self.focusable)[-1])
        return float(self.depth_m[min(place, last)])

    def coc_m(self, lens: Lens) -> Floats:
        """Return the CoC at each depth, metres on the sensor."""
        inverse_focus_per_m = 1.0 / lens.focus_distance_m
        return np.asarray(lens.coc_per_diopter_m2 * np.abs(self.inverse_depth_per_m - inverse_focus_per_m))

    def share_where(self, chosen: npt.NDArray[np.bool_]) -> float:
        """Return the share of all pixels at some of the depths."""
        return float(self.share[chosen].sum())

    def blur_range_per_m(self, focus_distance_m: float, share: float) -> float:
        """Return the defocus in diopters that a share of all pixels stays at or below."""
        away = np.abs(self.inverse_depth_per_m - 1.0 / focus_distance_m)
        order = np.argsort(away, kind="stable")
        place = int(np.searchsorted(np.cumsum(self.share[order]), share))
        return float(away[order][min(place, away.size - 1)])

    def rank_in_decile(self, decile: int, part: float) -> float:
        """Return a rank inside one of the deciles of the middle 90 %."""
        return MIDDLE[0] + (MIDDLE[1] - MIDDLE[0]) * (decile + part) / N_DECILES

    def sharp_deciles(self, is_sharp: npt.NDArray[np.bool_]) -> frozenset[int]:
        """Return the deciles of which over half of the pixels are sharp."""
        inside = self.decile >= 0
        size = np.bincount(self.decile[inside], self.focusable[inside], N_DECILES)
        sharp = np.bincount(self.decile[inside], (self.focusable * is_sharp)[inside], N_DECILES)
        return frozenset(np.flatnonzero((size > 0) & (sharp > size / 2)).tolist())

    @cached_property
    def all_deciles(self) -> frozenset[int]:
        """The deciles that hold pixels; fewer than ten where one depth holds many."""
        return frozenset(self.decile[self.decile >= 0].tolist())
