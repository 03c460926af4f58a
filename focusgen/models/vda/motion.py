"""The motion module: attention along time, at each pixel on its own. All temporal mixing is here."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from focusgen.models.vda.variants import WINDOW_FRAMES

N_HEADS = 8
N_GROUPS = 32
GROUP_NORM_EPS = 1e-6
SINUSOID_BASE = 10_000.0

MAX_SEQUENCES = 32_768
"""Pixels handled by one call: CUDA's attention kernels take at most 65,535 batch entries."""


def sinusoid_table(n_positions: int, width: int) -> Tensor:
    """Return the fixed (1, n_positions, width) table: sine on even channels, cosine on odd."""
    position = torch.arange(n_positions, dtype=torch.float64)[:, None]
    channel = torch.arange(0, width, 2, dtype=torch.float64)
    angle = position * torch.exp(channel * (-math.log(SINUSOID_BASE) / width))
    table = torch.zeros(1, n_positions, width, dtype=torch.float64)
    table[0, :, 0::2] = angle.sin()
    table[0, :, 1::2] = angle.cos()
    return table.float()


class TimePositions(nn.Module):
    """Absolute positions in time, added to what queries, keys and values are made of."""

    pe: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("pe", sinusoid_table(WINDOW_FRAMES, width))

    def forward(self, x: Tensor) -> Tensor:
        """Return (S, T, C) with the first T rows of the table added."""
        return x + self.pe[:, : x.shape[1]]


class TimeAttention(nn.Module):
    """Full (not causal) attention over the T entries of a sequence."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pos_encoder = TimePositions(width)
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(width, width, bias=False)
        self.to_v = nn.Linear(width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor) -> Tensor:
        """Return (S, T, C) -> same shape."""
        x = self.pos_encoder(x)
        query, key, value = (
            layer(x).unflatten(-1, (N_HEADS, -1)).transpose(1, 2)
            for layer in (self.to_q, self.to_k, self.to_v)
        )
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.to_out[0](mixed.transpose(1, 2).flatten(2))
        return out


class GatedLinear(nn.Module):
    """GEGLU: one half of the channels gates the other."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., C) -> (..., inner)."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        out: Tensor = value * F.gelu(gate)
        return out


class FeedForward(nn.Module):
    """GEGLU and a linear layer back; entry 1 was a dropout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([GatedLinear(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        gated = self.net[0](x)
        out: Tensor = self.net[2](gated)
        return out


class TimeBlock(nn.Module):
    """Two attentions along time and a feed-forward layer, each on the normalised input, each added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention_blocks = nn.ModuleList(TimeAttention(width) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.ff = FeedForward(width)
        self.ff_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (S, T, C) -> same shape."""
        for norm, attention in zip(self.norms, self.attention_blocks, strict=True):
            x = x + attention(norm(x))
        out: Tensor = x + self.ff(self.ff_norm(x))
        return out


class TimeTransformer(nn.Module):
    """Normalisation per frame, one block along time, and the way back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.max_sequences = MAX_SEQUENCES
        self.norm = nn.GroupNorm(N_GROUPS, width, eps=GROUP_NORM_EPS)
        self.proj_in = nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([TimeBlock(width)])
        self.proj_out = nn.Linear(width, width)

    def forward(self, maps: Tensor, n_frames: int) -> Tensor:
        """Return (B*T, C, h, w) -> what is added to them, same shape."""
        _, width, rows, columns = maps.shape
        normed = self.norm(maps).reshape(-1, n_frames, width, rows * columns)
        tokens = normed.permute(0, 3, 1, 2).reshape(-1, n_frames, width)  # (B*h*w, T, C)
        parts = [self._along_time(part) for part in tokens.split(self.max_sequences)]
        mixed = parts[0] if len(parts) == 1 else torch.cat(parts)
        mixed = mixed.reshape(-1, rows * columns, n_frames, width).permute(0, 2, 3, 1)
        return mixed.reshape(-1, width, rows, columns)

    def _along_time(self, tokens: Tensor) -> Tensor:
        x = self.proj_in(tokens)
        for block in self.transformer_blocks:
            x = block(x)
        out: Tensor = self.proj_out(x)
        return out


class MotionModule(nn.Module):
    """A residual temporal transformer on feature maps."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.temporal_transformer = TimeTransformer(width)

    def forward(self, maps: Tensor, n_frames: int) -> Tensor:
        """Return (B*T, C, h, w) -> same shape, T = `n_frames`, at most 32."""
        out: Tensor = maps + self.temporal_transformer(maps, n_frames)
        return out
