"""The little blur that is left between two slices: known from depth, and partly undone.

Halfway between two slices even the sharper one is out of focus by half a gap. One step of van Cittert's
iteration adds the difference between the picture and the picture blurred once more: on 17 ray-traced stacks
.4 dB in the mean, and no loss on any. Two and four steps were no better: depth is not that exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.focal.blur_bank import BlurBank
from focusgen.focal.light import linear_of, pixels_of, shown_grey
from focusgen.focal.sharpness import noise_sigma

Floats = npt.NDArray[np.float32]

LARGEST_PX, FADE_PX = 3.0, 0.5
"""Blur beyond it is left alone: of fine detail nothing is left in it."""

SMALLEST_PX = 0.3
STEEP_SHARE = 0.1
"""Near a change of depth by this part of the slices' span the picture is a mixture, and left alone."""

SOFTENED_PX = 1.5
NOISE_SHARE, NOISE_WINDOW_PX = 2.0, 2.0
"""Detail is added as far as its energy is more than so many times that of the noise."""

STRIP_ROWS, MARGIN_ROWS = 512, 24


def deblurred(rgb: npt.NDArray[Any], radius_px: Floats, diopters: Floats, span: float) -> npt.NDArray[Any]:
    """Return a picture whose small known blur is partly undone.

    Args:
        rgb: (H, W, 3) uint8 or uint16.
        radius_px: (H, W) blur that is left.
        diopters: (H, W) inverse depth.
        span: of the slices, diopters.
    """
    share = _share(radius_px, diopters, span)
    if not share.any():
        return rgb
    sigma = noise_sigma(shown_grey(rgb))
    out = rgb.copy()
    for start in range(0, len(rgb), STRIP_ROWS):
        rows = slice(start, min(start + STRIP_ROWS, len(rgb)))
        if share[rows].any():
            window = slice(max(start - MARGIN_ROWS, 0), rows.stop + MARGIN_ROWS)
            whole = _strip(rgb[window], radius_px[window], share[window], sigma)
            out[rows] = whole[start - window.start : rows.stop - window.start]
    return out


def _share(radius_px: Floats, diopters: Floats, span: float) -> Floats:
    """Return how much of the detail is added, (H, W), 0 to 1."""
    import cv2

    side = 2 * math.ceil(min(float(radius_px.max()), LARGEST_PX)) + 5
    window = np.ones((side, side), np.uint8)
    is_even = (cv2.dilate(diopters, window) - cv2.erode(diopters, window)) < STEEP_SHARE * span
    share = cv2.GaussianBlur(is_even.astype(np.float32), (0, 0), SOFTENED_PX)
    share *= np.clip((LARGEST_PX - radius_px) / FADE_PX + 1.0, 0.0, 1.0)
    return np.asarray(np.where(radius_px > SMALLEST_PX, share, 0.0), np.float32)


def _strip(rgb: npt.NDArray[Any], radius_px: Floats, share: Floats, sigma: float) -> npt.NDArray[Any]:
    import cv2

    radius_px = np.minimum(radius_px, LARGEST_PX)
    shown = shown_grey(rgb)
    detail = shown - BlurBank(shown).blurred_by(radius_px)
    energy = cv2.GaussianBlur(detail * detail, (0, 0), NOISE_WINDOW_PX)
    share = share * np.clip(1.0 - NOISE_SHARE * sigma**2 / (energy + 1e-12), 0.0, 1.0)
    light = linear_of(rgb)
    for channel in range(3):
        plane = np.ascontiguousarray(light[..., channel])
        light[..., channel] += share * (plane - BlurBank(plane).blurred_by(radius_px))
    return pixels_of(np.clip(light, 0.0, 1.0), rgb.dtype)
