"""Sharpening without weights: Wiener deconvolution with a blur width estimated from the frame itself.

The estimate fits the frame's radial power spectrum with three things at once: the power law of natural
pictures, a gaussian blur, and white noise,

    P(f) = A f^-alpha exp(-4 pi^2 sigma^2 f^2) + N        f in cycles per pixel.

The same fit gives the Wiener filter its noise-to-signal ratio. A frame that looks sharp comes back bit for
bit. Each frame is treated alone and nothing is drawn: the same frame gives the same bytes in any company.

References:
    Wiener-Hunt deconvolution as in scikit-image (`skimage.restoration.wiener`). Field 1987 (power law).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import next_fast_len
from scipy.optimize import least_squares
from skimage.restoration import wiener

from focusgen.base.errors import SceneError
from focusgen.config import Config
from focusgen.models.protocols import Deblurrer, Frames, NoiseKey
from focusgen.motion.metrics import laplacian_energy

UNTOUCHED_BELOW_PX = 0.6
FULL_STRENGTH_FROM_PX = 0.85
"""Sharp frames measure up to 0.8 px, frames softened by 1 px at least 0.89 px (46 pictures)."""

MAX_CHANGE_DB = 37.5
"""Between the two widths nobody can tell soft from softened: the change is kept this small."""

NATURAL_BLUR_PX = 0.38  # what sharp frames measure (median 0.42): lens, sensor, demosaicing; stays
NATURAL_SLOPE = 2.5  # prior of alpha, with a standard deviation of 1: its spread over natural pictures
WIDTH_SPREAD = (0.74, 0.88, 1.02)  # of the estimate: where bokeh fills a frame, it is up to 40 % too wide
NOISE_CAUTION = 0.75  # on the fitted noise-to-signal ratio; the spread of widths is caution enough
FULLY_KEPT_BELOW, FREE_FROM = 1.0, 1.25
"""Laplacian energy of what the filter makes over that of the frame. A Wiener filter is a denoiser too: where
noise outweighs detail it takes away more than it brings back, and a sharpener that softens is none. Below 1
no frequency is attenuated, above 1.25 the filter is free, and between the two results are blended."""

ADAPTATION = 5.0  # that ratio divided by this where the picture is busy, times this where it is flat
MIN_SIDE_PX = 48  # a smaller frame has too few frequencies for the fit
BLOCK_PX = 256
MAX_BLOCKS_PER_SIDE = 8
PADDING_PX = 32  # mirrored border against the ringing of the periodic transform

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SpectrumFit:
    """What the power spectrum says of a frame.

    Attributes:
        blur_px: sigma of a gaussian point spread function.
        log_power: log A, levels^2.
        slope: alpha.
        noise_power: N, levels^2.
    """

    blur_px: float
    log_power: float
    slope: float
    noise_power: float


SHARP = SpectrumFit(blur_px=0.0, log_power=0.0, slope=NATURAL_SLOPE, noise_power=0.0)


class ClassicalDeblurrer(Deblurrer):
    """Sharpens soft frames by deconvolution; leaves sharp ones alone."""

    def deblur(self, frames: Frames, keys: Sequence[NoiseKey]) -> Frames:
        """Return the frames, sharpened where they are soft."""
        if len(keys) != len(frames):
            raise ValueError(f"{len(frames)} frames with {len(keys)} keys")
        return np.stack([sharpened(frame) for frame in frames]) if len(frames) else frames.copy()


def load(cfg: Config, device: str | None) -> Deblurrer:
    """Return the backend; it has no settings and works on the CPU."""
    return ClassicalDeblurrer()


def sharpened(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return one (H, W, 3) frame with its estimated blur undone; the frame itself below 0.6 px."""
    fit = fit_spectrum(_luma(frame))
    if fit.blur_px < UNTOUCHED_BELOW_PX:
        return frame.copy()
    change = _never_softer(frame, fit) - frame
    if fit.blur_px < FULL_STRENGTH_FROM_PX:
        trust = (fit.blur_px - UNTOUCHED_BELOW_PX) / (FULL_STRENGTH_FROM_PX - UNTOUCHED_BELOW_PX)
        rms = float(np.sqrt(np.mean(np.square(change), dtype=np.float64)))
        change *= min(trust, 255.0 * 10.0 ** (-MAX_CHANGE_DB / 20.0) / max(rms, 1e-9))
    levels = np.rint(frame + change)
    if not np.isfinite(levels).all():
        raise SceneError(
            f"a frame of {frame.shape[1]}x{frame.shape[0]} became NaN (blur {fit.blur_px:.2f} px)",
            "Choose another deblur.backend for this scene.",
        )
    return np.clip(levels, 0, 255).astype(np.uint8)


