"""Samples made ahead: a thread reads them, and processes find the classical results that they need.

Without, a step waits for such a result: seconds a sample, more than the step itself takes on a GPU. Processes
only put results where `kept_prior` looks for them, and say no more than that they are done. So none of them
is needed: whatever happens to one, a sample lacks nothing but the time it would have saved.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from focusgen.base.children import ChildPool
from focusgen.base.errors import FocusgenError
from focusgen.focal.sd3.batches import Batch, Batches
from focusgen.focal.sd3.samples import Key, StackPool
from focusgen.focal.train_job import compute_on_one_core

PASSES_AHEAD = 2
KEYS_AHEAD = 4
"""Results that every process is asked for ahead."""


class Feed:
    """Batches in the order of training, the same ones whatever the number of processes."""

    def __init__(self, batches: Batches, order: Iterable[list[int]], workers: int) -> None:
        """Make nothing yet.

        Args:
            batches: what makes them.
            order: the places of every pass' samples, up to the last one.
            workers: processes; 0: each batch is made when it is asked for.
        """
        self._batches, self._order, self._workers = batches, list(order), workers
        self._passes = iter(self._order)
        self._reader: ThreadPoolExecutor | None = None
        self._finders: Finders | None = None
        self._coming: deque[Future[Batch]] = deque()

    def batch(self, positions: list[int]) -> Batch:
        """Return the batch of the next pass; the first call starts the processes.

        Raises:
            FocusgenError: a stack cannot be learned from; names it.
        """
        if self._workers == 0:
            return self._batches.batch(positions)
        if self._reader is None:
            keys = (self._batches.key(place) for passed in self._order for place in passed)
            self._finders = Finders(self._batches.pool, keys, self._workers)
            self._reader = ThreadPoolExecutor(1)
        for ahead in islice(self._passes, PASSES_AHEAD + 1 - len(self._coming)):
            self._coming.append(self._reader.submit(self._made, ahead))
        return self._coming.popleft().result()

    def close(self) -> None:
        """Let thread and processes end; what they are at is not waited for."""
        self._coming.clear()
        if self._reader is not None:
            self._reader.shutdown(wait=False, cancel_futures=True)
        if self._finders is not None:
            self._finders.close()

    def _made(self, positions: list[int]) -> Batch:
        assert self._finders is not None, "they were started before the thread"
        for position in positions:
            self._finders.wait_for(self._batches.key(position))
        return self._batches.batch(positions)


class Finders:
    """Processes that find classical results in the order in which they will be needed."""

    def __init__(self, pool: StackPool, keys: Iterator[Key], workers: int) -> None:
        self._executor = ChildPool(workers, _begin, (pool,))
        self._keys, self._most = keys, KEYS_AHEAD * workers
        self._asked: dict[Key, Future[None]] = {}
        self._open: deque[Future[None]] = deque()
        self._are_there = True

    def wait_for(self, key: Key) -> None:
        """Return when a result is there, or will not come: then the sample finds it itself, or says why."""
        try:
            self._ask()
            if key in self._asked:
                self._asked[key].result()
        except FocusgenError:
            return
        except BrokenProcessPool:
            self._say_that_they_ended()

    def close(self) -> None:
        """Let the processes end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _ask(self) -> None:
        while self._open and self._open[0].done():
            self._open.popleft()
        while self._are_there and len(self._open) < self._most:
            key = next(self._keys, None)
            if key is None:
                return
            if key not in self._asked:
                self._asked[key] = self._executor.submit(_find, key)
                self._open.append(self._asked[key])

    def _say_that_they_ended(self) -> None:
        if self._are_there:
            self._are_there = False
            warnings.warn(
                "a process of data.workers was ended (memory?); the training finds classical results itself",
                stacklevel=2,
            )


_pool: list[StackPool] = []
"""What a process finds results of."""


def _begin(pool: StackPool) -> None:
    compute_on_one_core()
    _pool.append(pool)


def _find(key: Key) -> None:
    _pool[0].find_prior(*key)
