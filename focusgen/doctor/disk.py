"""The output folder: may we write, is there room, and does its file system keep the promises we build on.

Publishing rests on rename being atomic and locks on flock dying with its process. Both are tried with a
second process on this machine; two machines on one parallel file system are not tried here.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from focusgen.base.names import display
from focusgen.base.programs import ask
from focusgen.base.user import user_name
from focusgen.config import Config
from focusgen.doctor.check import Check, Status
from focusgen.doctor.disk_probes import NO_ANSWER, lock_problem, rename_problem

# Measured at 854x480 with our encoders: sharp frame and depth, then render and label of one lens set.
BYTES_PER_FRAME, BYTES_PER_FRAME_AND_SET = 1_050_000, 835_000
FILES_PER_FRAME, FILES_PER_FRAME_AND_SET = 2, 2
FEW_FRAMES = 1000


def check_output(out_root: Path, cfg: Config) -> list[Check]:
    """Look at the folder that the data set is written to, or at the nearest one that exists."""
    folder = nearest_existing(out_root)
    if out_root.is_symlink() and not out_root.exists():
        detail = f"{display(str(out_root))}: a link to {display(os.readlink(out_root))}, which does not exist"
        return [Check("output", Status.FAIL, detail, "Make that folder, or choose another --out_root.")]
    try:
        with _probe_folder(folder) as probe:
            promises = [_check_rename(probe), _check_lock(probe)]
    except OSError as error:
        detail = f"{display(str(folder))}: {error.strerror or error}"
        return [
            Check(
                "output", Status.FAIL, detail, "Choose another --out_root, or have its permissions changed."
            )
        ]
    shown = display(str(out_root)) + ("" if out_root.exists() else " (will be made)")
    writable = Check("output", Status.OK, f"{shown}: writable, {file_system_of(folder)}")
    checks = [writable, check_room(folder, cfg), *promises, check_umask(folder, cfg)]
    quota = check_quota(folder)
    return [*checks, quota] if quota else checks


def nearest_existing(folder: Path) -> Path:
    """Return the folder or its nearest parent that exists."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())


@contextmanager
def _probe_folder(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".focusgen-doctor-", dir=folder) as name:
        yield Path(name)


def file_system_of(folder: Path) -> str:
    """Return the kind of file system, e.g. "ext4", "lustre", "nfs4"."""
    best, kind = "", "file system unknown"
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return kind
    for line in lines:
        left, _, right = line.partition(" - ")
        mount = left.split()[4].replace("\\040", " ")
        if folder.absolute().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, right.split()[0]
    return kind


def check_room(folder: Path, cfg: Config) -> Check:
    """Say how many frames fit by bytes and by inodes."""
    facts = os.statvfs(folder)
    free_bytes = facts.f_bavail * facts.f_frsize
    n_sets = cfg.render.n_sets
    by_bytes = free_bytes // (BYTES_PER_FRAME + n_sets * BYTES_PER_FRAME_AND_SET)
    n_frames, inodes = by_bytes, "inodes without a limit"
    if facts.f_files:  # some file systems make inodes as they are needed and report 0
        n_frames = min(by_bytes, facts.f_favail // (FILES_PER_FRAME + n_sets * FILES_PER_FRAME_AND_SET))
        inodes = f"{facts.f_favail:,} inodes"
    room = f"{free_bytes / 2**30:,.1f} GiB and {inodes} free"
    detail = f"{room}: about {n_frames:,} frames of 854x480 with {n_sets} lens sets"
    if n_frames < cfg.data.min_frames:
        return Check(
            "room", Status.FAIL, detail, "Not even one scene fits: make room or choose another --out_root."
        )
    if n_frames < FEW_FRAMES:
        return Check("room", Status.WARN, detail, "Enough for a trial only.")
    return Check("room", Status.OK, detail)


_UNTRIED = "It was not tried: see ulimit -u, or start focusgen doctor again on a machine that is less busy."


def _check_rename(probe: Path) -> Check:
    problem = rename_problem(probe)
    if problem == NO_ANSWER:
        return Check("rename", Status.WARN, problem, _UNTRIED)
    if problem:
        return Check(
            "rename", Status.FAIL, problem, "Torn files could be published here: choose another --out_root."
        )
    return Check("rename", Status.OK, "a file that is replaced is always seen whole")


def _check_lock(probe: Path) -> Check:
    problem = lock_problem(probe)
    if problem is None:
        return Check("lock", Status.OK, "flock keeps a second process out and dies with its process")
    if problem == "unsupported":
        detail = "no flock here: lock files with a heartbeat are used, which are weaker"
        return Check("lock", Status.WARN, detail, "Avoid two runs on one data set, or mount with flock.")
    if problem == NO_ANSWER:
        return Check("lock", Status.WARN, problem, _UNTRIED)
    return Check("lock", Status.FAIL, problem, "Two runs could write the same scene: mount with flock.")


def check_umask(folder: Path, cfg: Config) -> Check:
    """Say who will be able to read what is published."""
    mask = _umask()
    if mask & 0o700:
        advice = "umask 022, or 002 for a group that works together"
        return Check("umask", Status.FAIL, f"{mask:04o} takes your own permissions away", advice)
    if cfg.data.group_writable and not folder.stat().st_mode & stat.S_ISGID:
        detail = f"{mask:04o}; data.group_writable, but new files take your own group"
        return Check("umask", Status.WARN, detail, f"chmod g+s {display(str(folder))}")
    others = "others may read" if not mask & 0o004 else "others may not read"
    return Check("umask", Status.OK, f"{mask:04o}: {others}")


def _umask() -> int:
    mask = os.umask(0o077)  # there is no way to read it without setting it
    os.umask(mask)
    return mask


def check_quota(folder: Path) -> Check | None:
    """Return what a quota command says, or None where there is none."""
    user = user_name()
    if file_system_of(folder) == "lustre" and shutil.which("lfs"):
        text = ask(["lfs", "quota", "-q", "-h", "-u", user, str(folder)], timeout_s=10)
    elif shutil.which("quota"):
        text = ask(["quota", "-w"], timeout_s=10)
    else:
        return None
    if not text:
        return Check("quota", Status.INFO, "the quota command lists no limit for you")
    rows = "; ".join(" ".join(line.split()) for line in text.splitlines()[:6])
    if "*" in text:  # how both commands mark a value above its limit
        return Check(
            "quota", Status.WARN, rows, "A value marked * is above its limit: writing may stop any time."
        )
    return Check("quota", Status.INFO, rows)