def _luma(frame: npt.NDArray[np.uint8]) -> Plane:
    return np.asarray(cv2.cvtColor(frame.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)


def fit_spectrum(luma: Plane) -> SpectrumFit:
    """Return the fit of a (H, W) picture in levels of 255; SHARP where it is flat or too small to tell."""
    if min(luma.shape) < MIN_SIDE_PX:
        return SHARP
    frequency, power, n_values = _radial_power(luma)
    if power.max() < 1e-3:  # flat: nothing to sharpen
        return SHARP
    power = np.maximum(power, 1e-6)
    trust = np.sqrt(np.minimum(n_values, 200) / 200)

    def residuals(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        log_power, slope, blur_px, log_noise = values
        blur = np.exp(-((2.0 * np.pi * blur_px * frequency) ** 2))
        model = np.exp(log_power - slope * np.log(frequency)) * blur + np.exp(log_noise)
        return np.append((np.log(model) - np.log(power)) * trust, slope - NATURAL_SLOPE)

    log_power = math.log(power[2]) + NATURAL_SLOPE * math.log(frequency[2])
    log_noise = max(math.log(power[-4:].min()), -7.9)
    bounds = ([-30.0, 0.5, 0.0, -8.0], [40.0, 4.5, 4.0, 12.0])
    # Two starts: the fit of a sharp frame and that of a soft one are separate valleys.
    starts = ([log_power, NATURAL_SLOPE, blur_px, log_noise] for blur_px in (0.3, 1.2))
    best: Any = min(
        (least_squares(residuals, start, bounds=bounds) for start in starts), key=lambda fit: fit.cost
    )
    return SpectrumFit(float(best.x[2]), float(best.x[0]), float(best.x[1]), math.exp(best.x[3]))


def _radial_power(
    luma: Plane,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean frequency, mean power and number of values of rings 0.02 cycles per pixel wide."""
    side = min(*luma.shape, BLOCK_PX)
    window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
    power = np.zeros((side, side // 2 + 1))
    corners = [(y, x) for y in _block_starts(luma.shape[0], side) for x in _block_starts(luma.shape[1], side)]
    for y, x in corners:
        block = luma[y : y + side, x : x + side]
        power += np.abs(np.fft.rfft2((block - block.mean()) * window)) ** 2
    power /= len(corners) * float(np.square(window).sum())
    fy, fx = np.abs(np.fft.fftfreq(side))[:, None], np.fft.rfftfreq(side)[None]
    radius = np.hypot(fy, fx)
    # Near the axes lie the frame's own edges, black bars and the blocks of codecs.
    usable = (fx > 1.5 / side) & (fy > 1.5 / side)
    ring = np.digitize(radius, np.arange(0.02, 0.71, 0.02))
    count, frequency, energy = (
        np.bincount(ring[usable], weights=values[usable], minlength=36)[1:35].astype(np.float64)
        for values in (np.ones_like(radius), radius, power)
    )
    filled = count > 3
    return frequency[filled] / count[filled], energy[filled] / count[filled], count[filled]


def _block_starts(length: int, side: int) -> list[int]:
    n_blocks = min(max(1, math.ceil(2 * length / side) - 1), MAX_BLOCKS_PER_SIDE)
    return sorted({round(start) for start in np.linspace(0, length - side, n_blocks)})


def _never_softer(frame: npt.NDArray[np.uint8], fit: SpectrumFit) -> npt.NDArray[np.float32]:
    """Return the deconvolved frame, in levels; with its noise where it would else be softer than it was."""
    restored = _deconvolved(frame, fit, may_attenuate=True)
    gain = laplacian_energy(restored) / max(laplacian_energy(frame), 1e-9)
    kept = min(max((FREE_FROM - gain) / (FREE_FROM - FULLY_KEPT_BELOW), 0.0), 1.0)
    if not kept:
        return restored
    with_noise = _deconvolved(frame, fit, may_attenuate=False)
    return np.asarray(restored + np.float32(kept) * (with_noise - restored), np.float32)


def _deconvolved(
    frame: npt.NDArray[np.uint8], fit: SpectrumFit, *, may_attenuate: bool
) -> npt.NDArray[np.float32]:
    """Return the frame without the blur that exceeds NATURAL_BLUR_PX, in levels, not rounded."""
    height, width = frame.shape[:2]
    below = next_fast_len(height + 2 * PADDING_PX, real=True) - height - PADDING_PX
    right = next_fast_len(width + 2 * PADDING_PX, real=True) - width - PADDING_PX
    padded = cv2.copyMakeBorder(frame, PADDING_PX, below, PADDING_PX, right, cv2.BORDER_REFLECT_101)
    # Luma and colour differences: noise is as strong in all three, detail is not.
    planes = cv2.split(cv2.cvtColor(padded.astype(np.float32) / 255.0, cv2.COLOR_RGB2YCrCb))
    luma, *colours = (np.asarray(plane, np.float32) for plane in planes)
    blur, noise_to_signal = _transfer_functions(padded.shape[:2], fit)
    ceiling = np.full_like(blur, np.inf)
    if not may_attenuate:  # H / (H^2 + N/S) >= 1 while N/S <= H - H^2
        blur = np.maximum(blur, np.float32(1e-3))
        ceiling = blur - blur * blur
    busy = _wiener(luma, blur, np.minimum(noise_to_signal / ADAPTATION, ceiling))
    calm = _wiener(luma, blur, np.minimum(noise_to_signal * ADAPTATION, ceiling))
    share = _busyness(calm)
    restored = [share * busy + (1.0 - share) * calm]
    detail = _detail_energy(luma)
    for colour in colours:
        ratio = np.float32(max(_detail_energy(colour) / max(detail, 1e-12), 1e-3))
        restored.append(_wiener(colour, blur, np.minimum(noise_to_signal / ratio, ceiling)))
    levels = cv2.cvtColor(cv2.merge(restored), cv2.COLOR_YCrCb2RGB) * np.float32(255.0)
    return np.asarray(levels[PADDING_PX : PADDING_PX + height, PADDING_PX : PADDING_PX + width], np.float32)


def _transfer_functions(shape: tuple[int, ...], fit: SpectrumFit) -> tuple[Plane, Plane]:
    """Return the blur to undo and the noise-to-signal ratio over the half plane of frequencies."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    squared = np.maximum(fy * fy + fx * fx, 1e-9)
    excess_px2 = max(fit.blur_px**2 - NATURAL_BLUR_PX**2, 0.0)
    # The filter that is best on average over what the width may be, not for one width: E[H] / (E[H^2] + N/S).
    blurs = [np.exp(-2.0 * np.pi**2 * excess_px2 * share * share * squared) for share in WIDTH_SPREAD]
    blur = np.mean(blurs, axis=0)
    log_signal = (
        fit.log_power - 0.5 * fit.slope * np.log(squared) - (2 * np.pi * NATURAL_BLUR_PX) ** 2 * squared
    )
    noise_to_signal = NOISE_CAUTION * fit.noise_power * np.exp(-log_signal)
    return blur.astype(np.float32), (noise_to_signal + np.var(blurs, axis=0)).astype(np.float32)


def _wiener(plane: Plane, blur: Plane, noise_to_signal: Plane) -> Plane:
    """Return a plane deconvolved by scikit-image: |regulariser|^2 is the noise-to-signal ratio."""
    regulariser = np.sqrt(noise_to_signal).astype(np.complex64)  # complex: taken as a transfer function
    deconvolve: Any = wiener
    return np.asarray(
        deconvolve(plane, blur.astype(np.complex64), 1.0, reg=regulariser, clip=False), np.float32
    )


def _busyness(luma: Plane) -> Plane:
    """Return 0 in flat regions, 1 in busy ones: log of local detail energy against the frame's mean."""
    detail = luma - cv2.GaussianBlur(luma, (0, 0), 1.5)
    energy = cv2.GaussianBlur(detail * detail, (0, 0), 3.0)
    relative = np.log(np.maximum(energy, 1e-8) / max(float(energy.mean()), 1e-8))
    return np.asarray(np.clip(0.5 + 0.5 * relative / math.log(ADAPTATION), 0.0, 1.0), np.float32)


def _detail_energy(plane: Plane) -> float:
    smooth = cv2.GaussianBlur(plane, (0, 0), 2.0)
    return float(cv2.Laplacian(smooth, cv2.CV_32F).var())
