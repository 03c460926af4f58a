"""One writer per scene and phase: a lock that dies with its process.

flock where the file system has it; elsewhere a lock file with a heartbeat. Some file systems refuse flock
only now and then (a lock daemon that does not answer), so that two processes may hold to different kinds:
whoever holds a lock writes itself and a heartbeat into a file of its kind, and looks at the other kind's.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from focusgen.base.files import make_folder, storage_error
from focusgen.base.names import display
from focusgen.base.signals import stop_on_signals

HEARTBEAT_S = 10.0
HEARTBEAT_DEAD_S = 60.0
POLL_S = 0.2
SETTLE_S = 1.0  # longer than a process needs from the look at a dead lock to its deletion
NO_FLOCK = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL})
CONTENDED = frozenset({errno.EAGAIN, errno.EACCES})

_without_flock: set[int] = set()
"""Devices on which flock failed in this process: asked once, so that one kind is held to."""


class _Lock(Protocol):
    def acquire(self) -> bool:
        """Take the lock if it is free."""

    def release(self) -> None:
        """Give it back."""


@contextlib.contextmanager
def exclusive(path: Path, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock at `path` for the body; a second process waits, and a signal ends its wait.

    Args:
        path: lock file; its folder is made. It stays behind: deleting it would race.
        on_wait: called with the holder in words before each further look; by default stderr is told once.

    Raises:
        StorageError: the lock file cannot be made.
        Interrupted: SIGINT, SIGTERM or SIGUSR1 came while another process held the lock.
    """
    make_folder(path.parent)
    kinds = (_Flock(path), _Heartbeat(path))
    lock = _acquire(path, *kinds)
    if lock is None:
        lock = _wait(path, kinds, on_wait or _telling_once(path))
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder itself for the body; a second process waits, and no lock file is left behind.

    A file system that locks no folders does not keep others out: only for files that vouch for each other.

    Args:
        folder: which there is.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # NFS locks what is open for writing alone, others nothing
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _wait(path: Path, kinds: tuple[_Lock, _Lock], on_wait: Callable[[str], None]) -> _Lock:
    with stop_on_signals() as stop:
        while True:
            who = holder(path)
            stop.check(f"stopped by a signal while waiting for {display(str(path))}, which {who} holds")
            on_wait(who)
            time.sleep(POLL_S)
            lock = _acquire(path, *kinds)
            if lock is not None:
                return lock


def _acquire(path: Path, flock: _Lock, heartbeat: _Lock) -> _Lock | None:
    """Return the lock of the kind that the file system has, once it is ours; None while it is not."""
    try:
        device = path.parent.stat().st_dev
        if device not in _without_flock:
            try:
                return flock if flock.acquire() else None
            except OSError as error:
                if error.errno not in NO_FLOCK:
                    raise
                _without_flock.add(device)
                why = f"flock fails here ({error.strerror}): lock files with a heartbeat are used"
                print(f"note: {display(str(path.parent))}: {why}", file=sys.stderr)
        return heartbeat if heartbeat.acquire() else None
    except OSError as error:
        raise storage_error(error, path) from error


def _telling_once(path: Path) -> Callable[[str], None]:
    told: list[str] = []

    def tell(who: str) -> None:
        if not told:
            told.append(who)
            print(f"waiting for {display(str(path))}: {who} holds it", file=sys.stderr)

    return tell


def heartbeat_path(path: Path) -> Path:
    """Return the file that stands for the lock at `path` where there is no flock."""
    return path.with_suffix(".heartbeat")


def holder(path: Path) -> str:
    """Say who holds the lock at `path`, as far as its files tell."""
    for file in (heartbeat_path(path), path):
        try:
            owner = json.loads(file.read_bytes())
            job = f", job {owner['job']}" if owner["job"] else ""
            return display(f"pid {owner['pid']} on {owner['host']}{job}")
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not this kind of lock, or its owner is just writing
    return "another process"


