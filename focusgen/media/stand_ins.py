"""Files that stand in the place of others: pointers of Git LFS and git-annex, and saved web pages."""

from __future__ import annotations

from pathlib import Path

HEAD_BYTES = 64
_HEADS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: run git lfs pull"),
    (b"/annex/objects/", "a git-annex pointer, not the file itself: run git annex get"),
    (b"<!doctype html", "a web page, not the file itself: the download was refused or needs a login"),
    (b"<html", "a web page, not the file itself: the download was refused or needs a login"),
)


def stand_in(head: bytes) -> str:
    """Say what a file is that begins with these bytes, where it only stands in for another; else ""."""
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((what for mark, what in _HEADS if begins.startswith(mark)), "")


def stand_in_at(path: Path) -> str:
    """Say the same of a file; "" where it cannot be read, which is said elsewhere."""
    try:
        with path.open("rb") as stream:
            return stand_in(stream.read(HEAD_BYTES))
    except OSError:
        return ""
