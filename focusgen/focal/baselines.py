"""What stands beside us in every table: a constant guess, the sharpest slice, and plain depth from focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.fusion import fuse
from focusgen.focal.infer import WORK_PIXELS, enlarged
from focusgen.focal.light_change import found_in_even_light
from focusgen.focal.opened import shrink_factor, shrunk_picture
from focusgen.focal.picture import sharp_picture, sharp_picture_from_files
from focusgen.focal.sharpness import depth_from_focus, display_grey
from focusgen.focal.stack import FocalStack, metres_of

Floats = npt.NDArray[np.float32]
METHODS = ("constant", "laplacian_argmax", "plain_dff", "classical")


class Prediction(NamedTuple):
    """Depth (H, W) in metres, confidence, and the sharp picture."""

    depth_m: Floats
    confidence: Floats
    rgb: npt.NDArray[Any]


def predict(
    method: str, stack: FocalStack, find_depth: Callable[[FocalStack], Estimate] = estimate
) -> Prediction:
    """Return what one of `METHODS` makes of a stack; any other name stands for `find_depth`."""
    shape, farthest_m = stack.slices.shape[1:3], stack.farthest_m
    if method == "constant":
        middle = np.full(shape, 0.5 * (stack.diopters.max() + stack.diopters.min()), np.float32)
        return Prediction(metres_of(middle, farthest_m), np.ones(shape, np.float32), fuse(stack, middle).rgb)
    if method == "laplacian_argmax":
        return _sharpest_slice(stack)
    if method == "plain_dff":
        plain = depth_from_focus(stack)
        return Prediction(
            metres_of(plain.diopters, farthest_m), plain.confidence, fuse(stack, plain.diopters).rgb
        )
    return _found_as_infer_does(stack, estimate if method == "classical" else find_depth)


def _found_as_infer_does(stack: FocalStack, find_depth: Callable[[FocalStack], Estimate]) -> Prediction:
    """Return what is found at the working size of `focal infer`, at full size."""
    height, width = stack.slices.shape[1:3]
    factor = shrink_factor((height, width), WORK_PIXELS["default"])
    small = _at_working_size(stack, factor)
    found, small, change = found_in_even_light(small, find_depth)

    def full(one: Floats) -> Floats:
        return enlarged(one, (height, width), stack.span)

    rgb = found.rgb
    if factor > 1:

        def read(n: int) -> npt.NDArray[Any]:
            return change.evened(n, stack.slices[n])

        rgb = sharp_picture_from_files(
            small, found.diopters, found.sharpest, read, full, factor, lambda n: None
        ).rgb
    elif rgb is None:
        rgb = sharp_picture(small, found.diopters, found.sharpest)
    confidence = enlarged(found.confidence, (height, width), None)
    return Prediction(metres_of(full(found.diopters), stack.farthest_m), confidence, rgb)


def _at_working_size(stack: FocalStack, factor: int) -> FocalStack:
    if factor == 1:
        return stack
    slices = np.stack([shrunk_picture(one, factor) for one in stack.slices])
    gain = None if stack.radius_px_m is None else stack.radius_px_m * slices.shape[2] / stack.slices.shape[2]
    return FocalStack(slices, stack.diopters, gain)


def _sharpest_slice(stack: FocalStack) -> Prediction:
    """Return the slice whose Laplacian is largest around each pixel."""
    import cv2

    sharp = np.stack(
        [cv2.GaussianBlur(np.abs(cv2.Laplacian(one, cv2.CV_32F)), (0, 0), 3.0) for one in display_grey(stack)]
    )
    best = sharp.argmax(0)
    rgb = np.take_along_axis(stack.slices, best[None, ..., None], 0)[0]
    share = sharp.max(0) / np.maximum(sharp.sum(0), 1e-9)
    return Prediction(metres_of(stack.diopters[best], stack.farthest_m), share.astype(np.float32), rgb)
