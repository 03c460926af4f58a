"""What the network sees of a stack: evidence for 32 depths per pixel, the same for any lens and any slices.

Depth is a place between the first and the last hypothesis, not a number of metres; blur is in pixels. So one
network reads two slices or ten, even or uneven, of a phone or of a 85 mm lens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.fusion import fuse
from focusgen.focal.learned.guess import N_GUESS, Guess, guess_channels
from focusgen.focal.relative_blur import limits_of, residuals
from focusgen.focal.sharpness import display_grey, focus_energy, median_over, peak_between
from focusgen.focal.smoothing import semi_global_cost
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]

N_HYPOTHESES = 32
N_BEYOND = 4
"""Hypotheses on each side of the slices' range, each step twice the one before."""

N_EVIDENCE = 7
"""Channels per hypothesis: residual of the two next slices, of all, energy (two windows), the cost after
every pixel has listened to its neighbours, blur of the sharpest slice, blur of one step."""

N_CONTEXT = 8
"""Channels per pixel: first sharp picture (3), least residual, top energy, span of the lens, slices, where
the first depth lies between the first and the last hypothesis."""

MULTIPLE_PX = 16
"""Pictures are padded to multiples of this."""

ENERGY_WINDOWS_PX = (1.0, 2.5)
SHARPER_COST, SHARPER_LOG = 0.1, 3.0
VOTE_POWER, VOTE_FLOOR, COST_FLOOR = 8.0, 0.02, 5e-3


class Evidence(NamedTuple):
    """Input of the network for one stack; h, w are half of the padded size.

    Attributes:
        hypotheses: (K,) diopters, rising.
        volume: (N_EVIDENCE, K, h, w).
        context: (N_CONTEXT, h, w).
        sharp: (3, 2h, 2w) first all-in-focus picture, -1 to 1.
        first: (1, h, w) first depth, diopters: of the least cost once pixels have listened to each other.
        classical: (1, 2h, 2w) diopters of the weight-free result.
        guess: (N_GUESS, 2h, 2w) what else the weight-free methods say.
    """

    hypotheses: Floats
    volume: Floats
    context: Floats
    sharp: Floats
    first: Floats
    classical: Floats
    guess: Floats


def spread_hypotheses(diopters: npt.NDArray[np.float64], n: int = N_HYPOTHESES) -> Floats:
    """Return n depths in diopters, rising; a gap between slices gets more of them the wider it is.

    Slices that are even in metres lie close together at the far end: the share of a gap grows with its root.
    """
    rising = np.sort(diopters)
    low, high = limits_of(diopters)
    n_below = N_BEYOND if low < rising[0] else 0
    n_within = n - n_below - N_BEYOND
    shares = np.concatenate(([0.0], np.cumsum(np.sqrt(np.diff(rising)))))
    within = np.interp(np.linspace(0.0, shares[-1], n_within), shares, rising)
    doubled = (2.0 ** np.arange(1, N_BEYOND + 1) - 1.0) / (2.0**N_BEYOND - 1.0)
    below = rising[0] - (rising[0] - low) * doubled[::-1][:n_below]
    return np.concatenate((below, within, rising[-1] + (high - rising[-1]) * doubled)).astype(np.float32)


def evidence_of(stack: FocalStack, guess: Guess) -> Evidence:
    """Return the network's input for a stack of a known lens, padded to a multiple of 16."""
    import cv2

    assert stack.radius_px_m is not None, "the caller has a lens"
    padded = _padded(stack)
    hypotheses = spread_hypotheses(stack.diopters)
    radius_px = stack.radius_px_m * np.abs(hypotheses[:, None].astype(np.float64) - stack.diopters)
    near, whole = _residuals(padded, radius_px)
    energy = _energies(padded)
    log_energy = np.log(energy)
    fine, wide = (_between(log_energy[:, k], stack.diopters, hypotheses) for k in (0, 1))
    top = fine.max(0)
    cost = 0.5 * (near + whole) + _sharper(energy[:, 0])[radius_px.argmin(1)]
    smooth = np.stack([cv2.blur(one, (3, 3)) for one in cost])
    listened = _listened(smooth, _fused(padded, peak_between(-smooth, hypotheses)))
    first = peak_between(-listened, hypotheses)
    sharp = _fused(padded, first)
    volume = np.empty((N_EVIDENCE, *cost.shape), np.float32)
    volume[0], volume[1] = 8.0 * near, 8.0 * whole
    volume[2] = np.maximum(fine - top, -4.0) * 0.5 + 1.0
    volume[3] = np.maximum(wide - wide.max(0), -4.0) * 0.5 + 1.0
    volume[4] = listened
    volume[5] = _wide(np.minimum(radius_px.min(1), 12.0) / 3.0)
    volume[6] = _wide(np.log(1e-3 + stack.radius_px_m * np.gradient(hypotheses)) * 0.5)
    context = np.empty((N_CONTEXT, *top.shape), np.float32)
    context[:3] = _half(sharp.transpose(1, 2, 0)).transpose(2, 0, 1)
    context[3], context[4] = 4.0 * cost.min(0), 0.2 * top + 1.0
    context[5] = np.log(stack.radius_px_m * stack.span) - 2.0
    context[6] = len(stack) / 5.0 - 1.0
    context[7] = 2.0 * (first - hypotheses[0]) / (hypotheses[-1] - hypotheses[0]) - 1.0
    classical, told = _mirrored(guess.diopters.astype(np.float32)[None]), guess_channels(guess, hypotheses)
    return Evidence(hypotheses, volume, context, sharp, first[None], classical, _mirrored(told))


