"""A FLUX whose layers are so small that every number can be worked out: no blocks, four channels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from focusgen.models.flux.weights import DoubleBlock, FluxWeights, Projection, SingleBlock

WIDTH = 4


def projection(rows: int, seed: int, low_rank: Any = None) -> Projection:
    """Return a seeded layer from WIDTH channels to `rows` tables of WIDTH channels."""
    linear = nn.Linear(WIDTH, rows * WIDTH).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    linear.weight.copy_(torch.randn(linear.weight.shape, generator=generator))
    linear.bias.copy_(torch.randn(linear.bias.shape, generator=generator))
    return Projection(linear, low_rank or {})


def embed(times: Tensor, *rest: Tensor) -> Tensor:
    """Return (n, WIDTH) that tells time, guidance and pooled prompt apart."""
    *guidance, pooled = rest
    strength = guidance[0] if guidance else torch.zeros_like(times)
    return torch.stack([times, strength, pooled.sum(1), torch.ones_like(times)], dim=1) / 1000.0


def weights(
    double: tuple[Projection, ...] = (),
    single: tuple[Projection, ...] = (),
    *,
    has_guidance: bool = True,
    **changes: Any,
) -> FluxWeights:
    """Return weights of blocks of which only the modulation is there."""

    def of_block(kind: type, **parts: Projection) -> Any:
        return kind(**{**dict.fromkeys(kind.__dataclass_fields__), **parts})

    x_embedder = Projection(nn.Linear(64, WIDTH).requires_grad_(False), {})
    return FluxWeights(
        **{
            "x_embedder": x_embedder,
            "text_embedder": nn.Linear(3, WIDTH).requires_grad_(False),
            "time_text_embed": embed,
            "double": tuple(
                of_block(DoubleBlock, modulation=p, text_modulation=projection(6, 99)) for p in double
            ),
            "single": tuple(of_block(SingleBlock, modulation=p) for p in single),
            "final_modulation": projection(2, 7),
            "final_out": nn.Identity(),
            "n_heads": 1,
            "rotary_axes": (0, 2, 2),
            "has_guidance": has_guidance,
            "device": torch.device("cpu"),
            "dtype": torch.float32,
            **changes,
        }
    )


class PooledVae:
    """Latents are means of 8 x 8 pixels, repeated over 16 channels; decoding spreads them again."""

    config = SimpleNamespace(shift_factor=0.25, scaling_factor=2.0)

    def __init__(self) -> None:
        self.encoded: list[Tensor] = []

    def parameters(self) -> Any:
        """Yield one weight."""
        yield nn.Parameter(torch.zeros(1))

    def encode(self, pixels: Tensor) -> Any:
        """Return the posterior."""
        self.encoded.append(pixels)
        mean = nn.functional.avg_pool2d(pixels.mean(1, keepdim=True), 8).repeat(1, 16, 1, 1)
        return SimpleNamespace(latent_dist=SimpleNamespace(mean=mean, std=torch.full_like(mean, 0.5)))

    def decode(self, latents: Tensor) -> Any:
        """Return the pixels."""
        return SimpleNamespace(sample=latents[:, :3].repeat_interleave(8, 2).repeat_interleave(8, 3))
