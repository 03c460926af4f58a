"""Samples made ahead: processes open stacks and find their classical result while the GPU computes.

Without, a step waits for that result: seconds a sample, more than the step itself takes on a GPU.
"""

from __future__ import annotations

import multiprocessing
import signal
import warnings
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch

from focusgen.base.children import end_with_parent, starting_children
from focusgen.focal.sd3.batches import Batch, Batches, Truth
from focusgen.focal.sd3.network import StackInput

AHEAD = 2
"""Batches that are made ahead for every process."""

Arrays = tuple[npt.NDArray[np.generic], ...]


class Feed:
    """Batches in the order of training, the same ones whatever the number of processes."""

    def __init__(self, batches: Batches, order: Iterable[list[int]], workers: int) -> None:
        """Make nothing yet.

        Args:
            batches: what makes them.
            order: the places of every pass' samples, up to the last one.
            workers: processes; 0: each is made when it is asked for.
        """
        self._batches, self._order, self._workers = batches, iter(order), workers
        self._pool: ProcessPoolExecutor | None = None
        self._coming: deque[Future[tuple[Arrays, Arrays]]] = deque()

    def batch(self, positions: list[int]) -> Batch:
        """Return the batch of the next pass; the first call starts the processes.

        Where they were ended (Slurm signals all processes of a job), it is made here: a step is finished.

        Raises:
            FocusgenError: a stack cannot be learned from; names it.
        """
        if self._workers > 0:
            try:
                return self._made_ahead()
            except BrokenProcessPool:
                self._workers = 0
                self.close()
                warnings.warn(
                    "the processes that make samples were ended; the training makes them itself "
                    "(memory? lower data.workers)",
                    stacklevel=2,
                )
        return self._batches.batch(positions)

    def close(self) -> None:
        """Let the processes end; what they are at is not waited for."""
        self._coming.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _made_ahead(self) -> Batch:
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, spawn, _begin, (self._batches,))
        lacking = AHEAD * self._workers + 1 - len(self._coming)
        with starting_children():
            for positions in islice(self._order, lacking):
                self._coming.append(self._pool.submit(_make, positions))
        seen, truth = self._coming.popleft().result()
        as_tensors = torch.from_numpy
        return Batch(StackInput(*map(as_tensors, seen)), Truth(*map(as_tensors, truth)))


_maker: list[Batches] = []
"""What makes the batches of a process of a feed."""


def _begin(batches: Batches) -> None:
    """Compute on one core, leave what Slurm and terminals send to the training, and end with it."""
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    for number in (signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    end_with_parent()
    _maker.append(batches)


def _make(positions: list[int]) -> tuple[Arrays, Arrays]:
    """Return a batch as arrays: tensors would travel through /dev/shm, of which containers have little."""
    batch = _maker[0].batch(positions)
    return tuple(one.numpy() for one in batch.seen), tuple(one.numpy() for one in batch.truth)
