"""The view of a pinhole camera in pixels, followed through a resize and a crop."""

from __future__ import annotations

from dataclasses import dataclass

from focusgen.optics.sizes import FramePlan


@dataclass(frozen=True)
class View:
    """Focal lengths and principal point of a frame, pixels; pixel centres lie at integers, as in OpenCV."""

    fx: float
    fy: float
    cx: float
    cy: float


def published_view(focal_px: float, plan: FramePlan) -> View:
    """Return the view of a published frame.

    Args:
        focal_px: focal length in pixels of the raw frame, whose axis goes through its centre.
        plan: how the raw frame was brought to its size.
    """
    return View(
        fx=focal_px * plan.resized_w / plan.raw_width,
        fy=focal_px * plan.resized_h / plan.raw_height,
        cx=(plan.resized_w - 1) / 2 - plan.crop_x,
        cy=(plan.resized_h - 1) / 2 - plan.crop_y,
    )


def published_camera(raw: View, plan: FramePlan) -> View:
    """Return the view of a published frame where that of the raw frame is known whole.

    Args:
        raw: of the raw frame.
        plan: how the raw frame was brought to its size.
    """
    across, down = plan.resized_w / plan.raw_width, plan.resized_h / plan.raw_height
    return View(
        fx=raw.fx * across,
        fy=raw.fy * down,
        cx=(raw.cx + 0.5) * across - 0.5 - plan.crop_x,
        cy=(raw.cy + 0.5) * down - 0.5 - plan.crop_y,
    )


def focal_length_mm(view: View, width_px: int, sensor_width_mm: float) -> float:
    """Return the focal length that has this view on a sensor of which the frame's width shows so much."""
    return view.fx * sensor_width_mm / width_px
