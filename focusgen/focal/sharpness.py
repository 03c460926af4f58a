"""Where a slice is sharp: energy of the modified Laplacian above its noise, and plain depth from focus."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.light import shown_grey
from focusgen.focal.smoothing import weighted_least_squares
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]

SCALES_PX = (1.5, 3.0, 6.0)
"""Windows of plain depth from focus: the finest keeps edges, the widest outvotes noise."""

NOISE_GAIN = 2.0 * 24.0 * 0.8
"""Mean energy that white noise of variance 1 leaves in both step widths, a little less than measured."""

ENERGY_FLOOR = 1e-8

FAINT_ENERGY = 5e-4
"""Energy of noise of one level in 256: what JPEG leaves of smooth parts. A depth may hang on less than that,
often rightly; a picture should not change its slice for it."""

SURE_PERCENTILE = 90.0
"""This percentile of confidence is that of the surest pixels."""


class DepthGuess(NamedTuple):
    """Inverse depth (H, W) in diopters and how far to trust it, 0 to 1."""

    diopters: Floats
    confidence: Floats


def display_grey(stack: FocalStack) -> Floats:
    """Return (N, H, W) luminance of the slices as they are shown, 0 to 1."""
    return np.stack([shown_grey(one) for one in stack.slices])


def noise_sigma(picture: Floats) -> float:
    """Return the standard deviation of white noise in a picture, robust against its texture."""
    return sigma_of(noise_response(picture))


def noise_response(picture: Floats) -> Floats:
    """Return (H, W) how far each pixel is from the mean of its neighbours, where texture hardly shows."""
    import cv2

    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return np.abs(cv2.filter2D(picture, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT))


def sigma_of(response: Floats) -> float:
    """Return the standard deviation of the noise that leaves such a `noise_response`."""
    return float(np.median(response) / 0.6745 / 6.0)


def focus_energy(picture: Floats, sigma: float | None = None) -> Floats:
    """Return the squared modified Laplacian of steps 1 and 2, less what noise alone would give.

    Args:
        picture: (H, W).
        sigma: standard deviation of its noise; None: it is found in the picture, which then has to be whole.
    """
    sigma = noise_sigma(picture) if sigma is None else sigma
    energy = _modified_laplacian(picture, 1) ** 2 + _modified_laplacian(picture, 2) ** 2
    noise = np.float32(NOISE_GAIN * sigma**2)
    return np.asarray(np.maximum(energy - noise, 0.0) + np.float32(ENERGY_FLOOR))


def _modified_laplacian(picture: Floats, step: int) -> Floats:
    import cv2

    kernel = np.zeros((1, 2 * step + 1), np.float32)
    kernel[0, 0] = kernel[0, -1] = -1.0
    kernel[0, step] = 2.0
    across = cv2.filter2D(picture, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)
    down = cv2.filter2D(picture, cv2.CV_32F, kernel.T, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.abs(across) + np.abs(down))


def energies(greys: Floats, sigma_px: float) -> Floats:
    """Return (N, H, W) focus energy, averaged with a Gaussian window."""
    import cv2

    return np.stack([cv2.GaussianBlur(focus_energy(one), (0, 0), sigma_px) for one in greys])


def windowed_sharpness(stack: FocalStack) -> Floats:
    """Return (3, N, H, W) focus energy of the slices, in each of the windows of plain depth from focus."""
    sharpness = np.stack([focus_energy(one) for one in display_grey(stack)])
    return np.stack([_windowed(sharpness, sigma) for sigma in SCALES_PX])


def depth_from_focus(
    stack: FocalStack, trust_power: float = 1.0, faint_energy: float = 0.0, scales: Floats | None = None
) -> DepthGuess:
    """Return plain depth from focus: no lens, no blur model; what every other method has to beat.

    Args:
        stack: the slices.
        trust_power: above 1, what is less sure than the surest listens more to its neighbours.
        faint_energy: sharpness well below it says nothing.
        scales: its `windowed_sharpness`, where the caller has it.
    """
    scales = (windowed_sharpness(stack) if scales is None else scales) + np.float32(faint_energy)
    share = (scales / scales.sum(1, keepdims=True)).mean(0)
    peak = peak_between(np.log(share + 1e-9), stack.diopters)
    n = len(stack)
    certain = np.clip((share.max(0) / share.sum(0) - 1.0 / n) / (1.0 - 1.0 / n), 0.0, 1.0)
    texture = scales[1].max(0) - np.float32(faint_energy)
    confidence = certain * texture / (texture + 0.3 * float(np.median(texture)) + faint_energy)
    # Mixed, not picked: where none is sharpest, picks change at random, and their seams look like edges.
    mixed = sum(part[..., None] * one for part, one in zip(share / share.sum(0), stack.slices, strict=True))
    guide = mixed / np.float32(np.iinfo(stack.slices.dtype).max)
    sure = max(float(np.percentile(confidence, SURE_PERCENTILE)), 1e-6)
    trust = confidence * np.minimum(confidence / np.float32(sure), 1.0) ** (trust_power - 1.0)
    smooth = weighted_least_squares(peak, trust + 1e-4, guide)
    smooth = np.clip(smooth, peak.min(), peak.max())  # a solver that stopped early may leave them
    return DepthGuess(np.asarray(smooth, np.float32), np.asarray(confidence, np.float32))


def _windowed(sharpness: Floats, sigma_px: float) -> Floats:
    import cv2

    return np.stack([cv2.GaussianBlur(one, (0, 0), sigma_px) for one in sharpness])


def median_over(volume: Floats) -> Floats:
    """Return (H, W) the median over the first axis of (K, H, W): ten times as fast as NumPy's along it."""
    n = len(volume)
    ordered = pixels_first(volume)
    ordered.sort(axis=2)
    return np.asarray(ordered[..., (n - 1) // 2 : n // 2 + 1].mean(2))


def largest_over(volume: Floats) -> npt.NDArray[np.intp]:
    """Return (H, W) where (K, H, W) is largest, the first of equals: four times as fast as `argmax`."""
    largest, index = volume.max(0), np.zeros(volume.shape[1:], np.intp)
    for k in reversed(range(len(volume))):
        np.copyto(index, k, where=volume[k] == largest)
    return index


def pixels_first(volume: Floats) -> Floats:
    """Return (H, W, K) of (K, H, W), contiguous: four times as fast as NumPy's copy."""
    import cv2

    flat = cv2.transpose(volume.reshape(len(volume), -1))
    return np.asarray(flat.reshape(*volume.shape[1:], len(volume)))


def hypotheses_first(volume: Floats) -> Floats:
    """Return (K, H, W) of (H, W, K), contiguous: the way back from `pixels_first`."""
    import cv2

    flat = cv2.transpose(volume.reshape(-1, volume.shape[2]))
    return np.asarray(flat.reshape(volume.shape[2], *volume.shape[:2]))


def peak_between(volume: Floats, positions: npt.NDArray[np.floating]) -> Floats:
    """Return where a parabola through the largest value and its neighbours peaks.

    Args:
        volume: (K, H, W), one value per position.
        positions: (K,) monotonic, uneven steps allowed.
    """
    n = len(positions)
    best = largest_over(volume)
    if n < 3:
        return np.asarray(positions[best], np.float32)
    middle = np.clip(best, 1, n - 2)
    a, b, c = (np.take_along_axis(volume, (middle + o)[None], 0)[0] for o in (-1, 0, 1))
    left, here, right = (positions[middle + o] for o in (-1, 0, 1))
    rise, fall = (b - a) / (here - left), (c - b) / (right - here)
    bend = (fall - rise) / (right - left)
    with np.errstate(divide="ignore", invalid="ignore"):
        peak = 0.5 * (left + here) - rise / (2.0 * bend)
    inside = np.clip(peak, np.minimum(left, right), np.maximum(left, right))
    return np.asarray(np.where((bend < 0) & np.isfinite(peak), inside, positions[best]), np.float32)
