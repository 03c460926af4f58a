"""Fitting into a GPU: how many frames at once, and what is tried when memory runs out.

The ladder: free the cache -> one frame or tile at a time, through transformer and VAE -> tiles -> smaller
tiles -> give up. What leaves the pictures as they are comes first. Tiles make other pictures, so that step is
warned of and kept for the rest of the run: frames of one scene must not differ in kind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch

from focusgen.base.errors import ModelMemoryError
from focusgen.models.devices import free_cached_memory, is_out_of_memory
from focusgen.models.flux.tiling import Tiling
from focusgen.models.flux.tokens import TOKEN_PX, Grid

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_FRAMES_AT_ONCE = 8
MEMORY_SHARE = 0.6
"""Of the free memory, what a batch may plan with; the rest is for the VAE and fragments."""
WIDTHS_PER_TOKEN = 24
"""Values per token and channel alive at once in a single block: its input, q, k, v, their float32 turns, the
MLP's input and [attention | MLP]. Counted, not measured."""
SMALLER_TILES = (Tiling(32, 4), Tiling(24, 3), Tiling(16, 2))


@dataclass(frozen=True)
class Effort:
    """How work is cut to fit into memory. Only another tiling changes the function.

    Attributes:
        samples_per_call: frames x tiles that go through the transformer together.
        is_vae_sliced: one frame at a time through the VAE.
        tiling: None denoises in one piece.
    """

    samples_per_call: int
    is_vae_sliced: bool
    tiling: Tiling | None


def samples_that_fit(n_tokens: int, width: int, dtype: torch.dtype, free_bytes: int) -> int:
    """Return how many samples of n_tokens go through the transformer in the free memory, at least one."""
    bytes_each = n_tokens * width * WIDTHS_PER_TOKEN * dtype.itemsize
    return max(1, int(MEMORY_SHARE * free_bytes / bytes_each))


def free_bytes(device: torch.device) -> int:
    """Return the free memory of a GPU, cached blocks of this process included."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def rungs(start: Effort, grid: Grid, *, may_tile: bool) -> list[Effort]:
    """Return what is tried, in order.

    Args:
        start: what the settings ask for.
        grid: the frame's tokens.
        may_tile: false if the user asked for one piece.
    """
    ladder = [start, start]  # the second time with an empty cache
    small = replace(start, samples_per_call=1, is_vae_sliced=True)
    ladder.append(small)
    if may_tile:
        now = start.tiling.side if start.tiling and min(grid) >= start.tiling.side else max(grid) + 1
        ladder += [
            replace(small, tiling=tiling)
            for tiling in SMALLER_TILES
            if tiling.side < now and tiling.side <= min(grid)
        ]
    return ladder


@dataclass(eq=False)
class Ladder:
    """Tries a piece of work with less and less memory; the rung that held is where the next piece starts.

    Attributes:
        efforts: what is tried, from `rungs`.
        device: whose cache is freed between tries.
        advice: for the error when nothing helped.
        notes: what was changed that changes pictures, in words.
    """

    efforts: list[Effort]
    device: torch.device
    advice: str
    notes: list[str] = field(default_factory=list)
    _rung: int = 0

    @property
    def effort(self) -> Effort:
        """What is tried next."""
        return self.efforts[self._rung]

    def run(self, work: Callable[[Effort], T], what: str) -> T:
        """Return the work's result.

        Raises:
            ModelMemoryError: out of memory on the last rung.
        """
        while True:
            try:
                return work(self.effort)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self._rung + 1 == len(self.efforts):
                    raise ModelMemoryError(
                        f"{what}: out of memory, also with {_words(self.effort)}", self.advice
                    ) from error
            self._climb(what)

    def _climb(self, what: str) -> None:
        """Go to the next rung; outside the except clause, whose traceback holds the tensors."""
        before = self.effort
        self._rung += 1
        free_cached_memory(self.device)
        log.warning("%s: out of memory with %s; trying %s", what, _words(before), _words(self.effort))
        if self.effort.tiling != before.tiling:
            self.notes.append(f"out of memory: denoised with {_words(self.effort)}")


def _words(effort: Effort) -> str:
    """Return an effort for people."""
    pieces = f"{effort.samples_per_call} at a time"
    if effort.tiling is None:
        return f"{pieces}, in one piece"
    return f"{pieces}, in tiles of {effort.tiling.side * TOKEN_PX} px"
