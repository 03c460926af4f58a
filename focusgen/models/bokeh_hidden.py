"""The surface behind depth edges, which a defocused foreground lets the lens see.

Pixels on the far side of a depth edge are spread under the near side by a push-pull pyramid.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

EDGE_STEP_PX = 1.0
"""Neighbours whose blur radii differ by more are two surfaces. A step of 1 px already shows in pictures of
thin twigs: 2 px costs 3.6 dB there, 0.5 px mistakes steep surfaces for edges."""


class HiddenSurface(NamedTuple):
    """What lies behind the visible surface.

    Attributes:
        rgb: (B, 3, H, W) linear light.
        radius_px: (B, 1, H, W) signed blur radius.
        weight: (B, 1, H, W) 1 where the surface exists, else 0.
    """

    rgb: Tensor
    radius_px: Tensor
    weight: Tensor


def hidden_surface(
    rgb: Tensor, radius_px: Tensor, near_side: Tensor, far_side: Tensor, ladder: tuple[float, ...]
) -> HiddenSurface:
    """Return the surface behind each pixel, as far as a lens could see under the edge.

    Args:
        rgb: (B, 3, H, W) linear light.
        radius_px: (B, 1, H, W) signed blur radius, + nearer.
        near_side: (B, 1, H, W) near pixels of every edge, from `edge_sides`.
        far_side: (B, 1, H, W) far pixels of every edge.
        ladder: signed radii of the planes; its span bounds how far anything can be seen under an edge.
    """
    span_px = ladder[0] - ladder[-1]
    seeds = far_side_seeds(radius_px.detach(), near_side, far_side)
    values = torch.cat((rgb, radius_px), dim=1)
    levels = math.ceil(math.log2(span_px + 2.0))
    filled, reached = push_pull(values, seeds, levels)
    radius_behind = filled[:, 3:]
    step_px = (radius_px - radius_behind).detach()
    # No lens point sees farther under an edge than the two blur radii differ.
    is_seen = (step_px > EDGE_STEP_PX) & (reached > 0) & (distance_px(seeds, span_px) <= step_px + 0.5)
    return HiddenSurface(filled[:, :3], radius_behind, is_seen.to(rgb.dtype))


def distance_px(seeds: Tensor, limit_px: float) -> Tensor:
    """Return the distance to the nearest seed, in whole pixels of an octagonal norm within 8 % of a circle's.

    Args:
        seeds: (B, 1, H, W), 1 on seeds.
        limit_px: larger distances are returned as about this.
    """
    reached = seeds > 0
    distance = torch.zeros_like(seeds, dtype=torch.uint8)
    for step in range(min(math.ceil(limit_px) + 1, 255)):
        distance += ~reached
        reached = _dilate(reached, with_corners=step % 5 in (1, 3))
    return distance


def _dilate(mask: Tensor, *, with_corners: bool) -> Tensor:
    out = mask.clone()
    for dim in (-2, -1):
        given, n = out.clone() if with_corners else mask, mask.shape[dim] - 1
        out.narrow(dim, 0, n).logical_or_(given.narrow(dim, 1, n))
        out.narrow(dim, 1, n).logical_or_(given.narrow(dim, 0, n))
    return out


def far_side_seeds(radius_px: Tensor, near_side: Tensor, far_side: Tensor) -> Tensor:
    """Return 1 on pixels that continue under a nearer neighbour, else 0; (B, 1, H, W)."""
    high = torch.full_like(radius_px, 1e6)
    farthest = -F.max_pool2d(-torch.where(far_side, radius_px, high), 5, stride=1, padding=2)
    return (far_side & ~near_side & (radius_px <= farthest + EDGE_STEP_PX)).to(radius_px.dtype)


def edge_sides(radius_px: Tensor) -> tuple[Tensor, Tensor]:
    """Return (near side, far side) of every edge between 4-neighbours, two (B, 1, H, W) masks."""
    near = torch.zeros_like(radius_px, dtype=torch.bool)
    far = torch.zeros_like(near)
    for dim in (-2, -1):
        n = radius_px.shape[dim] - 1
        step = radius_px.narrow(dim, 1, n) - radius_px.narrow(dim, 0, n)
        up, down = step > EDGE_STEP_PX, step < -EDGE_STEP_PX
        near.narrow(dim, 1, n).logical_or_(up)
        far.narrow(dim, 0, n).logical_or_(up)
        near.narrow(dim, 0, n).logical_or_(down)
        far.narrow(dim, 1, n).logical_or_(down)
    return near, far


def push_pull(values: Tensor, weight: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Spread weighted samples over the picture.

    Args:
        values: (B, C, H, W).
        weight: (B, 1, H, W) in [0, 1], the trust in each sample.
        levels: how often the picture is halved; samples reach about 2**levels pixels.

    Returns:
        The filled values, and a weight that is > 0 where any sample reached.
    """
    pyramid = [(values * weight, weight)]
    for _ in range(levels):
        if max(pyramid[-1][0].shape[-2:]) <= 1:
            break
        pyramid.append((_halve(pyramid[-1][0]), _halve(pyramid[-1][1])))
    coarse_v, coarse_w = pyramid[-1]
    for own_v, own_w in reversed(pyramid[:-1]):
        size = own_w.shape[-2:]
        up_v = F.interpolate(coarse_v, scale_factor=2.0, mode="bilinear")[..., : size[0], : size[1]]
        up_w = F.interpolate(coarse_w, scale_factor=2.0, mode="bilinear")[..., : size[0], : size[1]]
        room = (1.0 - own_w).clamp_min(0.0)
        coarse_v = own_v + room * up_v
        coarse_w = own_w + room * up_w
    return coarse_v / coarse_w.clamp_min(1e-8), coarse_w


def _halve(x: Tensor) -> Tensor:
    bottom, right = x.shape[-2] % 2, x.shape[-1] % 2
    # Zero weight beyond the frame: odd sides are padded, not cropped.
    return F.avg_pool2d(F.pad(x, (0, right, 0, bottom)), 2)
