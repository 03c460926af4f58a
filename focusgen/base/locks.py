"""One writer per scene and phase: a lock that dies with its process.

flock through `filelock`; where the file system has none, a lock file with host, job and a heartbeat.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

HEARTBEAT_S = 10.0
HEARTBEAT_DEAD_S = 60.0
POLL_S = 0.2
SETTLE_S = 1.0  # longer than a process needs from the look at a dead lock to its deletion


@contextlib.contextmanager
def exclusive(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock at `path` for the body; a second process waits.

    Args:
        path: lock file; its folder is made. It stays behind: deleting it would race.
        on_wait: called once if the lock is held by someone else, and before each further look.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(str(path), mode=_mode_by_umask(path), thread_local=False)
    try:
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except filelock.Timeout:
                on_wait()
                time.sleep(POLL_S)
    except NotImplementedError:
        with heartbeat_lock(path.with_suffix(".heartbeat"), on_wait):
            yield
        return
    try:
        yield
    finally:
        lock.release()


def _mode_by_umask(path: Path) -> int:
    """Create the lock file as the umask says, and return its mode: filelock would set its own over it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    try:
        return stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def heartbeat_lock(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock file whose age tells whether its owner lives, for file systems without flock.

    Weaker than flock: an owner that stalls for more than a minute may lose it.
    """
    has_taken_over = False
    while not (_create(path) and (not has_taken_over or _is_kept(path))):
        on_wait()
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > HEARTBEAT_DEAD_S:
                path.unlink()
                has_taken_over = True
                continue
        time.sleep(POLL_S)
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(path, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        path.unlink(missing_ok=True)


def _create(path: Path) -> bool:
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "job": os.environ.get("SLURM_JOB_ID")}
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(owner, file)
    return True


def _is_kept(path: Path) -> bool:
    """Say whether the lock is still ours after a moment.

    Another process that saw the same dead lock may have deleted the one that we made in its place.
    """
    ours = path.stat().st_ino
    time.sleep(SETTLE_S)
    try:
        return path.stat().st_ino == ours
    except FileNotFoundError:
        return False


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
