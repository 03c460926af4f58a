"""What the net is shown beside the noise, as values: a picture, black, or a defocus map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from focusgen.models.flux.tokens import Grid, grid_of, position_ids

Delta = tuple[int, int]


@dataclass(frozen=True, eq=False)
class ImageCondition:
    """A picture, normalised to [-1, 1] before the VAE.

    Attributes:
        frames: (B, H, W, 3) uint8 RGB.
        adapter: the LoRA that reads it; None for the base weights.
        position_delta: (dy, dx) in tokens, added to its positions.
        position_scale: s of `position_ids`.
    """

    frames: npt.NDArray[np.uint8]
    adapter: str | None
    position_delta: Delta = (0, 0)
    position_scale: float = 1.0

    @property
    def grid(self) -> Grid:
        """The picture's tokens."""
        return grid_of(*self.frames.shape[1:3])

    def pixels(self) -> Tensor:
        """Return (B, 3, H, W) float32 in [-1, 1]."""
        levels = torch.from_numpy(self.frames.copy()).permute(0, 3, 1, 2).contiguous()
        return 2.0 * (levels.float() / 255.0) - 1.0


@dataclass(frozen=True, eq=False)
class BlackCondition:
    """A black picture: the same for every frame, so its tokens are computed once per size."""

    height_px: int
    width_px: int
    adapter: str | None
    position_delta: Delta = (0, 0)
    position_scale: float = 1.0

    @property
    def grid(self) -> Grid:
        """The picture's tokens."""
        return grid_of(self.height_px, self.width_px)

    def pixels(self) -> Tensor:
        """Return (1, 3, H, W) float32, all -1."""
        return torch.full((1, 3, self.height_px, self.width_px), -1.0)


@dataclass(frozen=True, eq=False)
class MapCondition:
    """A defocus map, fed to the VAE unchanged: 0 (in focus) is mid-grey there, as the net was trained.

    Attributes:
        values: (B, H, W) float32 in [0, 1], 1 = most blurred.
        adapter: the LoRA that reads it.
        position_delta: (dy, dx) in tokens.
        position_scale: s of `position_ids`.
    """

    values: npt.NDArray[np.float32]
    adapter: str | None
    position_delta: Delta = (0, 0)
    position_scale: float = 1.0

    @property
    def grid(self) -> Grid:
        """The map's tokens."""
        return grid_of(*self.values.shape[1:3])

    def pixels(self) -> Tensor:
        """Return (B, 3, H, W) float32, three equal channels, not preprocessed."""
        plane = torch.from_numpy(self.values.astype(np.float32))
        return plane[:, None].repeat(1, 3, 1, 1)


Condition = ImageCondition | BlackCondition | MapCondition


@dataclass(frozen=True, eq=False)
class EncodedCondition:
    """A condition as the transformer gets it: (B or 1, tokens, 64), and where it claims to lie."""

    tokens: Tensor
    grid: Grid
    adapter: str | None
    position_delta: Delta = (0, 0)
    position_scale: float = 1.0

    def ids(self) -> Tensor:
        """Return its (tokens, 3) positions."""
        return position_ids(self.grid, self.position_delta, self.position_scale)