def _owner() -> bytes:
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "job": os.environ.get("SLURM_JOB_ID")}
    return json.dumps(owner | {"token": secrets.token_hex(8)}).encode()


class _Beat:
    """Keeps a file young for as long as its owner lives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="focusgen-heartbeat", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(HEARTBEAT_S):
            with contextlib.suppress(OSError):  # a hiccup of the file system: the next beat tries again
                os.utime(self._path)

    def end(self) -> None:
        """Stop beating."""
        self._stop.set()
        self._thread.join()


class _Flock:
    """flock on the file itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._beat: _Beat | None = None

    def acquire(self) -> bool:
        """Take the lock if no process holds it, by either kind."""
        # The mode is the umask's: a group that shares a data set shares its locks.
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            is_ours = _is_flocked(descriptor) and self._has_signed(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        if is_ours:
            self._descriptor, self._beat = descriptor, _Beat(self._path)
        else:
            os.close(descriptor)
        return is_ours

    def _has_signed(self, descriptor: int) -> bool:
        """Write the owner into the file, unless a process without flock holds the lock by its heartbeat."""
        with contextlib.suppress(OSError):  # a full disk may lack the name: flock alone holds the lock
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, _owner(), 0)
        if _is_young(heartbeat_path(self._path)):
            os.ftruncate(descriptor, 0)
            return False
        return True

    def release(self) -> None:
        """Give the lock back; the file stays, empty."""
        if self._beat is not None:
            self._beat.end()
        with contextlib.suppress(OSError):  # only a name for people
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def _is_flocked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in CONTENDED:
            return False
        raise
    return True


class _Heartbeat:
    """A file whose age tells whether its owner lives, for file systems without flock.

    Weaker than flock: an owner that stalls for more than a minute may lose it.
    """

    def __init__(self, path: Path) -> None:
        self._lock_file = path
        self._path = heartbeat_path(path)
        self._mine = _owner()
        self._has_taken_over = False
        self._beat: _Beat | None = None

    def acquire(self) -> bool:
        """Take the lock if no living process holds it, by either kind."""
        if not self._create():
            if not _is_young(self._path):
                self._path.unlink(missing_ok=True)
                self._has_taken_over = True
            return False
        if (self._has_taken_over and not self._is_kept()) or _is_signed_and_young(self._lock_file):
            self._give_up()
            return False
        self._beat = _Beat(self._path)
        return True

    def release(self) -> None:
        """Give the lock back; the file goes."""
        if self._beat is not None:
            self._beat.end()
        self._give_up()

    def _create(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._mine)
        return True

    def _is_kept(self) -> bool:
        """Say whether the lock is still ours after a moment.

        Another process that saw the same dead lock may have deleted the one that we made in its place.
        """
        time.sleep(SETTLE_S)
        return self._is_mine()

    def _is_mine(self) -> bool:
        try:
            return self._path.read_bytes() == self._mine
        except FileNotFoundError:
            return False

    def _give_up(self) -> None:
        if self._is_mine():  # an owner that stalled may have lost it to another
            self._path.unlink(missing_ok=True)


def _is_signed_and_young(path: Path) -> bool:
    """Say whether a process holds a lock by flock: it signs the file and keeps it young."""
    try:
        return path.stat().st_size > 0 and _is_young(path)
    except FileNotFoundError:
        return False


def _is_young(path: Path) -> bool:
    """Say whether a file was touched of late, by the clock of its file system: those of nodes differ."""
    try:
        touched_s = path.stat().st_mtime
    except FileNotFoundError:
        return False
    return _file_system_time_s(path) - touched_s <= HEARTBEAT_DEAD_S


def _file_system_time_s(path: Path) -> float:
    """Return the time that the file system gives to a file that is touched now."""
    probe = path.with_name(f".{path.name}.{os.getpid()}.now")
    descriptor = os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    try:
        os.utime(descriptor)
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)
        probe.unlink(missing_ok=True)
