"""The depth histogram of a scene as a law of lenses needs it: near first, and what is a surface."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import LensError
from focusgen.optics.stats import FIRST_DEPTH, LAST_DEPTH, Counts

SKY_FROM_M = 50.0
"""A farthest value at least so far that many pixels share is a stand-in for sky, not a surface. A choice."""
MIN_SHARE_OF_SKY = 0.005
CUT_FROM_M, CUT_FROM, CUT_LEVELS, CUT_PEAK = 5.0, 0.9, 20, 20.0
"""Of depth that is cut off: least distance; from which part of it so many numbers occur; pixels to theirs."""
N_DECILES = 10
ROUNDING = 1e-9  # sums differ in their last digits between processors; what is decided by them must not
MIDDLE = (0.05, 0.95)  # the pixels whose deciles are counted: the ends are stray pixels

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


def counted_depths(counts: Counts) -> tuple[Floats, Floats]:
    """Return the depths that occur, metres, rising, and the pixels of each."""
    patterns = np.flatnonzero(counts[FIRST_DEPTH : LAST_DEPTH + 1]) + FIRST_DEPTH
    return patterns.astype(np.uint16).view(np.float16).astype(np.float64), counts[patterns].astype(np.float64)


def farthest_stands_in(depth_m: Floats, pixels: Floats) -> bool:
    """Say whether the last of rising depths is so far and so frequent that it is no surface."""
    is_frequent = pixels[-1] >= MIN_SHARE_OF_SKY * pixels.sum()
    return bool(depth_m[-1] >= SKY_FROM_M and is_frequent and depth_m.size > 1)


def is_cut_off(depth_m: Floats, pixels: Floats) -> bool:
    """Say whether depth that goes on up to a whole number of metres ends there, with many pixels.

    A wall straight across the view looks so, too, where it stands at a whole number of metres.
    """
    before = pixels[:-1][depth_m[:-1] >= CUT_FROM * depth_m[-1]]
    is_named = depth_m[-1] % 1.0 == 0 or depth_m[-1] == np.float16(65.535)  # 16 bits of millimetres
    if before.size < CUT_LEVELS or depth_m[-1] < CUT_FROM_M or not is_named:
        return False
    return bool(pixels[-1] >= max(MIN_SHARE_OF_SKY * pixels.sum(), CUT_PEAK * np.median(before)))


@dataclass(frozen=True)
class Surfaces:
    """All pixels of a scene by depth, nearest first.

    Attributes:
        depth_m: (K,) the depths that occur, rising.
        share: (K,) share of all pixels at each; sums to 1.
        focusable: (K,) the same without sky and filled holes, which no lens should be focused at.
        n_pixels: how many they are.
    """

    depth_m: Floats
    share: Floats
    focusable: Floats
    n_pixels: int

    @classmethod
    def of(cls, counts: Counts, *, put: Iterable[tuple[float, int]] = ()) -> Surfaces:
        """Return the surfaces of a scene.

        Args:
            counts: (65536,) pixels per float16 bit pattern of the saved depth.
            put: (metres, pixels) of what was put at a depth that is not its own: filled holes, sky.

        Raises:
            ValueError: nothing was counted.
        """
        depth_m, pixels = counted_depths(counts)
        if not pixels.size:
            raise ValueError("no depth was counted")
        total, focusable = pixels.sum(), pixels.copy()
        for put_at_m, n_put in put:
            place = int(np.abs(depth_m - put_at_m).argmin())
            focusable[place] = max(focusable[place] - n_put, 0.0)
        if farthest_stands_in(depth_m, pixels):
            focusable[-1] = 0.0
        if not focusable.any():
            focusable = pixels
        return cls(depth_m, pixels / total, focusable / total, int(total))

    def beyond(self, nearest_m: float) -> Surfaces:
        """Return the same pixels, of which nearer ones are nothing that a lens may be focused at.

        Raises:
            LensError: all are nearer.
        """
        focusable = np.where(self.depth_m >= nearest_m, self.focusable, 0.0)
        if not focusable.any():
            raise LensError(
                f"all surfaces are nearer than {nearest_m:.3g} m, twice the shortest focal length",
                "Check the unit of the depth (depth.depth_scale: units per metre), or lower "
                "lens.focal_length_mm.",
            )
        return replace(self, focusable=focusable)

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

    def depths_at(self, ranks: Floats) -> Floats:
        """Return depths of surfaces, metres: the share `rank` of the focusable pixels is nearer."""
        cumulated = np.cumsum(self.focusable)
        last = np.flatnonzero(self.focusable)[-1]
        place = np.searchsorted(cumulated, ranks * cumulated[-1], side="right")
        return np.asarray(self.depth_m[np.minimum(place, last)])

    def blur_range_per_m(self, focus_distance_m: Floats, share: float) -> Floats:
        """Return per focus distance the defocus in diopters that a share of all pixels stays at or below."""
        away = np.abs(self.inverse_depth_per_m - 1.0 / focus_distance_m[:, None])
        order = np.argsort(away, axis=-1, kind="stable")
        place = (np.cumsum(self.share[order], axis=-1) < share - ROUNDING).sum(-1)
        nearest_first = np.take_along_axis(away, order, -1)
        return np.asarray(nearest_first[np.arange(place.size), np.minimum(place, away.shape[-1] - 1)])

    def near(self, focus_distance_m: Floats, defocus_per_m: Floats) -> tuple[Places, Places]:
        """Return per focus distance the depths [start, stop) that are at most so many diopters away."""
        inverse_m = 1.0 / focus_distance_m
        rising = -self.inverse_depth_per_m
        start = np.searchsorted(rising, -(inverse_m + defocus_per_m) * (1 + ROUNDING), side="left")
        stop = np.searchsorted(rising, -(inverse_m - defocus_per_m) + ROUNDING * inverse_m, side="right")
        return start, stop

    def share_of(self, span: tuple[Places, Places]) -> Floats:
        """Return the share of all pixels in spans of depths."""
        cumulated = np.append(0.0, np.cumsum(self.share))
        return np.asarray(cumulated[span[1]] - cumulated[span[0]])

    def deciles_in(self, span: tuple[Places, Places]) -> npt.NDArray[np.bool_]:
        """Return (M, 10): the deciles of which spans hold over half of the pixels."""
        cumulated = np.vstack([np.zeros(N_DECILES), np.cumsum(self._in_decile, 0)])
        inside = cumulated[span[1]] - cumulated[span[0]]
        return np.asarray(inside > cumulated[-1] / 2 + ROUNDING)

    def deciles_of(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return (10,): the deciles of which chosen depths (K,) hold over half of the pixels."""
        return np.asarray(self._in_decile[chosen].sum(0) > self._in_decile.sum(0) / 2 + ROUNDING)

    @cached_property
    def _in_decile(self) -> Floats:
        """(K, 10) focusable share of each depth in each decile."""
        return np.asarray((self.decile[:, None] == np.arange(N_DECILES)) * self.focusable[:, None])

    @cached_property
    def all_deciles(self) -> tuple[int, ...]:
        """The deciles that hold pixels; fewer than ten where one depth holds many."""
        return tuple(np.flatnonzero(self._in_decile.any(0)).tolist())


def rank_in_decile(decile: Places, part: Floats) -> Floats:
    """Return ranks inside deciles of the middle 90 %."""
    return np.asarray(MIDDLE[0] + (MIDDLE[1] - MIDDLE[0]) * (decile + part) / N_DECILES)
