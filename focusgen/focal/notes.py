"""What is written beside a result: how it was found, and how much of it can be told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.focal.alignment import Alignment
from focusgen.focal.classical import Estimate
from focusgen.focal.exposure import Exposure
from focusgen.focal.light import grey, shown_grey
from focusgen.focal.light_change import LightChange
from focusgen.focal.misfit import Fit, clipped_part
from focusgen.focal.opened import OpenedStack
from focusgen.focal.sharpness import noise_sigma
from focusgen.focal.stack import FocalStack, StackLens, metres_of
from focusgen.media.colour_profiles import has_display_curve

Floats = npt.NDArray[np.float32]

IN_FOCUS_PX = 1.5
"""A pixel whose blur radius is larger in every slice is counted as in focus in none."""

DARK_MIDDLE = 0.2
"""Middle value of slices: of 19 photographs one is darker, a night sky, and in linear light nine are."""

IN_SUMMARY = (
    "unit",
    "focus_distances_known",
    "method",
    "empty_borders",
    "exposure",
    "light_change",
    "share_clipped",
    "unexplained_share",
    "blur_factor",
    "changed_light",
    "better_orders",
    "distances_fit_as_diopters",
    "fits",
    "quality",
    "width",
    "height",
    "confidence_mean",
    "share_unsure",
    "share_in_focus_in_no_slice",
    "identifiable",
    "ignored_files",
    "sensor_width_assumed",
    "sensor_width_from",
    "measured_blur_radius_px_per_diopter",
    "lens",
    "has_display_curve",
    "transfer",
    "looks_linear",
    "cpu_s",
)
"""What summary.json repeats of a stack's metadata."""

UNSURE = 0.1
"""Confidence below which a pixel is counted as unsure."""


def notes_of(opened: OpenedStack, found: Estimate, confidence: Floats, *, was_asked: bool) -> dict[str, Any]:
    """Return the metadata of a result, but for how long it took.

    Args:
        opened: the stack.
        found: depth at working size.
        confidence: (H, W) at working size, as it is published.
        was_asked: whether slices were to be aligned.
    """
    lens, stack = opened.lens, opened.stack
    height, width = opened.size
    return {
        "name": opened.files.name,
        "unit": "metre" if lens is not None else "relative",
        "depth": _what_depth_is(opened),
        "focus_distances_known": opened.knows_distances,
        "slices": [
            {"file": name, "focus_distance_m": _json_metres(metres) if opened.knows_distances else None}
            for name, metres in zip(opened.names, opened.distances_m, strict=True)
        ],
        "ignored_files": list(opened.files.ignored),
        "lens": None if lens is None else _lens_document(lens, width),
        "sensor_width_assumed": lens is not None and bool(opened.missing),
        "sensor_width_from": None if lens is None else opened.width_from,
        "measured_blur_radius_px_per_diopter": _measured_blur(opened),
        "alignment": _alignment_document(opened.alignment.scaled(opened.factor), was_asked),
        "transfer": "linear" if opened.transfer == "linear" else "srgb",
        "has_display_curve": opened.transfer != "auto" or has_display_curve(opened.icc_profile),
        "looks_linear": opened.transfer == "auto" and _looks_linear(opened),
        "empty_borders": {
            name: round(float(empty.mean()), 4)
            for name, empty in zip(opened.names, opened.empty, strict=True)
            if empty.any()
        },
        "exposure": _exposure_document(opened.exposure),
        "light_change": _light_document(opened.light_change),
        "method": found.method,
        "rerender_error": {name: round(value, 6) for name, value in found.rerender_error.items()},
        "width": width,
        "height": height,
        "used_bits": 8 * opened.dtype.itemsize - opened.shift,
        "working_width": int(stack.slices.shape[2]),
        "working_height": int(stack.slices.shape[1]),
        **_shares(stack, found, confidence, lens, width),
    }


def _looks_linear(opened: OpenedStack) -> bool:
    """Say whether slices are as dark as linear light is; a night in sRGB is, too."""
    if opened.dtype != np.uint16 or opened.icc_profile:
        return False
    middle = np.median(grey(opened.stack.slices[:, ::4, ::4])) / np.iinfo(np.uint16).max
    return bool(middle < DARK_MIDDLE)


def _what_depth_is(opened: OpenedStack) -> str:
    if opened.lens is not None:
        assumed = "; the sensor is taken to be 36 mm wide (--sensor-width)" if opened.missing else ""
        return f"float32 metres along the optical axis, of the reference slice's view{assumed}"
    unknown, linear = "the lens is", "linear in inverse distance"
    if not opened.knows_distances:
        unknown, linear = "focus distances are", "linear in the steps of focus, which are taken to be even"
    missing = " and ".join(opened.missing)
    return (
        f"relative, no metres: {unknown} not known ({missing} missing). 0 is the nearest slice, "
        f"1 the farthest, {linear}"
    )


