"""Moves the soft edges of predicted depth onto the edges of the picture, before they are rendered.

A predicted depth map crosses an edge in a ramp of several pixels, and a renderer draws the values of that
ramp as surfaces which do not exist. Each pixel of such a ramp is given to one of its two ends.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.models.bokeh.sides import pixels_in, side_colours

RAMP_STEP_PX = 2.0
"""Windows whose radii span less are left alone."""

WINDOW_PX = 5
"""Side of the window in which a ramp is looked for."""

COLOUR_REACH_PX = 3
"""The colours of both sides are averaged over 7 x 7 pixels."""


def snap_to_colour_edges(display_rgb: Tensor, signed_radius_px: Tensor) -> Tensor:
    """Return radii in which each pixel of a ramp has the radius of the side whose colour it is closer to.

    Args:
        display_rgb: (B, 3, H, W) as seen, not linear: colour differences should be what an eye would see.
        signed_radius_px: (B, H, W).

    Returns:
        (B, H, W).
    """
    radius = signed_radius_px[:, None]
    near = F.max_pool2d(radius, WINDOW_PX, stride=1, padding=WINDOW_PX // 2)
    far = -F.max_pool2d(-radius, WINDOW_PX, stride=1, padding=WINDOW_PX // 2)
    is_ramp = (near - far > RAMP_STEP_PX)[:, 0]
    chosen = [
        _closer_side(rgb, r, n, f, m)
        for rgb, r, n, f, m in zip(display_rgb, radius[:, 0], near[:, 0], far[:, 0], is_ramp, strict=True)
    ]
    return torch.stack(chosen)


def _closer_side(rgb: Tensor, radius: Tensor, near: Tensor, far: Tensor, is_ramp: Tensor) -> Tensor:
    pixels = pixels_in(is_ramp)
    own, n, f = (x.reshape(-1)[pixels] for x in (radius, near, far))
    sides = side_colours(
        rgb, radius, torch.ones_like(radius), pixels, n, f, reach_px=COLOUR_REACH_PX, falloff=0.0
    )
    colour = rgb.reshape(3, -1)[:, pixels]
    to_near, to_far = (((colour - side.rgb) ** 2).sum(0) for side in sides)
    chosen = torch.where(to_near <= to_far, n, f)
    chosen = torch.where(is_ramp.reshape(-1)[pixels], chosen, own)
    return radius.reshape(-1).index_copy(0, pixels, chosen).reshape(radius.shape)
