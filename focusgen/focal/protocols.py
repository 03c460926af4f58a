"""How others judge depth from focus, so that figures can stand beside theirs.

DDFF-12 (Hazirbas et al. 2018) scores disparity in pixels of its light field camera, .5 m to 7 m being .28 to
.02, over the whole picture, and leaves out pixels without any. The test server of ZEDD takes one float32 map
per scene, made of five of its slices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.focal.scores import depth_scores
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]

DDFF_PX_M = 521.4052 * 0.27e-3
"""Disparity of a point at 1 m: focal length of a subaperture in px, times the baseline."""

DDFF_KEYS = ("rmse", "abs_rel", "sq_rel", "rmse_log", "d1.25", "d2", "d3")

ZEDD_SIZE, ZEDD_SLICES, ZEDD_FILES = (1216, 1824), (0, 2, 4, 6, 8), 50
"""(height, width) of a map, which slices at f/2.8 it is made of, and how many the server takes."""

ZEDD_COUNTS = (len(ZEDD_SLICES), 9)
"""Slices of a stack that holds just these, and of one that holds all."""


def ddff_scores(depth_m: Floats, true_m: Floats) -> dict[str, float]:
    """Return the figures of DDFF-12, in disparity.

    Args:
        depth_m: (H, W) metres.
        true_m: (H, W) metres, NaN where unknown.
    """
    with np.errstate(divide="ignore"):
        found, true = DDFF_PX_M / depth_m, DDFF_PX_M / true_m
    scores = depth_scores(found, true, border_px=0)
    if not scores:
        return {}
    shown = {f"disparity_{key}": scores[key] for key in DDFF_KEYS}
    return {"disparity_mse": scores["rmse"] ** 2, **shown}


def zedd_stack(stack: FocalStack) -> FocalStack:
    """Return the slices that the server's maps are made of; a stack of up to five holds just these."""
    if len(stack) <= len(ZEDD_SLICES):
        return stack
    keep = [n for n in ZEDD_SLICES if n < len(stack)]
    return FocalStack(stack.slices[keep], stack.diopters[keep], stack.radius_px_m)


def zedd_map(depth_m: Floats) -> npt.NDArray[Any]:
    """Return float32 metres in the server's size; between pixels, inverse depth is linear."""
    import cv2

    size = (ZEDD_SIZE[1], ZEDD_SIZE[0])
    inverse = cv2.resize(1.0 / depth_m, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(1.0 / inverse, np.float32)