def blank_evidence(height: int, width: int) -> Evidence:
    """Return evidence of nothing; sizes are in multiples of `MULTIPLE_PX`."""
    half, whole = (height // 2, width // 2), (height, width)
    return Evidence(
        np.linspace(0.2, 2.0, N_HYPOTHESES, dtype=np.float32),
        np.zeros((N_EVIDENCE, N_HYPOTHESES, *half), np.float32),
        np.zeros((N_CONTEXT, *half), np.float32),
        np.zeros((3, *whole), np.float32),
        np.ones((1, *half), np.float32),
        np.ones((1, *whole), np.float32),
        np.zeros((N_GUESS, *whole), np.float32),
    )


def _padded(stack: FocalStack) -> FocalStack:
    slices = np.pad(stack.slices, ((0, 0), *_padding(stack.slices.shape[1:3]), (0, 0)), "symmetric")
    return FocalStack(slices, stack.diopters, stack.radius_px_m)


def _mirrored(maps: Floats) -> Floats:
    """Return (C, H, W) maps, padded as slices are."""
    return np.asarray(np.pad(maps, ((0, 0), *_padding(maps.shape[1:])), "symmetric"))


def _padding(size: Sequence[int]) -> list[tuple[int, int]]:
    return [(0, -pixels % MULTIPLE_PX) for pixels in size]


def _residuals(stack: FocalStack, radius_px: npt.NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Return (K, h, w) how badly the sharpest slice, blurred, predicts the next two slices, and all."""
    height, width = stack.slices.shape[1:3]
    near, whole = np.empty((2, len(radius_px), height // 2, width // 2), np.float32)
    for k, residual in enumerate(residuals(stack, radius_px)):
        near[k] = _half(residual.nearest) / np.float32(residual.nearest_weight)
        whole[k] = _half(residual.whole) / np.float32(residual.whole_weight)
    return near, whole


def _energies(stack: FocalStack) -> Floats:
    """Return (N, 2, h, w) focus energy in two windows, above a floor."""
    import cv2

    out = []
    for one in display_grey(stack):
        energy = focus_energy(one)
        windows = [np.asarray(cv2.GaussianBlur(energy, (0, 0), s), np.float32) for s in ENERGY_WINDOWS_PX]
        out.append(np.stack([_half(window) for window in windows]))
    energies = np.stack(out)
    floor = 0.02 * np.median(energies.max(0), axis=(1, 2), keepdims=True) + 1e-7
    return np.asarray(energies + floor, np.float32)


def _sharper(energy: Floats) -> Floats:
    """Return what it costs to call a slice the sharpest while another one has more energy."""
    ratio = np.minimum(np.log(energy.max(0) / energy), SHARPER_LOG)
    return np.asarray(ratio * (SHARPER_COST / SHARPER_LOG), np.float32)


def _between(values: Floats, diopters: npt.NDArray[np.float64], hypotheses: Floats) -> Floats:
    """Return values of slices, interpolated to the hypotheses."""
    order = np.argsort(diopters)
    rising, values = diopters[order], values[order]
    left = np.clip(np.searchsorted(rising, hypotheses) - 1, 0, len(rising) - 2)
    share = np.clip((hypotheses - rising[left]) / (rising[left + 1] - rising[left]), 0.0, 1.0)
    upper = share.astype(np.float32)[:, None, None]
    return np.asarray(values[left] * (1.0 - upper) + values[left + 1] * upper)


def _fused(stack: FocalStack, diopters: Floats) -> Floats:
    """Return the all-in-focus picture for a depth of half size, (3, 2h, 2w), -1 to 1."""
    import cv2

    whole = np.asarray(cv2.resize(diopters, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_LINEAR), np.float32)
    rgb = fuse(stack, whole).rgb.astype(np.float32) / np.float32(np.iinfo(stack.slices.dtype).max)
    return np.ascontiguousarray(2.0 * rgb.transpose(2, 0, 1) - 1.0)


def _listened(smooth: Floats, sharp: Floats) -> Floats:
    """Return (K, h, w) the cost after pixels that are less sure have listened to those that are more."""
    least = smooth.min(0)
    gain = median_over(smooth) - least
    excess = np.maximum(least - np.percentile(least, 20.0), 0.0)
    sure = gain / (gain + excess + COST_FLOOR)
    vote = np.minimum(sure / max(float(np.percentile(sure, 90.0)), 1e-3), 1.0) ** VOTE_POWER
    vote = 0.1 * vote / (gain + excess + VOTE_FLOOR)
    unary = np.ascontiguousarray(((smooth - least) * vote).transpose(1, 2, 0), np.float32)
    guide = _half(0.5 + 0.5 * sharp.transpose(1, 2, 0))
    whole = semi_global_cost(unary, guide).transpose(2, 0, 1)
    return np.asarray(np.minimum((whole - whole.min(0)) * 4.0, 4.0), np.float32)


def _wide(per_hypothesis: npt.NDArray[np.floating]) -> Floats:
    return per_hypothesis.astype(np.float32)[:, None, None]


def _half(picture: Floats) -> Floats:
    import cv2

    size = (picture.shape[1] // 2, picture.shape[0] // 2)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
