"""DINOv2 without registers, frame by frame. Attribute names are the checkpoint's keys."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from focusgen.models.precision import autocast
from focusgen.models.vda.variants import PATCH_PX, Variant

LAYER_NORM_EPS = 1e-6  # the ViT's; the temporal blocks use torch's 1e-5
MLP_RATIO = 4


class PatchEmbed(nn.Module):
    """Pictures to tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH_PX, PATCH_PX)

    def forward(self, frames: Tensor) -> Tensor:
        """Return (N, h*w, D) tokens of (N, 3, 14h, 14w) frames."""
        tokens: Tensor = self.proj(frames)
        return tokens.flatten(2).transpose(1, 2)


class SelfAttention(nn.Module):
    """Full attention among the tokens of one frame."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, L, D) -> same shape."""
        n, length, width = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, self.n_heads, width // self.n_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(n, length, width))
        return out


class Mlp(nn.Module):
    """Two linear layers around an exact (erf) GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class LayerScale(nn.Module):
    """One learnt factor per channel of a residual branch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        return x * self.gamma


class Block(nn.Module):
    """One transformer block."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.attn = SelfAttention(width, n_heads)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(width)
        self.ls2 = LayerScale(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out


class Encoder(nn.Module):
    """The ViT and its four taps."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        width = variant.width
        self.taps = variant.taps
        self.position_grid = variant.position_grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + variant.position_grid**2, width))
        # Part of the checkpoint, for masked training; not used here.
        self.mask_token = nn.Parameter(torch.zeros(1, width))
        self.patch_embed = PatchEmbed(width)
        self.blocks = nn.ModuleList(Block(width, variant.n_heads) for _ in range(variant.n_blocks))
        self.norm = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self._positions: dict[tuple[int, int, torch.device], Tensor] = {}

    def positions(self, rows: int, columns: int) -> Tensor:
        """Return the (1, 1 + rows*columns, D) float32 positions of a patch grid.

        The trained grid is resized bicubically with the factor (rows + 0.1) / 37 itself setting the
        sampling positions. Resizing to the *size* (rows, columns), as other DINOv2 code does, samples
        elsewhere and moves the depth by 15 % of its spread.
        """
        key = (rows, columns, self.pos_embed.device)
        if key not in self._positions:
            self._positions = {key: self._resized_positions(rows, columns)}  # one video size at a time
        return self._positions[key]

    def _resized_positions(self, rows: int, columns: int) -> Tensor:
        side = self.position_grid
        table = self.pos_embed.float()
        if (rows, columns) == (side, side):
            return table
        grid = table[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
        factors = ((rows + 0.1) / side, (columns + 0.1) / side)
        with autocast(grid.device, "fp32"):
            grid = F.interpolate(grid, scale_factor=factors, mode="bicubic", antialias=False)
        if grid.shape[-2:] != (rows, columns):
            raise AssertionError(f"positions became {tuple(grid.shape[-2:])}, not {(rows, columns)}")
        return torch.cat([table[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Return the four taps, each (N, D, h, w), of (N, 3, 14h, 14w) normalised frames."""
        rows, columns = frames.shape[-2] // PATCH_PX, frames.shape[-1] // PATCH_PX
        tokens = self.patch_embed(frames)
        x = torch.cat([self.cls_token.expand(len(tokens), -1, -1).to(tokens.dtype), tokens], dim=1)
        x = x + self.positions(rows, columns)
        taps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.taps:
                tap = self.norm(x)[:, 1:]
                # A view: the head's convolutions get channels-last memory for nothing.
                taps.append(tap.reshape(len(tap), rows, columns, -1).permute(0, 3, 1, 2))
        return taps
