"""Where a token lies: packing latents into tokens, position ids, and the rotary turn of each position.

One token is a 2x2 patch of the VAE's latents, that is 16x16 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

TOKEN_PX = 16
LATENT_CHANNELS = 16
ROTARY_THETA = 10000.0


class Grid(NamedTuple):
    """The tokens of one picture."""

    rows: int
    columns: int

    @property
    def n_tokens(self) -> int:
        """Rows times columns."""
        return self.rows * self.columns


def grid_of(height_px: int, width_px: int) -> Grid:
    """Return the tokens of a picture.

    Raises:
        ValueError: a side is no multiple of 16; phase 2 makes them so.
    """
    if height_px % TOKEN_PX or width_px % TOKEN_PX or min(height_px, width_px) < TOKEN_PX:
        raise ValueError(f"{width_px}x{height_px}: FLUX needs sides that are multiples of {TOKEN_PX} pixels")
    return Grid(height_px // TOKEN_PX, width_px // TOKEN_PX)


def pack(latents: Tensor) -> Tensor:
    """Return (B, 16, 2 rows, 2 columns) latents as (B, rows columns, 64) tokens."""
    batch, channels, height, width = latents.shape
    patches = latents.reshape(batch, channels, height // 2, 2, width // 2, 2)
    return patches.permute(0, 2, 4, 1, 3, 5).reshape(batch, height * width // 4, channels * 4)


def unpack(tokens: Tensor, grid: Grid) -> Tensor:
    """Return tokens as latents: the inverse of `pack`."""
    batch, _, channels = tokens.shape
    patches = tokens.reshape(batch, grid.rows, grid.columns, channels // 4, 2, 2)
    return patches.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels // 4, 2 * grid.rows, 2 * grid.columns)


def position_ids(grid: Grid, delta: tuple[int, int] = (0, 0), scale: float = 1.0) -> Tensor:
    """Return (tokens, 3) positions (0, y, x), row by row.

    Args:
        grid: the picture's tokens.
        delta: (dy, dx) in tokens, added first.
        scale: s; positions become p s + (s - 1) / 2, the centres of tokens s times as large.
    """
    y = torch.arange(grid.rows, dtype=torch.float32) + delta[0]
    x = torch.arange(grid.columns, dtype=torch.float32) + delta[1]
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    ids = torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).reshape(-1, 3)
    if scale != 1.0:
        ids[:, 1:] = ids[:, 1:] * scale + (scale - 1.0) / 2.0
    return ids


def text_ids(n_tokens: int) -> Tensor:
    """Return the positions of text: all zero."""
    return torch.zeros(n_tokens, 3)


def rotary_turns(ids: Tensor, axes: Sequence[int]) -> Tensor:
    """Return (tokens, head_dim / 2, 2) cosines and sines of every channel pair's angle, float32.

    The angles are computed in float64: a position times a low frequency loses digits in float32.
    """
    angles = []
    for axis, channels in enumerate(axes):
        exponent = torch.arange(0, channels, 2, dtype=torch.float64) / channels
        angles.append(torch.outer(ids[:, axis].double(), ROTARY_THETA**-exponent))
    angle = torch.cat(angles, dim=-1)
    return torch.stack([angle.cos(), angle.sin()], dim=-1).float()


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Return queries or keys (B, L, heads, head_dim) with each channel pair turned by its position's angle.

    Two spellings of one function: eager torch needs fewest passes over memory with complex numbers, the
    compiler fuses only the real form.
    """
    pairs = x.float().reshape(*x.shape[:-1], -1, 2)
    turns = turns[None, :, None]
    if torch.compiler.is_compiling():
        (a, b), (cos, sin) = pairs.unbind(-1), turns.unbind(-1)
        turned = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1)
    else:
        turned = torch.view_as_real(torch.view_as_complex(pairs) * torch.view_as_complex(turns))
    return turned.flatten(-2).to(x.dtype)
