"""The simple baseline: each pixel gathers the disc of its own radius, whatever lies there."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.models.bokeh.discs import Span, convolve_disc, disc_reach_px
from focusgen.models.bokeh.planes import plane_ladder, plane_position, plane_weight


def render_gather(linear_rgb: Tensor, signed_radius_px: Tensor) -> Tensor:
    """Return the picture with each pixel averaged over the disc of its own radius.

    Knows no occlusion: the comparison that the ordered planes are measured against. Between two radii of
    the ladder the blurred pictures are blended.

    Args:
        linear_rgb: (B, 3, H, W) linear light.
        signed_radius_px: (B, H, W); the sign is not used.

    Returns:
        (B, 3, H, W) linear light.
    """
    radius = signed_radius_px.abs()[:, None]
    ladder = plane_ladder(0.0, max(float(radius.max()), 1e-6))
    position = plane_position(radius, ladder)
    height, width = linear_rgb.shape[-2:]
    out = torch.zeros_like(linear_rgb)
    for index, plane_px in enumerate(ladder):
        reach = disc_reach_px(plane_px)
        padded = F.pad(linear_rgb, (reach,) * 4, mode="replicate") if reach else linear_rgb
        rows, columns = Span(-reach, height + reach, 0, height), Span(-reach, width + reach, 0, width)
        out += plane_weight(position, index) * convolve_disc(padded, plane_px, rows, columns)
    return out
