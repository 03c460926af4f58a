"""Which depth explains the differences between slices: the sharper one, blurred, must look like the others.

For each hypothesis the slice with the least blur r_s stands in for the unknown sharp picture; blurred by
sqrt(r_n^2 - r_s^2) it predicts every other slice n. No all-in-focus picture is needed, any number of slices
and any spacing will do, infinity included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.blur_bank import BlurBank
from focusgen.focal.light import grey, linear_of
from focusgen.focal.sharpness import display_grey, energies
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]

N_HYPOTHESES = 64
BEYOND_ENDS, BEYOND_FACTOR = 0.6, 3.0
"""How far hypotheses reach beyond the slices: by this part of their span, and at the far end to at most this
many times the farthest distance. What lies there is sharp in no slice; how blur grows tells where it is."""

BEYOND_TWO = 0.1, 1.5
"""The same for two slices: they are one difference of blur, and farther out they mistake what is between."""

LIMIT_SHARE = 0.1
"""A depth in this last part of the room beyond the slices stands at its limit."""

BEYOND_GROWTH = 1.25
"""Steps beyond an end begin as those within, or depth would be drawn to one side there, and grow: the more
something is blurred, the less well it is measured."""

RESIDUAL_FLOOR, RESIDUAL_CAP = 0.02, 0.5
"""Residuals are relative, because noise is about even in display space; capped, because of occlusion."""

N_NEAREST, NEAREST_SHARE = 2, 0.5
"""Half of the cost is that of the two slices with the next least blur: occlusion spoils them least."""

SHARPER_COST = 0.1
"""Cost of a hypothesis that calls a slice sharpest while another one holds e^3 times its energy."""

SHARPER_LOG = 3.0
ENERGY_WINDOW_PX = 1.5
ENERGY_FLOOR_SHARE = 0.1
"""Energies below this part of the median one say nothing about sharpness."""

GUIDED_RADIUS_PX, GUIDED_EPS = 2, 1e-3


class CostVolume(NamedTuple):
    """What each hypothesis costs each pixel.

    Attributes:
        hypotheses: (K,) diopters, rising.
        cost: (K, H, W) float32, at least 0.
        within: which hypotheses lie between the nearest and the farthest slice.
        energy: (N, H, W) focus energy of the slices.
    """

    hypotheses: Floats
    cost: Floats
    within: slice
    energy: Floats


class Residual(NamedTuple):
    """What contradicts one hypothesis, (H, W), summed over slices with their weights.

    Attributes:
        star: the slice with the least blur, which was blurred.
        nearest: of the two slices with the next least blur.
        nearest_weight: what their weights sum to.
        whole: of all slices but the sharpest.
        whole_weight: what their weights sum to.
    """

    star: int
    nearest: Floats
    nearest_weight: float
    whole: Floats
    whole_weight: float


def hypotheses_of(diopters: npt.NDArray[np.float64], n: int = N_HYPOTHESES) -> Floats:
    """Return depth hypotheses in diopters, rising: denser where slices are, and beyond both ends.

    Slices that are even in metres lie close together in diopters at the far end: steps that were even in
    diopters would be a sixth of the depth there. The share of a gap grows with its square root.
    """
    rising = np.sort(diopters)
    gaps = np.diff(rising)
    share = np.sqrt(gaps / gaps.sum())
    counts = np.maximum(2, np.rint(n * share / share.sum()).astype(int))
    spans = zip(rising[:-1], rising[1:], counts, strict=True)
    inside = np.concatenate([np.linspace(a, b, k, endpoint=False) for a, b, k in spans])
    low, high = limits_of(diopters)
    below = rising[0] - _steps(inside[1] - inside[0], rising[0] - low)
    above = rising[-1] + _steps(rising[-1] - inside[-1], high - rising[-1])
    return np.unique(np.concatenate((below, inside, rising[-1:], above)).astype(np.float32))


def limits_of(diopters: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the least and the greatest depth, in diopters, that slices at these distances can tell."""
    low, high = float(diopters.min()), float(diopters.max())
    part, factor = BEYOND_TWO if len(diopters) == 2 else (BEYOND_ENDS, BEYOND_FACTOR)
    beyond = part * (high - low)
    return max(low - beyond, low / factor), high + beyond


