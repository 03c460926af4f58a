"""The size of everything published: sides are multiples of 16, and depth follows the frames pixel for pixel.

Two roads, as the report has them:
- a long side is given: Lanczos resize that keeps the aspect ratio, then a centre crop to multiples of 16;
- none is given: resize up to the next multiples of 16 (nothing at all if they are that already).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError, SceneError

MULTIPLE = 16
"""FLUX packs 2 x 2 latents of 8 x 8 pixels."""


LYING_ADVICE = (
    "Turn it as the frames are turned, np.rot90(depth) or np.rot90(depth, -1), whichever shows the same "
    "picture; depth.T only if rows and columns were swapped when it was saved: it mirrors. "
)


@dataclass(frozen=True)
class FramePlan:
    """How a raw frame becomes a published one: resize to (resized_w, resized_h), then cut a box out.

    Attributes:
        resized_w: pixels after the resize.
        resized_h: pixels after the resize.
        crop_x: left edge of the box.
        crop_y: top edge of the box.
        width: of the box and of everything published.
        height: of the box and of everything published.
        raw_width: of the frame as decoded.
        raw_height: of the frame as decoded.
    """

    resized_w: int
    resized_h: int
    crop_x: int
    crop_y: int
    width: int
    height: int
    raw_width: int
    raw_height: int

    @property
    def is_identity(self) -> bool:
        """True if frames pass unchanged."""
        raw = (self.raw_width, self.raw_height)
        # Enlarged and cropped back to the raw size is a zoom, not the identity.
        return raw == (self.resized_w, self.resized_h) == (self.width, self.height)


def frame_plan(width: int, height: int, resize_long_side: int | None = None) -> FramePlan:
    """Return how frames of one raw size are brought to the published size.

    Args:
        width: of the raw frame, pixels.
        height: of the raw frame, pixels.
        resize_long_side: pixels; None resizes up to the next multiples of 16.

    Raises:
        SceneError: the short side would fall below 16 pixels.
    """
    if width < 1 or height < 1:
        raise ValueError(f"a frame of {width} x {height} pixels has no plan")
    if resize_long_side is None:
        out_w, out_h = _next_multiple(width), _next_multiple(height)
        return FramePlan(out_w, out_h, 0, 0, out_w, out_h, width, height)
    long_side = max(width, height)
    resized_w, resized_h = (_scaled(side, resize_long_side, long_side) for side in (width, height))
    out_w, out_h = resized_w // MULTIPLE * MULTIPLE, resized_h // MULTIPLE * MULTIPLE
    if not (out_w and out_h):
        raise SceneError(
            f"{width}x{height} at long side {resize_long_side} becomes {resized_w}x{resized_h}: "
            f"a side below {MULTIPLE} pixels",
            "Raise deblur.resize_long_side, or leave it out.",
        )
    crop_x, crop_y = (resized_w - out_w) // 2, (resized_h - out_h) // 2
    return FramePlan(resized_w, resized_h, crop_x, crop_y, out_w, out_h, width, height)


def _next_multiple(side: int) -> int:
    return -(-side // MULTIPLE) * MULTIPLE


def _scaled(side: int, target: int, long_side: int) -> int:
    """Return side * target / long_side, rounded half up in integers: the same on every machine."""
    return max(1, (2 * side * target + long_side) // (2 * long_side))


def resize_frame(frame: npt.NDArray[np.uint8], plan: FramePlan) -> npt.NDArray[np.uint8]:
    """Return the frame at its published size; the very same array if there is nothing to do.

    Args:
        frame: (raw_height, raw_width, 3) uint8 RGB.
        plan: from `frame_plan` of that size.

    Raises:
        CorruptInputError: the frame has another size than the plan's.
    """
    if frame.shape != (plan.raw_height, plan.raw_width, 3) or frame.dtype != np.uint8:
        raise CorruptInputError(
            f"a frame has shape {frame.shape} {frame.dtype} where the scene has "
            f"({plan.raw_height}, {plan.raw_width}, 3) uint8",
            "All frames of a scene must have one size: see phase 1.",
        )
    if plan.is_identity:
        return frame
    resized = frame
    if (plan.resized_w, plan.resized_h) != (plan.raw_width, plan.raw_height):
        from PIL import Image

        lanczos = Image.Resampling.LANCZOS
        resized = np.asarray(Image.fromarray(frame).resize((plan.resized_w, plan.resized_h), lanczos))
    return np.ascontiguousarray(_crop(resized, plan))


def has_aspect(columns: int, rows: int, width: int, height: int) -> bool:
    """Say whether a map has the aspect ratio of frames; one pixel of slack: half an odd size is rounded."""
    return abs(columns * height - rows * width) <= max(width, height)


def resize_depth(depth_m: npt.NDArray[np.floating[Any]], plan: FramePlan) -> npt.NDArray[np.float32]:
    """Return provided depth at the published size, by the same geometry as the frames.

    Each published pixel takes the depth of the source pixel under its centre. Nothing is averaged: a mean
    across a depth edge is the distance of no surface, and would be labelled as one. Holes stay holes.

    Args:
        depth_m: (H, W), metres: of the raw size, of the published size (taken as it is), or of another size
            with the raw frame's aspect ratio (depth cameras often have fewer pixels).
        plan: of the scene's frames.

    Raises:
        CorruptInputError: the depth shows another picture than the frames (its aspect ratio differs).
    """
    if depth_m.ndim != 2:
        raise CorruptInputError(f"depth has shape {depth_m.shape}; one map is (H, W)")
    rows, columns = depth_m.shape
    is_raw_size = (rows, columns) == (plan.raw_height, plan.raw_width)
    if (rows, columns) == (plan.height, plan.width) and (plan.is_identity or not is_raw_size):
        return np.asarray(depth_m, dtype=np.float32)
    raw_size = (plan.raw_width, plan.raw_height)
    if not has_aspect(columns, rows, *raw_size):
        lies = has_aspect(rows, columns, *raw_size)
        raise CorruptInputError(
            f"depth of {columns}x{rows} does not fit frames of {plan.raw_width}x{plan.raw_height}"
            + (": it lies on its side" if lies else ""),
            (LYING_ADVICE if lies else "")
            + "Give depth that covers the same picture: the same aspect ratio, or the published size "
            f"{plan.width}x{plan.height}.",
        )
    x = _source_index(plan.crop_x, plan.width, columns, plan.resized_w)
    y = _source_index(plan.crop_y, plan.height, rows, plan.resized_h)
    return np.ascontiguousarray(depth_m[np.ix_(y, x)], dtype=np.float32)


def _source_index(crop: int, n_out: int, n_source: int, n_resized: int) -> npt.NDArray[np.int64]:
    """Return the source pixel under the centre of each published pixel, in exact integers."""
    centres_twice = 2 * (crop + np.arange(n_out, dtype=np.int64)) + 1
    return centres_twice * n_source // (2 * n_resized)


def _crop(frame: npt.NDArray[np.uint8], plan: FramePlan) -> npt.NDArray[np.uint8]:
    return frame[plan.crop_y : plan.crop_y + plan.height, plan.crop_x : plan.crop_x + plan.width]
