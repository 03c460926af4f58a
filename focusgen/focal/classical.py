"""Depth, confidence and the all-in-focus picture of a stack, without any weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.edges import settle_edges
from focusgen.focal.fit import FEWEST_SLICES, redrawn
from focusgen.focal.fusion import fuse
from focusgen.focal.light import shown
from focusgen.focal.picture import unveiled
from focusgen.focal.relative_blur import CostVolume, cost_volume
from focusgen.focal.sharpness import (
    FAINT_ENERGY,
    SURE_PERCENTILE,
    DepthGuess,
    depth_from_focus,
    hypotheses_first,
    median_over,
    peak_between,
    pixels_first,
    windowed_sharpness,
)
from focusgen.focal.smoothing import semi_global_cost
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]

VOTE_POWER = 12.0
"""Only pixels that are nearly as sure as the surest have a vote; the others listen to them. What a defocused
edge covers contradicts every hypothesis, so this is also what fills its fringes."""

COST_FLOOR, VOTE_FLOOR = 5e-3, 0.02
NOISE_PERCENTILE = 20.0
"""This percentile of the least cost is what noise alone costs."""

VETO_RATIO = 1.02
"""The result is replaced by plain depth from focus where that explains the slices better by this factor."""

DISAGREEMENT_SHARE = 0.1
"""Confidence falls to 1 / e where two ways to look at the slices differ by this part of their span."""

TRUST_POWER = 2.0
"""Of sharpness alone, AbsRel of eight traced stacks falls from .287 to .245 (3: .238, but five others rise
from .144 to .156), of sixteen photographs from .159 to .152; with noise of 4 levels, by 5 to 12 %."""

SMALLEST_SIDE_PX = 5
"""In smaller pictures nothing can be seen to be sharp; confidence is 0."""

BEYOND_SHARE = 0.1
"""What is left of the confidence of a depth that is the last one looked at: it may be farther out still."""

BLURRED_PX = 3.0
"""Confidence falls to a half where the sharpest slice is out of focus by this radius."""


class Estimate(NamedTuple):
    """What a stack shows.

    Attributes:
        diopters: (H, W) inverse depth.
        sharpest: (H, W) focus at which a pixel's own light is sharpest. Beside a near thing that is not its
            depth; the sharp picture is put together by it.
        confidence: (H, W), 0 to 1.
        method: which of the candidates was kept.
        rerender_error: of each candidate, mean difference between slices and re-blurred picture.
        rgb: the sharp picture, where the method makes its own; None: it is put together from the slices.
    """

    diopters: Floats
    sharpest: Floats
    confidence: Floats
    method: Literal["relative_blur", "focus_measure", "learned", "sd3"]
    rerender_error: dict[str, float]
    rgb: npt.NDArray[Any] | None = None


def estimate(stack: FocalStack, plain: DepthGuess | None = None) -> Estimate:
    """Return depth and confidence; without a lens, from sharpness alone.

    Args:
        stack: what is seen.
        plain: its plain depth from focus, where that is known.
    """
    if stack.radius_px_m is None:
        return _by_sharpness(stack)
    plain = plain or depth_from_focus(stack)
    sweep = from_blur(stack)
    rgb = fuse(stack, sweep.diopters).rgb
    errors = {
        "relative_blur": rerender_error(stack, sweep.diopters, rgb),
        "focus_measure": rerender_error(stack, plain.diopters),
    }
    if is_vetoed(stack, errors, "relative_blur", VETO_RATIO):
        return Estimate(plain.diopters, plain.diopters, _usable(plain.confidence), "focus_measure", errors)
    found = Estimate(sweep.diopters, sweep.diopters, sweep.confidence, "relative_blur", errors)
    return _settled(stack, found, rgb)


def _by_sharpness(stack: FocalStack) -> Estimate:
    """Return depth by sharpness alone; less sure where it hangs on texture that can hardly be seen."""
    scales = windowed_sharpness(stack)
    depth = depth_from_focus(stack, TRUST_POWER, scales=scales)
    told = depth_from_focus(stack, TRUST_POWER, FAINT_ENERGY, scales)
    confidence = depth.confidence * np.exp(-_disagreement(stack, depth.diopters, told.diopters))
    return Estimate(depth.diopters, told.diopters, _usable(confidence), "focus_measure", {})


def _disagreement(stack: FocalStack, diopters: Floats, others: Floats) -> Floats:
    return np.asarray(np.abs(diopters - others) / (DISAGREEMENT_SHARE * stack.span), np.float32)


def is_vetoed(stack: FocalStack, errors: Mapping[str, float], method: str, ratio: float) -> bool:
    """Say whether plain depth from focus explains the slices better than a method, by a factor.

    Of two slices it takes the sharper one for sharp, which explains itself: there it is no judge.
    """
    return len(stack) >= FEWEST_SLICES and errors[method] > ratio * errors["focus_measure"]


def _usable(confidence: Floats) -> Floats:
    if min(confidence.shape) < SMALLEST_SIDE_PX:
        return np.zeros_like(confidence)
    return np.clip(np.nan_to_num(confidence), 0.0, 1.0)


def from_blur(stack: FocalStack) -> DepthGuess:
    """Return depth by relative blur, before it is compared with plain depth from focus.

    Args:
        stack: slices of a known lens.
    """
    volume = cost_volume(stack)
    evidence = _evidence(volume)
    alone = peak_between(-volume.cost, volume.hypotheses)
    diopters = _whole(volume, evidence, shown(fuse(stack, alone).rgb))
    moved = _disagreement(stack, diopters, alone)
    blurred = stack.nearest_radius_px(diopters) / BLURRED_PX
    confidence = evidence.sure**2 * np.exp(-moved) / (1.0 + blurred**2)
    confidence[_may_be_beyond(diopters, volume.hypotheses)] *= BEYOND_SHARE
    return DepthGuess(diopters, _usable(confidence.astype(np.float32)))


def _may_be_beyond(diopters: Floats, hypotheses: Floats) -> npt.NDArray[np.bool_]:
    """Say which depths stand at the last hypothesis of either side; nothing lies beyond infinity."""
    near, far = hypotheses[-2:].mean(), hypotheses[:2].mean() if hypotheses[0] > 0.0 else -1.0
    return np.asarray((diopters < far) | (diopters > near))


class _Evidence(NamedTuple):
    """Of each pixel, (H, W): its least cost, how sure that is, and how loud its vote."""

    least: Floats
    sure: Floats
    vote: Floats


def _evidence(volume: CostVolume) -> _Evidence:
    least, usual = volume.cost.min(0), median_over(volume.cost[volume.within])
    excess = np.maximum(least - np.percentile(least, NOISE_PERCENTILE), 0.0)
    gain = usual - least
    sure = np.clip(gain / (gain + excess + COST_FLOOR), 0.0, 1.0)
    vote = np.minimum(sure / max(float(np.percentile(sure, SURE_PERCENTILE)), 1e-3), 1.0) ** VOTE_POWER
    return _Evidence(least, sure, (0.1 * vote / (gain + excess + VOTE_FLOOR)).astype(np.float32))


def _whole(volume: CostVolume, evidence: _Evidence, guide: Floats) -> Floats:
    """Return diopters after every pixel has listened to its neighbours of the same colour."""
    excess = volume.cost - evidence.least
    excess *= evidence.vote
    unary = pixels_first(excess)
    del excess  # each takes as much memory as the volume, a third of a gigabyte of a large stack
    whole = semi_global_cost(unary, guide)
    del unary
    whole = hypotheses_first(whole)
    return peak_between(np.negative(whole, out=whole), volume.hypotheses)


def swept(stack: FocalStack, guide: Floats) -> Floats:
    """Return diopters of the sweep alone, whole along the edges of a sharp picture (H, W, 3), 0 to 1."""
    volume = cost_volume(stack)
    return _whole(volume, _evidence(volume), guide)


def _settled(stack: FocalStack, found: Estimate, rgb: npt.NDArray[Any]) -> Estimate:
    """Put jumps of depth on the edges of a picture that was fused by that depth.

    After the veto, not before: it re-blurs without occlusion, so true depth at an edge explains slices worse.
    """
    assert stack.radius_px_m is not None, "the caller has a lens"
    reach_px = stack.radius_px_m * stack.span
    diopters = settle_edges(found.diopters, shown(rgb), stack.span, reach_px)
    # Beside near things the first guide shows their blurred light instead of what is behind it.
    guide = shown(unveiled(stack, diopters, found.sharpest, rgb))
    diopters = settle_edges(found.diopters, guide, stack.span, reach_px)
    moved = _disagreement(stack, diopters, found.diopters)
    return found._replace(diopters=diopters, confidence=found.confidence * np.exp(-moved))


def rerender_error(stack: FocalStack, diopters: Floats, rgb: npt.NDArray[Any] | None = None) -> float:
    """Return how badly a depth explains its stack: relative difference of the re-blurred picture.

    Args:
        stack: slices of a known lens.
        diopters: (H, W) inverse depth.
        rgb: slices fused by that depth, where the caller has them.
    """
    total = 0.0
    for light, drawn, scale in redrawn(stack, diopters, rgb):
        total += float(np.minimum(np.abs(drawn - light) / scale, 0.5).mean())
    return total / len(stack)