def stands_at_limit(diopters: Floats, focus: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Say which depths stand at the last that was looked at, and may be farther out; none at infinity.

    Args:
        diopters: (H, W) inverse depth.
        focus: inverse focus distances of the slices.
    """
    low, high = limits_of(focus)
    nearest, farthest = float(focus.max()), float(focus.min())
    is_beyond = diopters > high - LIMIT_SHARE * (high - nearest)
    if farthest > 0.0:
        is_beyond |= diopters < low + LIMIT_SHARE * (farthest - low)
    return np.asarray(is_beyond)


def _steps(first: float, reach: float) -> npt.NDArray[np.float64]:
    """Return growing distances from an end, the last one `reach`."""
    n = math.ceil(math.log1p((BEYOND_GROWTH - 1.0) * reach / first) / math.log(BEYOND_GROWTH))
    steps = first * (BEYOND_GROWTH ** np.arange(1, n + 1) - 1.0) / (BEYOND_GROWTH - 1.0)
    return np.asarray(np.minimum(steps, reach))


def gap_weights(diopters: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how much each slice counts: four that show the same are no four witnesses."""
    order = np.argsort(diopters)
    gaps = np.diff(diopters[order])
    weights = np.empty(len(diopters))
    weights[order] = np.concatenate((gaps[:1], 0.5 * (gaps[1:] + gaps[:-1]), gaps[-1:]))
    return np.asarray(weights / weights.mean())


def cost_volume(stack: FocalStack) -> CostVolume:
    """Return the cost of all hypotheses for a stack of a known lens."""
    assert stack.radius_px_m is not None, "the caller has a lens"
    hypotheses = hypotheses_of(stack.diopters)
    radius_px = stack.radius_px_m * np.abs(hypotheses[:, None].astype(np.float64) - stack.diopters)
    energy = energies(display_grey(stack), ENERGY_WINDOW_PX)
    energy += np.float32(ENERGY_FLOOR_SHARE * float(np.median(energy.max(0))))
    sharper = np.minimum(np.log(energy.max(0) / energy), SHARPER_LOG) * (SHARPER_COST / SHARPER_LOG)
    guide = np.take_along_axis(display_grey(stack), energy.argmax(0)[None], 0)[0]
    aggregate = GuidedFilter(guide, GUIDED_RADIUS_PX, GUIDED_EPS)
    cost = np.empty((len(hypotheses), *guide.shape), np.float32)
    for k, residual in enumerate(residuals(stack, radius_px)):
        np.maximum(aggregate(_raw_cost(residual)), 0.0, out=cost[k])
        cost[k] += sharper[residual.star]
    ends = np.array([stack.diopters.min(), stack.diopters.max()], np.float32)
    first, last = np.searchsorted(hypotheses, ends).tolist()
    return CostVolume(hypotheses, cost, slice(first, last + 1), energy)


def residuals(stack: FocalStack, radius_px: npt.NDArray[np.float64]) -> Iterator[Residual]:
    """Yield, for each hypothesis, how badly the sharpest slice, blurred, predicts the others.

    Args:
        stack: N slices.
        radius_px: (K, N) blur of each slice at each hypothesis; hypotheses rise.
    """
    light = [grey(linear_of(one)) for one in stack.slices]
    weights = gap_weights(stack.diopters)
    star, bank = -1, BlurBank(light[0])
    for radii in radius_px:
        if star != int(np.argmin(radii)):  # in turn, as the hypotheses rise: one bank in memory will do
            star = int(np.argmin(radii))
            bank = BlurBank(light[star])
        yield _residual(light, bank, radii, star, weights)


def _residual(
    light: list[Floats],
    bank: BlurBank,
    radii_px: npt.NDArray[np.float64],
    star: int,
    weights: npt.NDArray[np.float64],
) -> Residual:
    others = [n for n in np.argsort(radii_px, kind="stable").tolist() if n != star]
    whole, nearest = np.zeros_like(light[0]), np.zeros_like(light[0])
    for rank, n in enumerate(others):
        extra_px = float(np.sqrt(max(radii_px[n] ** 2 - radii_px[star] ** 2, 0.0)))
        predicted = bank.blurred(extra_px)
        scale = np.float32(RESIDUAL_FLOOR) + 0.5 * (np.maximum(predicted, 0.0) + light[n])
        part = np.minimum(np.abs(predicted - light[n]) / scale, RESIDUAL_CAP) * np.float32(weights[n])
        whole += part
        if rank < N_NEAREST:
            nearest += part
    of_nearest, of_whole = (float(sum(weights[n] for n in some)) for some in (others[:N_NEAREST], others))
    return Residual(star, nearest, of_nearest, whole, of_whole)


def _raw_cost(residual: Residual) -> Floats:
    of_whole = np.float32((1.0 - NEAREST_SHARE) / residual.whole_weight)
    return residual.whole * of_whole + residual.nearest * np.float32(NEAREST_SHARE / residual.nearest_weight)


class GuidedFilter:
    """Averages pictures within the edges of another one.

    References:
        He, Sun and Tang 2010, Guided image filtering.
    """

    def __init__(self, guide: Floats, radius_px: int, eps: float) -> None:
        self._guide, self._side = guide, 2 * radius_px + 1
        self._mean = self._box(guide)
        self._spread = self._box(guide * guide) - self._mean**2 + np.float32(eps)

    def __call__(self, picture: Floats) -> Floats:
        """Return the averaged picture."""
        mean = self._box(picture)
        slope = (self._box(self._guide * picture) - self._mean * mean) / self._spread
        return self._box(slope) * self._guide + self._box(mean - slope * self._mean)

    def _box(self, picture: Floats) -> Floats:
        import cv2

        side = (self._side, self._side)
        return np.asarray(cv2.boxFilter(picture, -1, side, borderType=cv2.BORDER_REFLECT))
