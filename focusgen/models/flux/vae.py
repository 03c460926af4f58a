"""Between pixels and tokens: FLUX's autoencoder, batched."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from focusgen.models.flux.parts import Autoencoder
from focusgen.models.flux.tokens import Grid, pack, unpack


class Posterior(NamedTuple):
    """What the encoder says of a picture's latents, (B, 16, h, w) each."""

    mean: Tensor
    std: Tensor


def encode_posterior(vae: Autoencoder, pixels: Tensor, *, is_sliced: bool = False) -> Posterior:
    """Return mean and spread of the latents of (B, 3, H, W) pixels, as they are: no preprocessing here.

    Args:
        vae: diffusers' AutoencoderKL.
        pixels: what it is fed.
        is_sliced: one picture at a time.
    """
    weight = next(vae.parameters())
    parts = []
    for part in torch.split(pixels, 1 if is_sliced else len(pixels)):
        # Channels-last input loses digits in torch's CPU GroupNorm on flat pictures (1.6e-3 on black).
        distribution = vae.encode(part.to(weight.device, weight.dtype).contiguous()).latent_dist
        parts.append((distribution.mean, distribution.std))
    return Posterior(*(torch.cat(values) for values in zip(*parts, strict=True)))


def tokens_of(vae: Autoencoder, posterior: Posterior, noise: Tensor | None) -> Tensor:
    """Return (B, tokens, 64) of a posterior: its mean, or a sample where noise (B, 16, h, w) is given."""
    latents = posterior.mean
    if noise is not None:
        latents = latents + posterior.std * noise.to(latents.device, latents.dtype)
    return pack((latents - vae.config.shift_factor) * vae.config.scaling_factor)


def decode(vae: Autoencoder, tokens: Tensor, grid: Grid, *, is_sliced: bool = False) -> Tensor:
    """Return (B, 3, H, W) pixels around [-1, 1], not clamped."""
    weight = next(vae.parameters())
    latents = unpack(tokens.to(weight.device, weight.dtype), grid)
    latents = latents / vae.config.scaling_factor + vae.config.shift_factor
    parts = torch.split(latents, 1 if is_sliced else len(latents))
    return torch.cat([vae.decode(part.contiguous()).sample for part in parts])


def to_unit(pixels: Tensor) -> Tensor:
    """Return pixels in [0, 1]."""
    return (pixels / 2 + 0.5).clamp(0, 1)


def to_frames(pixels: Tensor) -> Tensor:
    """Return (B, 3, H, W) decoded pixels as (B, H, W, 3) uint8."""
    levels = (to_unit(pixels.float()) * 255.0).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous()
