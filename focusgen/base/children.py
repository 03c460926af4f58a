"""Processes that work for this one: Ctrl-C and Slurm's first warning are not for them, none outlives it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@contextlib.contextmanager
def starting_children() -> Iterator[None]:
    """Start processes that never hear Ctrl-C and SIGUSR1, which a terminal and Slurm send to all of them.

    What a child itself ignores is too late: it would be interrupted while it imports, with a traceback. The
    process that Python starts beside them, which keeps track of what they share, would end and complain.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGUSR1})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """Let this process end when the one that started it does: a killed one cannot tell it to."""
    threading.Thread(target=_await_parent, daemon=True).start()


def _await_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a child"
    parent.join()
    os._exit(1)


def end_children() -> None:
    """End all processes that this one started; what they are at is lost."""
    for child in multiprocessing.active_children():
        child.terminate()


class ChildPool(ProcessPoolExecutor):
    """A pool of fresh processes that this one alone ends: a plain one is torn by Ctrl-C, or hangs in it.

    A process that hears Ctrl-C, too, dies between two calls, and with it all calls that wait; one whose
    parent dies waits for work for ever. Left by an exception, the pool gives up what its processes are at.
    """

    def __init__(
        self, n_processes: int, begin: Callable[..., object] | None = None, arguments: tuple[object, ...] = ()
    ) -> None:
        """Make a pool; each process calls `begin(*arguments)` before anything else, if it is given."""
        with starting_children():  # the process that keeps track of what they share may start here
            spawn = multiprocessing.get_context("spawn")
            super().__init__(n_processes, spawn, _begin_child, (begin, arguments))

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Hand over a call; the first ones start the processes."""
        with starting_children():
            return super().submit(fn, *args, **kwargs)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Wait for what was handed over; not after an exception."""
        if kind is not None:
            end_children()
        return super().__exit__(kind, error, trace)


def _begin_child(begin: Callable[..., object] | None, arguments: tuple[object, ...]) -> None:
    end_with_parent()
    if begin is not None:
        begin(*arguments)
