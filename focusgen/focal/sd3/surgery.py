"""The transformer made to read more channels and to answer for several pictures at once.

New columns of the patch embedding are zero and further heads are copies of the first, so that the widened
model answers as the published one did, whatever stands in the new channels.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from focusgen.focal.sd3.parts import config_of


def widen(transformer: nn.Module, extra_channels: int, n_outputs: int) -> nn.Module:
    """Widen a transformer in place and return it.

    Args:
        transformer: diffusers' SD3Transformer2DModel.
        extra_channels: read after those that it reads already.
        n_outputs: pictures that one pass answers for, (B, n_outputs * C, h, w).
    """
    model, config = cast(Any, transformer), config_of(transformer)
    n_patch, n_channels = int(config["patch_size"]) ** 2, int(config["out_channels"])
    model.pos_embed.proj = _wider_conv(model.pos_embed.proj, extra_channels)
    model.proj_out = _more_outputs(model.proj_out, n_patch, n_channels, n_outputs)
    model.out_channels = n_channels * n_outputs
    model.register_to_config(
        in_channels=int(config["in_channels"]) + extra_channels, out_channels=n_channels * n_outputs
    )
    return transformer


@torch.no_grad()
def _wider_conv(conv: nn.Conv2d, extra_channels: int) -> nn.Conv2d:
    weight = conv.weight
    new = nn.Conv2d(
        conv.in_channels + extra_channels,
        conv.out_channels,
        kernel_size=cast(Any, conv.kernel_size),
        stride=cast(Any, conv.stride),
        bias=conv.bias is not None,
        device=weight.device,
        dtype=weight.dtype,
    )
    zeros = weight.new_zeros((weight.shape[0], extra_channels, *weight.shape[2:]))
    new.weight.copy_(torch.cat([weight, zeros], 1))
    if conv.bias is not None and new.bias is not None:
        new.bias.copy_(conv.bias)
    return new


@torch.no_grad()
def _more_outputs(linear: nn.Linear, n_patch: int, n_channels: int, n_outputs: int) -> nn.Linear:
    weight = linear.weight
    new = nn.Linear(
        linear.in_features, linear.out_features * n_outputs, device=weight.device, dtype=weight.dtype
    )
    new.weight.copy_(interleaved([weight] * n_outputs, n_patch, n_channels))
    new.bias.copy_(interleaved([linear.bias] * n_outputs, n_patch, n_channels))
    return new


def interleaved(heads: list[Tensor], n_patch: int, n_channels: int) -> Tensor:
    """Return the rows of several heads as one projection.

    A token's vector is (p, p, channel) with the channel fastest: heads take turns at each place of it.
    """
    parts = [head.reshape(n_patch, n_channels, *head.shape[1:]) for head in heads]
    return torch.cat(parts, 1).reshape(n_patch * n_channels * len(heads), *heads[0].shape[1:])