def _measured_blur(opened: OpenedStack) -> float | None:
    """Return px per diopter of the picture on disk where blur was measured from the slices."""
    gain = opened.stack.radius_px_m
    if not opened.is_measured or gain is None:
        return None
    enlarged = opened.size[1] / int(opened.stack.slices.shape[2])
    return round(gain * enlarged, 6)


def _json_metres(distance_m: float) -> float | str:
    return "inf" if math.isinf(distance_m) else float(distance_m)


def _lens_document(lens: StackLens, width_px: int) -> dict[str, Any]:
    return {
        "focal_length_mm": 1e3 * lens.focal_length_m,
        "f_number": lens.f_number,
        "sensor_width_mm": 1e3 * lens.sensor_width_m,
        "formula": lens.formula,
        "blur_radius_px_per_diopter": round(lens.radius_px_m(width_px), 6),
    }


def _alignment_document(alignment: Alignment, was_asked: bool) -> dict[str, Any]:
    return {
        "asked": was_asked,
        "applied": not alignment.is_still,
        "model": "affine, reference pixel to slice pixel",
        "reference_slice": alignment.reference,
        "largest_move_px": round(alignment.largest_move_px, 3),
        "matrices": [np.round(m[:2], 7).tolist() for m in alignment.matrices],
        "failed_slices": list(alignment.failed),
    }


def _exposure_document(exposure: Exposure) -> dict[str, Any]:
    return {
        "corrected": not exposure.is_even,
        "reference_slice": exposure.reference,
        "gains_rgb": np.round(exposure.gains, 5).tolist(),
        "largest_step": round(exposure.largest_step, 5),
    }


def _light_document(change: LightChange) -> dict[str, Any]:
    return {
        "corrected": not change.is_even,
        "exponents": np.round(1.0 + change.exponents, 5).tolist(),
        "corner_gains": np.round(np.exp(change.corners), 5).tolist(),
        "contrast_step": round(change.contrast_step, 5),
        "corner_step": round(change.corner_step, 5),
    }


def fit_document(fit: Fit | None, names: Sequence[str], *, are_likelier_inverse: bool) -> dict[str, Any]:
    """Return whether the slices fit lens and distances, and what speaks against it.

    Args:
        fit: of a stack whose lens is known; None: of another, of which nothing can be said.
        names: of the slices, nearest first.
        are_likelier_inverse: whether distances fit clearly better as diopters than as metres.
    """
    return {
        "unexplained_share": None if fit is None else round(fit.unexplained, 4),
        "blur_factor": None if fit is None else fit.factor,
        "changed_light": None if fit is None else fit.misfit.light,
        "better_orders": [] if fit is None else [[names[n] for n in order] for order in fit.misfit.orders],
        "distances_fit_as_diopters": are_likelier_inverse,
        "fits": not are_likelier_inverse and (fit is None or fit.fits),
    }


def _shares(
    stack: FocalStack, found: Estimate, confidence: Floats, lens: StackLens | None, width_px: int
) -> dict[str, Any]:
    """Return the parts of the picture that are known well, and those that are not."""
    document: dict[str, Any] = {
        "confidence_mean": round(float(confidence.mean()), 4),
        "share_unsure": round(float((confidence < UNSURE).mean()), 4),
        "share_without_texture": round(_without_texture(stack), 4),
        "share_clipped": round(clipped_part(stack), 4),
    }
    if stack.radius_px_m is None:
        return {**document, "share_in_focus_in_no_slice": None, "identifiable": None}
    blurred = stack.nearest_radius_px(found.diopters) * (width_px / stack.slices.shape[2])
    document["share_in_focus_in_no_slice"] = round(float((blurred > IN_FOCUS_PX).mean()), 4)
    if lens is None:
        return {**document, "identifiable": None}
    depth_m = metres_of(found.diopters, stack.farthest_m)
    reach_m = lens.identifiable_to_m(width_px)
    return {
        **document,
        "identifiable": {
            "to_m": round(reach_m, 4),
            "share": round(float((depth_m <= reach_m).mean()), 4),
            "rule": "a tenth of the depth changes the blur radius by at least 0.25 px",
        },
        "depth_range_m": [round(float(depth_m.min()), 4), round(float(depth_m.max()), 4)],
    }


def _without_texture(stack: FocalStack) -> float:
    """Return the part of the picture where even the sharpest slice shows no more than noise."""
    import cv2

    strongest = np.zeros(stack.slices.shape[1:3], np.float32)
    for one in stack.slices:
        shown = shown_grey(one)
        mean = cv2.GaussianBlur(shown, (0, 0), 3.0)
        spread = cv2.GaussianBlur((shown - mean) ** 2, (0, 0), 3.0)
        noise = max(noise_sigma(shown), 1.0 / 512.0)
        np.maximum(strongest, spread / (4.0 * noise * noise), out=strongest)
    return float((strongest < 1.0).mean())
