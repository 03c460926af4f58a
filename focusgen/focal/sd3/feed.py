"""Samples made ahead: processes open stacks and find their classical result while the GPU computes.

Without, a step waits for that result: seconds a sample, more than the step itself takes on a GPU.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator

from torch.utils.data import DataLoader, Dataset

from focusgen.base.errors import FocusgenError
from focusgen.base.signals import WARNINGS
from focusgen.focal.sd3.batches import Batch, Batches

AHEAD = 2
"""Batches that every process makes ahead."""


class Feed:
    """Batches in the order of training, the same ones whatever the number of processes."""

    def __init__(self, batches: Batches, order: Iterable[list[int]], workers: int) -> None:
        """Begin to make batches.

        Args:
            batches: what makes them.
            order: the places of every pass' samples, up to the last one.
            workers: processes; 0: each is made when it is asked for.
        """
        self._batches = batches
        self._made: Iterator[Batch | FocusgenError] | None = None
        if workers > 0:
            loader = DataLoader(
                _Passes(batches, list(order)),
                batch_size=None,
                num_workers=workers,
                prefetch_factor=AHEAD,
                multiprocessing_context="spawn",
                worker_init_fn=_begin,
            )
            self._made = iter(loader)

    def batch(self, positions: list[int]) -> Batch:
        """Return the batch of the next pass.

        Raises:
            FocusgenError: a stack cannot be learned from; names it.
        """
        if self._made is None:
            return self._batches.batch(positions)
        made = next(self._made)
        if isinstance(made, FocusgenError):
            raise made
        return made


class _Passes(Dataset[Batch | FocusgenError]):
    """The passes of a training, as a list of batches; an error travels as it is, and is raised there."""

    def __init__(self, batches: Batches, order: list[list[int]]) -> None:
        self._batches, self._order = batches, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> Batch | FocusgenError:
        try:
            return self._batches.batch(self._order[index])
        except FocusgenError as error:
            return error


def _begin(worker: int) -> None:
    """Compute on one core, and leave signals to the training: Slurm sends them to all of its processes."""
    import cv2

    cv2.setNumThreads(1)
    for number in (*WARNINGS, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
