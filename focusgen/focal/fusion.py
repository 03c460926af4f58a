"""The all-in-focus picture, one slice after the other: near things do not turn transparent, nothing glows.

Depth decides which slices a pixel may come from, sharpness decides between those that are nearly as good. A
bright thing out of focus has energy around it in the wrong slices; there, depth outvotes sharpness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.light import linear_of, pixels_of, shown_grey
from focusgen.focal.sharpness import FAINT_ENERGY, focus_energy, noise_response, sigma_of
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]
ReadSlice = Callable[[int], npt.NDArray[Any]]
"""Returns slice n, (H, W, 3) uint8 or uint16, aligned."""

DEPTH_POWER_PER_PX = 2.5
"""Log weight lost per pixel of extra blur radius."""

DEPTH_POWER_PER_GAP = 4.0
"""The same between neighbouring slices of a weak lens, which differ by less than a pixel."""

SHARPNESS_POWER = 5.0
ENERGY_WINDOW_PX = 1.5
ENERGY_FLOOR = 3e-6
"""Energy that says nothing beside a depth that a lens explains: (1/600 of the display range) squared."""

STRIP_ROWS, STRIP_MARGIN = 256, 8


class Fused(NamedTuple):
    """The picture, and the slice that each pixel mostly came from.

    Attributes:
        rgb: (H, W, 3) as the slices.
        slice_index: (H, W) uint16.
    """

    rgb: npt.NDArray[Any]
    slice_index: npt.NDArray[np.uint16]


def fuse(stack: FocalStack, diopters: Floats) -> Fused:
    """Return the all-in-focus picture of a stack in memory."""
    return fuse_slices(lambda n: stack.slices[n], stack.diopters, diopters, stack.radius_px_m)


def fuse_slices(
    read: ReadSlice,
    focus: npt.NDArray[np.float64],
    diopters: Floats,
    radius_px_m: float | None,
    progress: Callable[[int], object] = lambda n: None,
) -> Fused:
    """Return the all-in-focus picture; one slice at a time is in memory.

    Args:
        read: gives slice n.
        focus: (N,) diopters of the slices.
        diopters: (H, W) inverse depth.
        radius_px_m: blur radius in px per diopter; None if unknown: a typical one is assumed.
        progress: told after each slice.
    """
    floor = ENERGY_FLOOR if radius_px_m else FAINT_ENERGY
    gain = radius_px_m or 2.0 * len(focus) / max(float(np.ptp(focus)), 1e-9)
    best = np.full(diopters.shape, -np.inf, np.float32)
    top, total = best.copy(), np.zeros(diopters.shape, np.float32)
    light = np.zeros((*diopters.shape, 3), np.float32)
    index = np.zeros(diopters.shape, np.uint16)
    dtype: np.dtype[Any] = np.dtype(np.uint8)
    for n in range(len(focus)):
        pixels = read(n)
        dtype = pixels.dtype
        for rows, energy in _energies(pixels):
            weight = _log_weight(energy + floor, float(focus[n]), focus, diopters[rows], gain)
            is_best = weight > top[rows]
            index[rows][is_best] = n
            _add(light[rows], total[rows], top[rows], linear_of(pixels[rows]), weight)
        progress(n)
    rgb = np.empty(light.shape, dtype)
    for rows, *_ in _strips(len(diopters)):
        light[rows] /= total[rows][..., None]
        rgb[rows] = pixels_of(light[rows], dtype)
    return Fused(rgb, index)


class _Strip(NamedTuple):
    """Rows; the rows around them that their energies look at; and where among these they lie."""

    rows: slice
    window: slice
    inside: slice


def _strips(height: int) -> Iterator[_Strip]:
    for start in range(0, height, STRIP_ROWS):
        stop = min(start + STRIP_ROWS, height)
        window = slice(max(start - STRIP_MARGIN, 0), min(stop + STRIP_MARGIN, height))
        yield _Strip(slice(start, stop), window, slice(start - window.start, stop - window.start))


def _energies(pixels: npt.NDArray[Any]) -> Iterator[tuple[slice, Floats]]:
    """Yield rows and their focus energy, averaged with a Gaussian window."""
    import cv2

    strips = list(_strips(len(pixels)))
    # One noise for the whole slice: where each strip has its own, their borders show.
    greys = [shown_grey(pixels[one.window]) for one in strips]
    responses = [noise_response(shown)[one.inside] for shown, one in zip(greys, strips, strict=True)]
    noise = sigma_of(np.concatenate(responses))
    for shown, (rows, _, inside) in zip(greys, strips, strict=True):
        energy = cv2.GaussianBlur(focus_energy(shown, noise), (0, 0), ENERGY_WINDOW_PX)
        yield rows, np.asarray(energy[inside])


def _log_weight(
    energy: Floats, own_focus: float, focus: npt.NDArray[np.float64], diopters: Floats, gain: float
) -> Floats:
    rising = np.sort(focus)
    gaps_px = np.diff(rising) * gain
    gap_px = np.interp(diopters, 0.5 * (rising[1:] + rising[:-1]), gaps_px)
    power = np.maximum(DEPTH_POWER_PER_PX, DEPTH_POWER_PER_GAP / np.maximum(gap_px, 1e-6))
    extra_px = gain * np.abs(diopters - np.float32(own_focus))  # less that of the sharpest: same for all n
    return np.asarray(SHARPNESS_POWER * np.log(energy) - power * extra_px, np.float32)


def _add(light: Floats, total: Floats, top: Floats, linear: Floats, weight: Floats) -> None:
    """Add one slice to a running average whose weights are logarithms."""
    peak = np.maximum(top, weight)
    kept, added = np.exp(top - peak), np.exp(weight - peak)
    light *= kept[..., None]
    light += linear * added[..., None]
    total *= kept
    total += added
    top[:] = peak
