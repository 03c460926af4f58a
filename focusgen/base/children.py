"""Processes that work for this one: a terminal's Ctrl-C is not for them, and none outlives it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def starting_children() -> Iterator[None]:
    """Start processes that never hear Ctrl-C, which a terminal sends to all of them.

    What a child itself ignores is too late: it would be interrupted while it imports, with a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
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
