"""Between pixels in [-1, 1] and the latents that the transformer reads."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from focusgen.models.flux.parts import Autoencoder
from focusgen.models.flux.vae import encode_posterior


class Codec(Protocol):
    """Pictures to latents and back; `factor` pixels a side become one latent."""

    factor: int
    channels: int

    def to(self, device: torch.device) -> None:
        """Move the codec's weights, if it has any."""

    def enable_gradient_checkpointing(self) -> None:
        """Compute what gradients need of a decoded picture anew, rather than keep it."""

    def encode(self, pixels: Tensor) -> Tensor:
        """Return (B, channels, H / factor, W / factor) of (B, 3, H, W) pixels in [-1, 1]."""

    def decode(self, latents: Tensor) -> Tensor:
        """Return (B, 3, H, W) pixels around [-1, 1], not clamped."""


class VaeCodec:
    """The published autoencoder: latents = (mean - shift_factor) * scaling_factor."""

    def __init__(self, vae: Autoencoder, factor: int, channels: int) -> None:
        self.vae, self.factor, self.channels = vae, factor, channels

    def to(self, device: torch.device) -> None:
        """Move the autoencoder."""
        cast(nn.Module, self.vae).to(device)

    def enable_gradient_checkpointing(self) -> None:
        """Keep what lies between the decoder's blocks alone: blocks of full size take GiB a picture."""
        self.vae.enable_gradient_checkpointing()

    def encode(self, pixels: Tensor) -> Tensor:
        """Return latents; the posterior's mean, no sample."""
        mean = encode_posterior(self.vae, pixels).mean
        return (mean - self.vae.config.shift_factor) * self.vae.config.scaling_factor

    def decode(self, latents: Tensor) -> Tensor:
        """Return pixels; gradients pass."""
        weight = next(self.vae.parameters())
        plain = latents.to(weight.device, weight.dtype) / self.vae.config.scaling_factor
        return self.vae.decode((plain + self.vae.config.shift_factor).contiguous()).sample


class PatchCodec:
    """Pixels put side by side as channels: loses nothing, needs no weights; what the tiny preset uses."""

    factor = 2

    def __init__(self, channels: int = 16) -> None:
        assert channels >= 3 * self.factor**2, "every pixel needs a channel"
        self.channels = channels

    def to(self, device: torch.device) -> None:
        """Do nothing: there are no weights."""

    def enable_gradient_checkpointing(self) -> None:
        """Do nothing: pixels are moved, not computed."""

    def encode(self, pixels: Tensor) -> Tensor:
        """Return latents; channels without a pixel are zero."""
        packed = functional.pixel_unshuffle(pixels, self.factor)
        return functional.pad(packed, (0, 0, 0, 0, 0, self.channels - packed.shape[1]))

    def decode(self, latents: Tensor) -> Tensor:
        """Return pixels."""
        return functional.pixel_shuffle(latents[:, : 3 * self.factor**2], self.factor)


def encode_in_parts(codec: Codec, pixels: Tensor, n_at_once: int) -> Tensor:
    """Return the latents of many pictures, a few at a time, without gradients."""
    with torch.no_grad():
        return torch.cat([codec.encode(part) for part in torch.split(pixels, n_at_once)])
