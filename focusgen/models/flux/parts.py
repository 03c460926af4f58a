"""What is read of diffusers' models, as types: the library itself is imported only where they are loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from torch import Tensor, nn

Layer = Callable[[Tensor], Tensor]
"""A projection that is called and nothing else."""


class Norm(Protocol):
    """A norm with a learnt scale."""

    weight: Tensor

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return the normalised values."""


class Linear(Protocol):
    """A linear layer, perhaps quantised, perhaps with hooks that fetch its weights."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return W x + b."""


class Latents(Protocol):
    """A VAE's posterior."""

    mean: Tensor
    std: Tensor


class Encoded(Protocol):
    """What `encode` returns."""

    latent_dist: Latents


class Decoded(Protocol):
    """What `decode` returns."""

    sample: Tensor


class AutoencoderConfig(Protocol):
    """How latents are shifted and scaled."""

    shift_factor: float
    scaling_factor: float


class Autoencoder(Protocol):
    """diffusers' AutoencoderKL."""

    config: AutoencoderConfig

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield its weights."""

    def enable_gradient_checkpointing(self) -> None:
        """Compute what gradients need of a block anew, rather than keep it."""

    def encode(self, pixels: Tensor, /) -> Encoded:
        """Return the posterior of (B, 3, H, W) pixels."""

    def decode(self, latents: Tensor, /) -> Decoded:
        """Return pixels of (B, 16, H / 8, W / 8) latents."""
