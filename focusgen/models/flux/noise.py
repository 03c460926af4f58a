"""Noise that belongs to a name: the same key draws the same numbers on every node and kind of GPU."""

from __future__ import annotations

import torch
from torch import Tensor

from focusgen.base.seeds import derive_seed
from focusgen.models.flux.tokens import LATENT_CHANNELS, Grid, pack


def normal(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Return standard normal float32 numbers of one seed.

    Drawn on the CPU by an own generator: a GPU's stream differs between models, and torch's global stream
    depends on whatever ran before.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float32)


def latent_shape(grid: Grid) -> tuple[int, ...]:
    """Return the shape of a picture's latents."""
    return 1, LATENT_CHANNELS, 2 * grid.rows, 2 * grid.columns


def initial_tokens(seed: int, grid: Grid) -> Tensor:
    """Return (1, tokens, 64) noise that denoising starts from."""
    return pack(normal(seed, latent_shape(grid)))


def posterior_noise(seed: int, grid: Grid) -> Tensor:
    """Return (1, 16, h, w) noise of one sample of the VAE's posterior."""
    return normal(seed, latent_shape(grid))


def frame_seed(run_seed: int, scene_id: str, frame_index: int, draw: int, purpose: str) -> int:
    """Return the seed of one frame, draw and purpose: independent of all others."""
    return derive_seed(run_seed, "flux", scene_id, frame_index, draw, purpose)


def set_seed(run_seed: int, scene_id: str, set_index: int, purpose: str) -> int:
    """Return the seed that all frames of one lens set share."""
    return derive_seed(run_seed, "flux", scene_id, "set", set_index, purpose)
