"""Two processes on one folder: is a replaced file always seen whole, and does a lock exclude and die."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

from focusgen.base.locks import NO_FLOCK

N_RENAMES = 200
MAX_RENAME_S = 3.0
PAGE_BYTES = 4096
CHILD_TIMEOUT_S = 20.0
LOCK_RELEASE_S = 5.0
NO_ANSWER = "a second process could not be started"
"""What both say where nothing was found out about the folder."""

# A fresh interpreter each: a forked one would share our file descriptors, and with them our locks.
_processes = multiprocessing.get_context("spawn")


def rename_problem(folder: Path) -> str | None:
    """Replace a file again and again while a second process reads it; say what that one saw, or None."""
    target = folder / "replaced"
    target.write_bytes(b"a" * PAGE_BYTES)
    stop = _processes.Event()
    here, there = _processes.Pipe()
    reader = _processes.Process(target=_read_until, args=(str(target), stop, there), daemon=True)
    reader.start()
    try:
        if not here.poll(CHILD_TIMEOUT_S):
            return NO_ANSWER
        here.recv()
        _replace_repeatedly(target)
        stop.set()
        seen: dict[str, int] = here.recv() if here.poll(CHILD_TIMEOUT_S) else {"silent": 1}
    finally:
        _end(reader)
    bad = {kind: n for kind, n in seen.items() if kind != "whole" and n}
    return (
        f"a second process saw the replaced file {bad} times, whole {seen.get('whole', 0)} times"
        if bad
        else None
    )


def _replace_repeatedly(target: Path) -> None:
    deadline = time.monotonic() + MAX_RENAME_S
    for number in range(N_RENAMES):
        fresh = target.with_suffix(".tmp")
        fresh.write_bytes((b"a", b"b")[number % 2] * PAGE_BYTES)
        os.replace(fresh, target)
        if time.monotonic() > deadline:
            return


def _read_until(target: str, stop: Event, answer: Connection) -> None:
    seen = {"whole": 0, "torn": 0, "missing": 0, "unreadable": 0}
    answer.send("ready")
    while not stop.is_set():
        seen[_look(target)] += 1
    answer.send(seen)


def _look(target: str) -> str:
    try:
        content = Path(target).read_bytes()
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"
    return (
        "whole"
        if len(content) == PAGE_BYTES and content in (b"a" * PAGE_BYTES, b"b" * PAGE_BYTES)
        else "torn"
    )


def lock_problem(folder: Path) -> str | None:
    """Let a second process hold a lock and be killed.

    Returns:
        None if the lock kept us out and was free after the kill, "unsupported" if there is no flock, else
        what went wrong.
    """
    path = folder / "lock"
    here, there = _processes.Pipe()
    holder = _processes.Process(target=_hold, args=(str(path), there), daemon=True)
    holder.start()
    try:
        answer = here.recv() if here.poll(CHILD_TIMEOUT_S) else NO_ANSWER
        if answer != "held":
            return str(answer)
        with path.open("ab") as file:
            if _try_lock(file.fileno()):
                return "two processes hold the same lock at once"
            _end(holder)
            return None if _lock_within(file.fileno(), LOCK_RELEASE_S) else "a killed process keeps its lock"
    finally:
        _end(holder)


def _hold(path: str, answer: Connection) -> None:
    with open(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            answer.send("unsupported" if error.errno in NO_FLOCK else f"flock fails: {error.strerror}")
            return
        answer.send("held")
        time.sleep(CHILD_TIMEOUT_S * 2)  # until we are killed


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_within(descriptor: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _end(process: multiprocessing.process.BaseProcess) -> None:
    process.kill()
    process.join(CHILD_TIMEOUT_S)
