"""What DeblurNet and BokehNet share: a sampler, its options, and one ladder per frame size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from focusgen.models.flux.loading import SPARE_ADVICE
from focusgen.models.flux.memory import (
    MAX_FRAMES_AT_ONCE,
    Effort,
    Ladder,
    free_bytes,
    rungs,
    samples_that_fit,
)
from focusgen.models.flux.options import FluxOptions
from focusgen.models.flux.sampler import Batch, FluxSampler
from focusgen.models.flux.tiling import plan_tiles
from focusgen.models.flux.tokens import Grid, grid_of
from focusgen.models.protocols import Frames


class FluxNet:
    """Runs batches of frames through a sampler, within the memory that there is.

    Args:
        options: the settings it was made with.
    """

    def __init__(self, sampler: FluxSampler, options: FluxOptions) -> None:
        self.sampler = sampler
        self.options = options
        self._ladders: dict[Grid, Ladder] = {}
        self._at_once: dict[tuple[Grid, int], int] = {}

    @property
    def approximations(self) -> list[str]:
        """What makes pictures differ from the net as published, in words for the record."""
        notes = [note for ladder in self._ladders.values() for note in ladder.notes]
        return [*self.options.approximations, *self.sampler.notes, *dict.fromkeys(notes)]

    def frames(self, batches: Iterable[Batch], size_px: tuple[int, int], what: str) -> Iterator[Frames]:
        """Yield the frames of batches of one size; see `FluxSampler.generate`."""
        grid = grid_of(*size_px)
        return self.sampler.generate(batches, self._ladder(grid), what)

    def frames_at_once(self, grid: Grid, n_conditions: int) -> int:
        """Return the batch size for a frame size: the setting, else what fits into free memory.

        One on a CPU: a resumed scene must give the same bytes whatever was done before, and there a
        batch's rounding depends on its size while nothing is won by it.
        """
        if self.options.batch_size is not None:
            return self.options.batch_size
        if self.sampler.weights.device.type != "cuda":
            return 1
        key = grid, n_conditions
        if key not in self._at_once:
            n_tiles = self._n_tiles(grid)
            self._at_once[key] = max(1, min(MAX_FRAMES_AT_ONCE, self._samples(grid, n_conditions) // n_tiles))
        return self._at_once[key]

    def _ladder(self, grid: Grid) -> Ladder:
        if grid not in self._ladders:
            start = Effort(self._samples(grid, 2), self.options.is_vae_sliced, self.options.tiling)
            efforts = rungs(start, grid, may_tile=self.options.tiling is not None)
            self._ladders[grid] = Ladder(efforts, self.sampler.weights.device, SPARE_ADVICE)
        return self._ladders[grid]

    def _samples(self, grid: Grid, n_conditions: int) -> int:
        """Return how many frames or tiles go through the transformer together."""
        weights = self.sampler.weights
        if weights.device.type != "cuda":
            return MAX_FRAMES_AT_ONCE
        plan = plan_tiles(grid, self.options.tiling)
        n_image = (grid if plan is None else plan.tile_grid).n_tokens
        n_tokens = self.sampler.prompt.embeds.shape[1] + n_image * (1 + n_conditions)
        return samples_that_fit(n_tokens, weights.width, weights.dtype, free_bytes(weights.device))

    def _n_tiles(self, grid: Grid) -> int:
        plan = plan_tiles(grid, self.options.tiling)
        return 1 if plan is None else len(plan.corners)
