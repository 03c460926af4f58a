"""What blurred edges of near things lay over the pixels behind them, taken off again.

Around a near thing, the slice that is focused behind it shows a veil: the lens adds the near thing's blurred
light, and dims what is behind by as much. With depth and a first sharp picture both parts are known, layer by
layer, so a veil that is not too dense can be subtracted. On 17 ray-traced stacks the sharp picture gained
.7 dB in the mean and lost on none; with the true depth it would be 2 to 6 dB on fences.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.blur_bank import disc_blurred
from focusgen.focal.light import linear_of, pixels_of
from focusgen.focal.stack import FocalStack, unshrunk

Floats = npt.NDArray[np.float32]

N_LAYERS = 12
"""Layers, even in diopters. The one next to a pixel's own does not veil it: a slanted floor is no veil."""

DENSEST, FADE = 0.5, 0.15
"""Denser veils stay: errors of depth grow with 1 / (1 - density). Up to that, they fade out over `FADE`."""

THINNEST = 0.01
"""A veil that is nowhere denser than this is left alone."""

SHARP_PX = 0.3
"""A layer with less blur is as good as sharp."""

HALVED_FROM_PX = 6.0
"""Layers with at least this blur are drawn at half the size, at a quarter from twice that on."""

WINDOW_STEP_PX = 4
"""Windows of layers begin and end at multiples of this, and so at pixels of a quarter of the size."""

STRIP_ROWS = 512


class Veil(NamedTuple):
    """What lies over a slice: light (H, W, 3), linear, and the share of a pixel's own light that it hides."""

    light: Floats
    density: Floats


class _Drawn(NamedTuple):
    """Light and density (4, h, w) of one layer in the rows and columns that it reaches."""

    window: tuple[slice, slice]
    planes: Floats


class Veils:
    """The veils over the slices of one stack.

    Args:
        stack: slices of a known lens.
        diopters: (H, W) inverse depth.
        rgb: (H, W, 3) a first sharp picture, as the slices.
    """

    def __init__(self, stack: FocalStack, diopters: Floats, rgb: npt.NDArray[Any]) -> None:
        assert stack.radius_px_m is not None, "the caller has a lens"
        self._gain, self._focus = stack.radius_px_m, stack.diopters
        low, step = float(stack.diopters.min()), stack.span / N_LAYERS
        self._layer = np.clip((diopters - low) / step, 0, N_LAYERS - 1).astype(np.int8)
        self._depths = low + (np.arange(N_LAYERS) + 0.5) * step
        self._light = linear_of(rgb).transpose(2, 0, 1)

    def of(self, n: int) -> Veil:
        """Return what lies over slice n, from the nearest layer to the farthest."""
        front = np.zeros((4, *self._layer.shape), np.float32)  # light and density of all layers but the last
        veil = np.zeros_like(front)
        last: _Drawn | None = None
        for layer in range(N_LAYERS - 1, -1, -1):
            here = self._layer == layer
            veil[:, here] = front[:, here]
            if last is not None:
                covered = front[(..., *last.window)]
                covered += (1.0 - covered[3]) * last.planes
            radius_px = self._gain * abs(self._depths[layer] - self._focus[n])
            last = self._drawn(here, float(radius_px)) if here.any() else None
        return Veil(np.ascontiguousarray(veil[:3].transpose(1, 2, 0)), veil[3])

    def _drawn(self, here: npt.NDArray[np.bool_], radius_px: float) -> _Drawn:
        """Return one layer, blurred."""
        window = _reached(here, radius_px)
        mask = here[window].astype(np.float32)
        sharp = np.concatenate((self._light[(..., *window)] * mask, mask[None]))
        return _Drawn(window, sharp if radius_px <= SHARP_PX else np.maximum(_blurred(sharp, radius_px), 0.0))

    def taken_off(self, n: int, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return slice n, of the working size or larger, without its veil."""
        veil = self.of(n)
        if float(veil.density.max(initial=0.0)) < THINNEST:
            return pixels
        height, width = pixels.shape[:2]
        if veil.density.shape != (height, width):
            veil = Veil(*(unshrunk(part, (height, width)) for part in veil))
        out = np.empty_like(pixels)
        for start in range(0, len(pixels), STRIP_ROWS):
            rows = slice(start, start + STRIP_ROWS)
            clear = cleared(linear_of(pixels[rows]), Veil(veil.light[rows], veil.density[rows]))
            out[rows] = pixels_of(clear, pixels.dtype)
        return out


def cleared(light: Floats, veil: Veil) -> Floats:
    """Return linear light without a veil, where that is not too dense."""
    believed = np.clip((DENSEST - veil.density) / FADE, 0.0, 1.0) * (veil.density > 0)
    own = (light - veil.light) / np.maximum(1.0 - veil.density, 1.0 - DENSEST)[..., None]
    return np.asarray(light + believed[..., None] * (np.clip(own, 0.0, 1.0) - light), np.float32)


def _reached(here: npt.NDArray[np.bool_], radius_px: float) -> tuple[slice, slice]:
    """Return the rows and columns that a layer reaches when it is blurred."""
    margin = math.ceil(radius_px) + WINDOW_STEP_PX
    rows, columns = (_grown(np.asarray(here.any(axis)), margin) for axis in (1, 0))
    return rows, columns


def _grown(is_touched: npt.NDArray[np.bool_], margin: int) -> slice:
    at = np.flatnonzero(is_touched)
    start = max(int(at[0]) - margin, 0) // WINDOW_STEP_PX * WINDOW_STEP_PX
    stop = -(-(int(at[-1]) + 1 + margin) // WINDOW_STEP_PX) * WINDOW_STEP_PX
    return slice(start, min(stop, is_touched.size))


def _blurred(planes: Floats, radius_px: float) -> Floats:
    import cv2

    halvings = min(2, int(math.log2(max(radius_px / HALVED_FROM_PX, 0.5)) + 1))
    height, width = planes.shape[1:]
    if halvings < 1 or min(height, width) < 16 << halvings:
        return disc_blurred(planes, radius_px)
    factor = 1 << halvings
    small = (-(-width // factor), -(-height // factor))
    shrunk = [cv2.resize(one, small, interpolation=cv2.INTER_AREA) for one in planes]
    soft = disc_blurred(np.asarray(shrunk, np.float32), radius_px * small[0] / width)
    return np.asarray([cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in soft])
