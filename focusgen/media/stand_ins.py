"""Files in the place of others: pointers of Git LFS and git-annex, saved web pages, renamed pictures."""

from __future__ import annotations

from pathlib import Path

HEAD_BYTES = 64
_HEADS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: run git lfs pull"),
    (b"/annex/objects/", "a git-annex pointer, not the file itself: run git annex get"),
    (b"<!doctype html", "a web page, not the file itself: the download was refused or needs a login"),
    (b"<html", "a web page, not the file itself: the download was refused or needs a login"),
)
_PICTURES = (
    (4, b"ftyphei", "a HEIC picture"),
    (4, b"ftypmif1", "a HEIC picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"jP  ", "a JPEG 2000 picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"BM", "a BMP picture"),
    (0, b"v/1\x01", "an OpenEXR picture"),
    (0, b"II+\0", "a BigTIFF picture"),
    (0, b"MM\0+", "a BigTIFF picture"),
)


def unread_picture(head: bytes) -> str:
    """Return what to add where a picture of a kind that is not read begins so; else ""."""
    kind = next((what for at, mark, what in _PICTURES if head.startswith(mark, at)), "")
    return f", but {kind}: convert it to PNG or JPEG" if kind else ""


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
