"""The surface behind depth edges, which a defocused foreground lets the lens see.

Pixels on the far side of a depth edge are spread under the near side by a push-pull pyramid.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.models.bokeh.sides import pixels_in, window_extremes

EDGE_STEP_PX = 1.0
"""Neighbours whose blur radii differ by more are two surfaces. A step of 1 px already shows in pictures of
thin twigs: 2 px costs 3.6 dB there, 0.5 px mistakes steep surfaces for edges."""


SEED_REACH_PX = 2
"""Of the far sides in 5 x 5 pixels the farthest go on under the edge."""

BEYOND_PX = 1e6
"""Stands for no radius where the smallest is looked for."""


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


def hidden_fill(rgb: Tensor, radius_px: Tensor, seeds: Tensor, ladder: tuple[float, ...]) -> Tensor:
    """Return the far sides of edges spread over the picture, at half its size.

    Args:
        rgb: (B, 3, H, W) linear light.
        radius_px: (B, 1, H, W) signed blur radius, + nearer.
        seeds: (B, 1, H, W) from `far_side_seeds`.
        ladder: signed radii of the planes; its span bounds how far anything can be seen under an edge.

    Returns:
        (B, 5, H / 2, W / 2) colour and radius times a weight, and that weight.
    """
    return spread_seeds(halved_seeds(rgb, radius_px, seeds), ladder)


def halved_seeds(rgb: Tensor, radius_px: Tensor, seeds: Tensor) -> Tensor:
    """Return sums over 2 x 2 pixels of colour, radius and 1, of the seeds only; (B, 5, H / 2, W / 2).

    A pixel that hides something is no seed: half the size is fine enough, and four times as quick.
    """
    return _halve(torch.cat((rgb, radius_px, torch.ones_like(radius_px)), dim=1) * seeds)


def spread_seeds(halved: Tensor, ladder: tuple[float, ...]) -> Tensor:
    """Return halved seeds spread as far as anything can be seen under an edge; see `hidden_fill`."""
    return push_pull(halved, math.ceil(math.log2(ladder[0] - ladder[-1] + 2.0)))


def hidden_surface(
    radius_px: Tensor, seeds: Tensor, fill: Tensor, ladder: tuple[float, ...]
) -> HiddenSurface:
    """Return the surface behind each pixel, as far as a lens could see under the edge.

    Args:
        radius_px: (B, 1, H, W) signed blur radius, + nearer.
        seeds: (B, 1, H, W) from `far_side_seeds`.
        fill: (B, 5, H / 2, W / 2) from `hidden_fill`.
        ladder: signed radii of the planes.
    """
    filled = _double(fill, radius_px.shape[-2:])
    reached = filled[:, 4:]
    filled = filled[:, :4] / reached.clamp_min(1e-8)
    radius_behind = filled[:, 3:]
    step_px = (radius_px - radius_behind).detach()
    # No lens point sees farther under an edge than the two blur radii differ.
    is_near_enough = distance_px(seeds, ladder[0] - ladder[-1]) <= step_px + 0.5
    is_seen = (step_px > EDGE_STEP_PX) & (reached > 0) & is_near_enough
    return HiddenSurface(filled[:, :3], radius_behind, is_seen.to(filled.dtype))


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
    only_far = radius_px.masked_fill(~far_side, BEYOND_PX)
    seeds = torch.zeros_like(radius_px)
    for radius, candidate, seed in zip(only_far[:, 0], far_side & ~near_side, seeds, strict=True):
        pixels = pixels_in(candidate)
        _, farthest = window_extremes(radius, pixels, SEED_REACH_PX)
        is_seed = (radius.reshape(-1)[pixels] <= farthest + EDGE_STEP_PX) & candidate.reshape(-1)[pixels]
        seed.reshape(-1)[pixels] = is_seed.to(seeds.dtype)
    return seeds


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


def push_pull(weighted: Tensor, levels: int) -> Tensor:
    """Spread weighted samples over the picture, the nearest ones counting most.

    Args:
        weighted: (B, C, H, W) values times their weight; the last channel is the weight, in [0, 1].
        levels: how often the picture is halved; samples reach about 2**levels pixels.

    Returns:
        The same, with a weight > 0 where any sample reached.
    """
    pyramid = [weighted]
    for _ in range(levels):
        if max(pyramid[-1].shape[-2:]) <= 1:
            break
        pyramid.append(_halve(pyramid[-1]))
    spread = pyramid[-1]
    for own in reversed(pyramid[:-1]):
        # In place: half of a large picture is large. The weights hold no gradient worth keeping.
        spread = _double(spread, own.shape[-2:]).mul_(1.0 - own[:, -1:].detach()).add_(own)
    return spread


def _double(x: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")[..., : size[0], : size[1]]


def _halve(weighted: Tensor) -> Tensor:
    """Return sums of 2 x 2 pixels, scaled down where their weight exceeds 1: one full sample is enough."""
    bottom, right = weighted.shape[-2] % 2, weighted.shape[-1] % 2
    # Odd sides are padded with weight 0, not cropped.
    sums = 4.0 * F.avg_pool2d(F.pad(weighted, (0, right, 0, bottom)), 2)
    return sums / sums[:, -1:].clamp_min(1.0)
