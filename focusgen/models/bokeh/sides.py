"""The two surfaces that meet at a depth edge: the colour of each, as seen beside the edge."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE_FRACTION = 0.25
"""A pixel belongs to a side when it lies within this part of the step from that side's radius."""


class SideColour(NamedTuple):
    """Mean colour of one side around n pixels.

    Attributes:
        rgb: (3, n).
        variance: (n,) summed over the channels.
        weight: (n,) 0 where nothing of this side was found.
    """

    rgb: Tensor
    variance: Tensor
    weight: Tensor


def pixels_in(mask: Tensor) -> Tensor:
    """Return flat indices of the pixels that need work: those of the mask, or all of them on a GPU.

    Counting the mask would make the host wait for the GPU, which is quicker at doing them all.
    """
    if mask.device.type == "cpu":
        return mask.reshape(-1).nonzero()[:, 0]
    return torch.arange(mask.numel(), device=mask.device)


def window_extremes(values: Tensor, pixels: Tensor, reach_px: int) -> tuple[Tensor, Tensor]:
    """Return the largest and the smallest value in the windows around some pixels of one frame.

    Args:
        values: (H, W).
        pixels: (n,) flat indices.
        reach_px: the window has 2 reach + 1 pixels a side.
    """
    width = values.shape[-1]
    samples = F.pad(values[None, None], (reach_px,) * 4, mode="replicate").reshape(-1)
    corner = (pixels // width) * (width + 2 * reach_px) + pixels % width
    highest = lowest = values.reshape(-1)[pixels]
    for dy, dx in itertools.product(range(2 * reach_px + 1), repeat=2):
        tap = samples[corner + (dy * (width + 2 * reach_px) + dx)]
        highest, lowest = torch.maximum(highest, tap), torch.minimum(lowest, tap)
    return highest, lowest


def side_colours(
    rgb: Tensor,
    radius_px: Tensor,
    trust: Tensor,
    pixels: Tensor,
    near_px: Tensor,
    far_px: Tensor,
    *,
    reach_px: int,
    falloff: float,
) -> tuple[SideColour, SideColour]:
    """Return the mean colours of the near and of the far side around some pixels of one frame.

    Args:
        rgb: (3, H, W).
        radius_px: (H, W) signed blur radius.
        trust: (H, W) how much each pixel counts.
        pixels: (n,) flat indices.
        near_px: (n,) radius of the near side at these pixels.
        far_px: (n,) of the far side.
        reach_px: the window has 2 reach + 1 pixels a side.
        falloff: neighbours count by their distance to the power -falloff.
    """
    width = rgb.shape[-1]
    grown = F.pad(torch.cat((rgb, radius_px[None], trust[None]))[None], (reach_px,) * 4, mode="replicate")
    samples = grown.reshape(5, -1)
    corner = (pixels // width) * (width + 2 * reach_px) + pixels % width
    margin = SIDE_FRACTION * (near_px - far_px)
    near_sums, far_sums = rgb.new_zeros(5, len(pixels)), rgb.new_zeros(5, len(pixels))
    for dy, dx in itertools.product(range(-reach_px, reach_px + 1), repeat=2):
        offset = (dy + reach_px) * (width + 2 * reach_px) + dx + reach_px
        tap = samples[:, corner + offset]
        counts = tap[4] * max(dy * dy + dx * dx, 1) ** (-0.5 * falloff)
        terms = torch.cat((tap[:3], (tap[:3] ** 2).sum(0, keepdim=True), torch.ones_like(tap[:1]))) * counts
        near_sums = near_sums + terms * (tap[3] >= near_px - margin)
        far_sums = far_sums + terms * (tap[3] <= far_px + margin)
    return _mean_colour(near_sums), _mean_colour(far_sums)


def _mean_colour(sums: Tensor) -> SideColour:
    mean = sums[:4] / sums[4].clamp_min(1e-6)
    variance = (mean[3] - (mean[:3] ** 2).sum(0)).clamp_min(0.0)
    return SideColour(mean[:3], variance, sums[4])
