"""A code of a focal stack, whatever the number of its slices: attention over slices at each place.

Slices are a set: their order changes nothing, and places without a slice are masked.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

SHARPNESS_SCALES = (1, 2, 4, 8)
N_FREQUENCIES = 6
BLUR_UNIT_PX = 8.0


class StackCode(NamedTuple):
    """What a stack says at each place.

    Attributes:
        features: (B, C, h, w).
        focus: (B, N, h, w) which slice is in focus; sums to 1 over slices.
    """

    features: Tensor
    focus: Tensor


class StackEncoder(nn.Module):
    """Latents and sharpness of slices to one code per place."""

    def __init__(self, n_latents: int, width: int, n_heads: int, n_layers: int, n_features: int) -> None:
        super().__init__()
        self.read = nn.Linear(n_latents + len(SHARPNESS_SCALES), width)
        self.camera = nn.Sequential(
            nn.Linear(2 * N_FREQUENCIES + 3, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.layers = nn.ModuleList(SliceAttention(width, n_heads) for _ in range(n_layers))
        self.score = nn.Linear(width, 1)
        self.write = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, n_features))

    def forward(
        self, latents: Tensor, sharpness: Tensor, positions: Tensor, blur_px: Tensor, mask: Tensor
    ) -> StackCode:
        """Return the code.

        Args:
            latents: (B, N, C, h, w).
            sharpness: (B, N, 4, h, w), as `sharpness_maps`.
            positions: (B, N) focus, -1 far to 1 near.
            blur_px: (B,) blur radius across the stack's range; 0: the lens is not known.
            mask: (B, N), True where there is a slice.
        """
        batch, n, _, height, width = latents.shape
        seen = torch.cat([latents, sharpness.to(latents.dtype)], 2).permute(0, 3, 4, 1, 2)
        camera = self.camera(camera_code(positions, blur_px).to(latents.dtype))
        x = self.read(seen.reshape(batch * height * width, n, -1))
        x = x + camera.repeat_interleave(height * width, 0)
        here = mask.repeat_interleave(height * width, 0)
        for layer in self.layers:
            x = layer(x, here)
        score = self.score(x).squeeze(-1).float().masked_fill(~here, -torch.inf)
        focus = score.softmax(1)
        mean = (focus.to(x.dtype)[..., None] * x).sum(1)
        peak = x.masked_fill(~here[..., None], -torch.inf).amax(1)
        code = self.write(torch.cat([mean, peak], 1)).reshape(batch, height, width, -1)
        return StackCode(code.permute(0, 3, 1, 2), focus.reshape(batch, height, width, n).permute(0, 3, 1, 2))


class SliceAttention(nn.Module):
    """One layer: slices of a place look at each other."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return (places, N, width) after one look around."""
        places, n, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(places, n, 3, self.n_heads, width // self.n_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        x = x + self.out(found.permute(0, 2, 1, 3).reshape(places, n, width))
        return torch.add(x, self.mlp(self.norm_mlp(x)))


def camera_code(positions: Tensor, blur_px: Tensor) -> Tensor:
    """Return (B, N, features) of where slices are focused and how strong the lens is."""
    rates = math.pi * 2.0 ** torch.arange(N_FREQUENCIES, device=positions.device)
    waves = positions[..., None] * rates
    known = (blur_px > 0).to(positions.dtype)
    strength = torch.log1p(blur_px / BLUR_UNIT_PX)
    lens = torch.stack([strength, known], -1)[:, None].expand(*positions.shape, 2)
    return torch.cat([waves.sin(), waves.cos(), positions[..., None], lens], -1)


def sharpness_maps(slices: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (B, N, 4, h, w): how much slices (B, N, 3, H, W) vary around each place, at four scales."""
    batch, n = slices.shape[:2]
    grey = slices.flatten(0, 1).mean(1, keepdim=True)
    kernel = grey.new_tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
    maps = []
    for scale in SHARPNESS_SCALES:
        small = functional.avg_pool2d(grey, scale) if scale > 1 else grey
        edges = functional.conv2d(functional.pad(small, (1, 1, 1, 1), "replicate"), kernel).abs()
        maps.append(torch.log(functional.adaptive_avg_pool2d(edges, size) + 1e-3))
    return torch.cat(maps, 1).reshape(batch, n, len(SHARPNESS_SCALES), *size)
