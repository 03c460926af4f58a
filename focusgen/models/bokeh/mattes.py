"""Edge pixels hold light of two surfaces although depth names one: here the light is given back to both.

A pixel of a sharp picture averages over its square, so the silhouette of a subject runs through its pixels.
Drawn with the blur of one surface, the light of the other is blurred wrongly: a sharp subject before a far
wall gets a rim. How much of each surface a pixel holds is read from its colour, between those beside it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from focusgen.models.bokeh.sides import pixels_in, side_colours, window_extremes

REACH_PX = 2
"""Pure colours come from 5 x 5 pixels, the closest counting most."""

LEAST_SHARE = 0.5
"""The surface at the centre of a pixel holds at least half of it, if its edge is straight."""

NOISE_VARIANCE = 0.03
"""Squared contrast, in linear light, at which a share read from colours is trusted by half."""


class EdgeSplit(NamedTuple):
    """The picture with edge pixels divided between their two surfaces.

    Attributes:
        rgb: (B, 3, H, W) colour of the surface that depth names.
        share: (B, 1, H, W) part of the pixel that it covers; below 1 only where it is the near surface.
        front_rgb: (B, 3, H, W) colour of the nearer surface that covers the rest; elsewhere 0.
        front_share: (B, 1, H, W) that part; 0 but on far sides of edges.
        front_radius_px: (B, 1, H, W) blur radius of that surface.
    """

    rgb: Tensor
    share: Tensor
    front_rgb: Tensor
    front_share: Tensor
    front_radius_px: Tensor


def split_edge_pixels(rgb: Tensor, radius_px: Tensor, is_edge: Tensor, peak: float = 1.0) -> EdgeSplit:
    """Divide the pixels along depth edges.

    Args:
        rgb: (B, 3, H, W) linear light.
        radius_px: (B, 1, H, W) signed blur radius.
        is_edge: (B, 1, H, W) both sides of every edge.
        peak: the brightest light that there is; no surface is taken for brighter.
    """
    frames = [_split_frame(*frame, peak) for frame in zip(rgb, radius_px, is_edge, strict=True)]
    values = frames[0][None] if len(frames) == 1 else torch.stack(frames)
    return EdgeSplit(*torch.split(values, [3, 1, 3, 1, 1], dim=1))


def _split_frame(rgb: Tensor, radius_px: Tensor, is_edge: Tensor, peak: float) -> Tensor:
    """Return (9, H, W): colour, share; colour, share and radius of the surface in front."""
    pixels = pixels_in(is_edge)
    nothing = torch.zeros_like(radius_px)
    whole = torch.cat((rgb, torch.ones_like(radius_px), nothing.expand(3, -1, -1), nothing, nothing))
    flat = whole.reshape(9, -1)
    own = radius_px.reshape(-1)[pixels]
    near, far = window_extremes(radius_px[0], pixels, 1)
    near_side, far_side = side_colours(
        rgb, radius_px[0], (~is_edge[0]).to(rgb), pixels, near, far, reach_px=REACH_PX, falloff=2.0
    )
    is_near = own >= 0.5 * (near + far)
    colour = flat[:3, pixels]
    share = _near_share(colour, near_side.rgb, far_side.rgb, near_side.variance + far_side.variance, is_near)
    is_known = (near_side.weight > 0) & (far_side.weight > 0) & is_edge.reshape(-1)[pixels]
    of_near = (colour - (1.0 - share) * far_side.rgb) / share.clamp_min(LEAST_SHARE)
    of_far = (colour - share * near_side.rgb) / (1.0 - share).clamp_min(LEAST_SHARE)
    front = share * (is_known & ~is_near)
    split = torch.cat(
        (
            torch.where(is_known, torch.where(is_near, of_near, of_far).clamp(0.0, peak), colour),
            torch.where(is_known & is_near, share, torch.ones_like(share))[None],
            near_side.rgb * (front > 0),
            front[None],
            near[None],
        )
    )
    return flat.index_copy_(1, pixels, split).reshape(whole.shape)


def _near_share(colour: Tensor, near: Tensor, far: Tensor, variance: Tensor, is_near: Tensor) -> Tensor:
    """Return the part of each pixel that the near surface covers, (n,)."""
    contrast = near - far
    squared = (contrast**2).sum(0)
    share = ((colour - far) * contrast).sum(0) / squared.clamp_min(1e-8)
    share = torch.where(is_near, share.clamp(LEAST_SHARE, 1.0), share.clamp(0.0, 1.0 - LEAST_SHARE))
    trust = squared / (squared + variance + NOISE_VARIANCE)
    named = is_near.to(share.dtype)
    return named + trust * (share - named)
