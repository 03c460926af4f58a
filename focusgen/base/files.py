"""The one way to put a file in place: atomic, checked, synced.

A file is written beside its place and renamed, its size compared with the bytes handed over (a full disk or
a file size limit may write less without a word).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from focusgen.base.checksums import FileEntry, RunningChecksum
from focusgen.base.errors import SceneError, StorageError

STORAGE_ERRNOS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.ENODEV,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
COPY_BYTES = 1 << 20
DRAFT = re.compile(r"\.(.+)\.(\d+)\.tmp", re.DOTALL)
"""Names of files that are being written: of the file, and of the process."""

Document = Mapping[str, object] | Sequence[object]
"""What becomes JSON: names and numbers all the way down."""

on_step: Callable[[str, Path], None] = lambda step, path: None  # noqa: E731
"""Called at each publish step (before_write, after_tmp, after_rename, before_record); tests kill there."""


def publish(path: Path, data: bytes) -> FileEntry:
    """Put `data` at `path` so that a reader sees the old file, or the whole new one, never a part.

    Raises:
        StorageError: the disk is full, limited, failing or read-only; nothing is left behind.
    """
    return publish_pieces(path, (data,))


def publish_pieces(path: Path, pieces: Iterable[bytes]) -> FileEntry:
    """Do as `publish` with what does not fit into memory as a whole; checksum of the bytes handed over.

    Raises:
        StorageError: the disk is full, limited, failing or read-only; nothing is left behind.
    """
    on_step("before_write", path)
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    mode = 0o666  # the umask decides; a tempfile's 0600 would survive the rename and lock a group out
    written = RunningChecksum()
    try:
        descriptor = _create(temporary, mode)
        try:
            for piece in pieces:
                _write_all(descriptor, piece)
                written.update(piece)
            if os.fstat(descriptor).st_size != written.size:
                raise OSError(errno.EIO, "the file is shorter than what was written")
        finally:
            os.close(descriptor)
        on_step("after_tmp", path)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise storage_error(error, path) from error
    except BaseException:  # whoever makes the pieces gave up
        temporary.unlink(missing_ok=True)
        raise
    on_step("after_rename", path)
    return written.entry()


def publish_copy(path: Path, original: Path, entry: FileEntry) -> None:
    """Put a copy of a file at `path`, of which size and checksum are known since it was written.

    Raises:
        StorageError: it cannot be written, or what was read is not what was written.
    """
    if publish_pieces(path, _pieces_of(original)) != entry:
        raise storage_error(OSError(errno.EIO, "reads otherwise than it was written"), original)


def _pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(COPY_BYTES):
            yield piece


def _create(path: Path, mode: int) -> int:
    """Open a file that is not there yet; what a killed process of the same number left is replaced."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    try:
        return os.open(path, flags, mode)
    except FileExistsError:  # process numbers repeat in containers
        os.unlink(path)
        return os.open(path, flags, mode)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` for a program that writes by name; the file appears when the body ends well.

    For what does not fit into memory as a whole; `publish` is for everything else.

    Raises:
        StorageError: the disk is full, limited, failing or read-only; nothing is left behind.
    """
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_drafts(folder: Path, prefix: str = "") -> None:
    """Delete what processes that are gone had half written in a folder: what a kill leaves of `publish`.

    Args:
        folder: with its own files, not those of folders in it; it need not be there.
        prefix: with which the names of the files begin.

    Raises:
        StorageError: one cannot be deleted.
    """
    drafts = folder.glob(".*.tmp") if folder.is_dir() else ()
    for draft in sorted(drafts):
        found = DRAFT.fullmatch(draft.name)
        if found is not None and found[1].startswith(prefix) and not _is_at_work(int(found[2])):
            remove(draft)


def _is_at_work(pid: int) -> bool:
    """Say whether another process of this number runs here; one that has ours is gone, as in containers."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def append(path: Path, data: bytes) -> None:
    """Add bytes to a file that one process writes alone; a kill or a full disk may leave a part of them.

    Raises:
        StorageError: they could not all be written.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o666)
        try:
            _write_all(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error(error, path) from error


def remove(path: Path) -> None:
    """Delete a file if it is there.

    Raises:
        StorageError: it cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = os.write(descriptor, view)  # may be short at a limit; the next call then raises
        if written == 0:
            raise OSError(errno.EIO, "write() wrote nothing")
        view = view[written:]


def is_read_only(error: StorageError) -> bool:
    """Say whether a storage failure means that one may only read there."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.EROFS, errno.EACCES, errno.EPERM)


def storage_error(error: OSError, path: Path) -> SceneError:
    """Return the storage failure that an OSError means, with the next step."""
    advice = {
        errno.ENOSPC: "Free space (or inodes) on that file system, then start the same command again.",
        errno.EDQUOT: "Your quota is used up: free space, then start the same command again.",
        errno.EFBIG: "A file size limit is set (ulimit -f): raise it, then start the same command again.",
        errno.EROFS: "The file system is read-only: have the output written to another place.",
        errno.EEXIST: "A file stands where a folder is needed: remove it, or name another folder.",
        errno.ENOTDIR: "A file stands where a folder is needed: remove it, or name another folder.",
        errno.EISDIR: "A folder stands where a file is needed: remove it, or name another folder.",
        errno.ENAMETOOLONG: "Give it a shorter name.",
        errno.EACCES: "Check the owner and mode of that folder, or have the output written to another place.",
    }.get(error.errno or 0, "Check the file system, then start the same command again.")
    return StorageError(f"{path}: {error.strerror or error}", advice)


def json_bytes(document: Document) -> bytes:
    """Return the bytes that `publish_json` writes for a document."""
    return (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()


def publish_json(path: Path, document: Document) -> FileEntry:
    """Put a JSON document at `path`, atomically; finite numbers only."""
    data = json_bytes(document)
    make_folder(path.parent)
    return publish(path, data)


def make_folder(path: Path) -> None:
    """Create a folder and its parents.

    Raises:
        StorageError: it cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        broken = broken_link(path)
        if broken:
            raise StorageError(
                f"{path}: {broken}", "Mend or remove the link, or name another folder."
            ) from error
        raise storage_error(error, path) from error


def broken_link(path: Path) -> str:
    """Say which part of a path is a link to nothing; empty if none is."""
    for part in (*reversed(path.parents), path):
        if os.path.islink(part) and not os.path.exists(part):
            return f"{'it' if part == path else part} is a link to {os.readlink(part)}, which is not there"
    return ""


def share_with_group(is_shared: bool) -> None:
    """Let the group read and write all that this process makes from now on, whatever the umask said."""
    if is_shared:
        umask = os.umask(0o077)
        os.umask(umask & ~0o070)


def sync_file_system(folder: Path) -> None:
    """Bring everything written below `folder` to the device: one call per scene, not one per file."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error(error, folder) from error


def fsync_folder(folder: Path) -> None:
    """Bring a folder's entries to the device; some shared file systems cannot, and are not asked twice.

    Raises:
        StorageError: the device failed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise storage_error(error, folder) from error
