"""Moves the soft edges of predicted depth onto the edges of the picture, before they are rendered.

A predicted depth map crosses an edge in a ramp of several pixels, and a renderer draws the values of that
ramp as surfaces which do not exist. Each pixel of such a ramp is given to one of its two ends.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.models.bokeh_hidden import EDGE_STEP_PX

WINDOW_PX = 5
"""Side of the window in which a ramp is looked for."""

COLOUR_REACH_PX = 3
"""The colours of both sides are averaged over 7 x 7 pixels."""

SIDE_FRACTION = 0.25
"""A pixel belongs to a side when it lies within this part of the step from that side's radius."""


def snap_to_colour_edges(
    display_rgb: Tensor, signed_radius_px: Tensor, step_px: float = EDGE_STEP_PX
) -> Tensor:
    """Return radii in which each pixel of a ramp has the radius of the side whose colour it is closer to.

    Args:
        display_rgb: (B, 3, H, W) as seen, not linear: colour differences should be what an eye would see.
        signed_radius_px: (B, H, W).
        step_px: windows that span less are left alone.

    Returns:
        (B, H, W).
    """
    radius = signed_radius_px[:, None]
    near = F.max_pool2d(radius, WINDOW_PX, stride=1, padding=WINDOW_PX // 2)
    far = -F.max_pool2d(-radius, WINDOW_PX, stride=1, padding=WINDOW_PX // 2)
    is_ramp = (near - far > step_px)[:, 0]
    chosen = [
        _closer_side(rgb, r, n, f, m)
        for rgb, r, n, f, m in zip(display_rgb, radius[:, 0], near[:, 0], far[:, 0], is_ramp, strict=True)
    ]
    return torch.stack(chosen)


def _closer_side(rgb: Tensor, radius: Tensor, near: Tensor, far: Tensor, is_ramp: Tensor) -> Tensor:
    width = rgb.shape[-1] + 2 * COLOUR_REACH_PX
    padded = F.pad(torch.cat((rgb, radius[None]))[None], (COLOUR_REACH_PX,) * 4, mode="replicate")[0]
    padded = padded.reshape(4, -1)
    # On a CPU only the pixels of ramps are looked at; counting them on a GPU would make the host wait.
    where = is_ramp.reshape(-1).nonzero()[:, 0] if rgb.device.type == "cpu" else None
    if where is None:
        where = torch.arange(is_ramp.numel(), device=rgb.device)
    rows, columns = where // rgb.shape[-1], where % rgb.shape[-1]
    corner = rows * width + columns
    n, f = near.reshape(-1)[where], far.reshape(-1)[where]
    distance_near, distance_far = _colour_distances(padded, corner, width, rgb.reshape(3, -1)[:, where], n, f)
    result = radius.reshape(-1).clone()
    result[where] = torch.where(
        is_ramp.reshape(-1)[where], torch.where(distance_near <= distance_far, n, f), result[where]
    )
    return result.reshape(radius.shape)


def _colour_distances(
    padded: Tensor, corner: Tensor, width: int, own: Tensor, near: Tensor, far: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the squared distance of each pixel's colour to the mean colour of the near and the far side."""
    margin = SIDE_FRACTION * (near - far)
    sums = [torch.zeros(4, len(corner), device=padded.device) for _ in range(2)]
    side = 2 * COLOUR_REACH_PX + 1
    for dy, dx in itertools.product(range(side), range(side)):
        tap = padded[:, corner + (dy * width + dx)]
        rgb1 = torch.cat((tap[:3], torch.ones_like(tap[:1])))
        sums[0] += rgb1 * (tap[3] >= near - margin)
        sums[1] += rgb1 * (tap[3] <= far + margin)
    means = [total[:3] / total[3:].clamp_min(1.0) for total in sums]
    distances = [((own - mean) ** 2).sum(0) for mean in means]
    return distances[0], distances[1]
