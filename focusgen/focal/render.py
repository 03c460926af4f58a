"""A focal stack drawn from one sharp picture with depth: the renderer of phase 5, occlusion and all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.focal.stack import StackLens
from focusgen.optics.coc import MAX_RADIUS_OF_WIDTH
from focusgen.optics.transfer import Transfer, display_values, linear_light

Floats = npt.NDArray[np.float32]
MARGIN_PX = 2


def signed_radii_px(depth_m: Floats, focus_m: float, lens: StackLens) -> Floats:
    """Return the blur radius of each pixel, + nearer than the slice's focus; infinity is allowed."""
    limit_px = MAX_RADIUS_OF_WIDTH * depth_m.shape[1]
    return np.clip(_unlimited(depth_m, focus_m, lens), -limit_px, limit_px).astype(np.float32)


def _unlimited(depth_m: Floats, focus_m: float, lens: StackLens) -> npt.NDArray[np.float64]:
    k = lens.radius_px_m(depth_m.shape[1])
    if lens.formula == "exact" and np.isfinite(focus_m):
        k *= focus_m / (focus_m - lens.focal_length_m)
    return np.asarray(k * (1.0 / depth_m.astype(np.float64) - 1.0 / focus_m))


def limited_share(depth_m: Floats, focus_m: float, lens: StackLens) -> float:
    """Return the part of a slice that the lens would blur by more than is drawn, a tenth of the width."""
    limit_px = MAX_RADIUS_OF_WIDTH * depth_m.shape[1]
    return float((np.abs(_unlimited(depth_m, focus_m, lens)) > limit_px).mean())


def render_stack(
    rgb: npt.NDArray[Any],
    depth_m: Floats,
    focus_m: Sequence[float],
    lens: StackLens,
    *,
    transfer: Transfer = "gamma22",
    device: str = "cpu",
) -> Iterator[npt.NDArray[Any]]:
    """Yield one slice per focus distance, (H, W, 3) of the picture's type.

    Args:
        rgb: (H, W, 3) uint8 or uint16, sharp.
        depth_m: (H, W) metres, finite and > 0.
        focus_m: focus distances, metres; inf is allowed.
        lens: formula "exact" takes the magnification of each slice's own distance, the size staying.
        transfer: curve between the picture's values and linear light.
        device: where to compute.
    """
    import torch

    from focusgen.models.bokeh.ocp import render_ocp
    from focusgen.models.bokeh.planes import plane_ladder
    from focusgen.models.devices import pick_device

    where, peak = pick_device(device, "focal render"), float(np.iinfo(rgb.dtype).max)
    margin = min(MARGIN_PX + int(MAX_RADIUS_OF_WIDTH * rgb.shape[1]), *(side for side in rgb.shape[:2]))
    sides = ((margin, margin), (margin, margin))
    wide = np.pad(rgb.astype(np.float32) / np.float32(peak), (*sides, (0, 0)), "symmetric")
    with torch.inference_mode():
        shown = torch.from_numpy(wide).to(where).permute(2, 0, 1)[None]
        linear = linear_light(shown, transfer).contiguous()
        for distance_m in focus_m:
            radii = signed_radii_px(depth_m, distance_m, lens)
            radius = torch.from_numpy(np.pad(radii, sides, "symmetric")).to(where)[None]
            ladder = plane_ladder(float(radii.min()), float(radii.max()))
            drawn = display_values(render_ocp(linear, radius, ladder), transfer)
            inside = drawn[0, :, margin : -margin or None, margin : -margin or None]
            display = inside.permute(1, 2, 0).cpu().numpy()
            yield np.rint(display * peak).astype(rgb.dtype)
