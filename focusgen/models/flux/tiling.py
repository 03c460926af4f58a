"""Large pictures in overlapping square tiles, as the reference cuts and blends them.

Every tile is told that it is a whole picture: all its branches use the positions of a tile from (0, 0), and
a condition's position delta is ignored. Velocities are blended at every step, not the final pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from focusgen.base.errors import ConfigError
from focusgen.models.flux.tokens import TOKEN_PX, Grid

BLEND_REACH = 2.0
"""The blending bell exp(-(u^2 + v^2)) runs over u, v in [-2, 2]: 3.4e-4 in a tile's corner."""


@dataclass(frozen=True)
class Tiling:
    """Tile side and overlap of neighbours, in tokens; the reference: 32 and 4."""

    side: int = 32
    overlap: int = 4

    def __post_init__(self) -> None:
        if self.side < 2 or not 0 <= self.overlap < self.side:
            raise ConfigError(f"tiles of {self.side} tokens cannot overlap by {self.overlap}")


def tiling_of(tile_px: int, overlap_px: int | None) -> Tiling:
    """Return tile side and overlap in tokens; the overlap is an eighth of the side where none is given.

    Raises:
        ConfigError: not multiples of 16, or an overlap that leaves no stride.
    """
    for name, value in (("tile_px", tile_px), ("tile_overlap_px", overlap_px or 0)):
        if value % TOKEN_PX:
            raise ConfigError(f"{name} {value} is no multiple of {TOKEN_PX}")
    side = tile_px // TOKEN_PX
    return Tiling(side, side // 8 if overlap_px is None else overlap_px // TOKEN_PX)


@dataclass(frozen=True)
class TilePlan:
    """Which tiles cover a picture; corners (row, column) in the reference's order, rows fastest."""

    grid: Grid
    tiling: Tiling
    corners: tuple[tuple[int, int], ...]

    @property
    def tile_grid(self) -> Grid:
        """The tokens of one tile."""
        return Grid(self.tiling.side, self.tiling.side)

    def cut(self, tokens: Tensor) -> Tensor:
        """Return (B, tokens, C) of the picture as (tiles B, tile tokens, C), one tile after another."""
        picture = tokens.reshape(len(tokens), *self.grid, -1)
        side = self.tiling.side
        tiles = [picture[:, y : y + side, x : x + side] for y, x in self.corners]
        return torch.cat(tiles).flatten(1, 2)

    def blend(self, tiles: Tensor) -> Tensor:
        """Return velocities of tiles, in the order of `cut`, as one picture's (B, tokens, C) float32."""
        side = self.tiling.side
        batches = tiles.float().reshape(len(self.corners), -1, side, side, tiles.shape[-1])
        bell = blend_weights(side).to(tiles.device)[..., None]
        total = batches.new_zeros(batches.shape[1], *self.grid, batches.shape[-1])
        weight = bell.new_zeros(*self.grid, 1)
        # One slice after another: scattered adds would sum in any order on a GPU.
        for tile, (y, x) in zip(batches, self.corners, strict=True):
            total[:, y : y + side, x : x + side] += tile * bell
            weight[y : y + side, x : x + side] += bell
        return torch.flatten(total / weight, 1, 2)


def plan_tiles(grid: Grid, tiling: Tiling | None) -> TilePlan | None:
    """Return the tiles of a picture, or None for one piece: no tiling, or a side shorter than a tile."""
    if tiling is None or min(grid) < tiling.side:
        return None
    rows, columns = (tile_starts(side, tiling) for side in grid)
    return TilePlan(grid, tiling, tuple((y, x) for x in columns for y in rows))


def tile_starts(length: int, tiling: Tiling) -> list[int]:
    """Return where tiles start along one side; the last one ends with the picture."""
    last = length - tiling.side
    starts = list(range(0, last + 1, tiling.side - tiling.overlap))
    return starts if starts[-1] == last else [*starts, last]


def blend_weights(side: int) -> Tensor:
    """Return the (side, side) bell that blends neighbouring tiles."""
    u = torch.linspace(-BLEND_REACH, BLEND_REACH, side)
    return torch.exp(-(u[:, None] ** 2 + u[None, :] ** 2))
