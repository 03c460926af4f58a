"""Which video container a file really is, and whether it is whole, read from its own structure.

FFmpeg opens many kinds of file, some of which (playlists, `ffconcat`) make it open further files, and it
skips what it cannot parse. So the kind is decided here from the first bytes, only three demuxers are ever
used, and the chain of boxes, elements or chunks must lead exactly to the end of the file: a cut file, or one
in which a length was damaged, is refused even where a decoder would go on with fewer frames.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Literal

from focusgen.names import MediaError

Demuxer = Literal["mov", "matroska", "avi"]
"""FFmpeg's demuxers in use; mov reads mp4, m4v and mov, matroska reads mkv and webm."""

_BOX_STARTS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp")
_EBML_HEADER = 0x1A45DFA3
_SEGMENT = 0x18538067
_CLUSTER = 0x1F43B675
# Children of a Segment: seek head, info, tracks, cues, tags, chapters, attachments.
_SEGMENT_CHILDREN = frozenset(
    {0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469}
)
# Padding and CRC-32.
_ANYWHERE = frozenset({0xEC, 0xBF})
# Children of a Cluster: timestamp, silent tracks, position, previous size, groups, blocks (also encrypted).
_CLUSTER_CHILDREN = frozenset({0xE7, 0x5854, 0xA7, 0xAB, 0xA0, 0xA3, 0xAF})


def demuxer_of(path: Path, file: str) -> Demuxer:
    """Return the demuxer that fits the content of a file, whatever it is called.

    Raises:
        MediaError: unreadable, empty, or no container of the accepted kinds (playlists, text, streams).
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        raise MediaError(file, f"cannot be read: {error.strerror}") from error
    if not head:
        raise MediaError(file, "is empty")
    if head[4:8] in _BOX_STARTS:
        return "mov"
    if head.startswith(_EBML_HEADER.to_bytes(4, "big")):
        return "matroska"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    raise MediaError(file, "is no mp4, mov, mkv, webm or avi video")


def check_whole(path: Path, file: str, demuxer: Demuxer) -> None:
    """Refuse a container whose chain of lengths does not end where the file ends.

    Raises:
        MediaError: truncated or damaged; names the file and the byte.
    """
    walk = {"mov": _walk_boxes, "matroska": _walk_elements, "avi": _walk_chunks}[demuxer]
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            walk(data, file)
    except OSError as error:
        raise MediaError(file, f"cannot be read: {error.strerror}") from error


def _truncated(file: str, what: str, position: int, end: int, size: int) -> MediaError:
    return MediaError(
        file, f"truncated: {what} at byte {position} ends at byte {end}, but the file has only {size} bytes"
    )


def _damaged(file: str, what: str, position: int) -> MediaError:
    return MediaError(file, f"damaged: no {what} where one should begin, at byte {position}")


def _walk_boxes(data: mmap.mmap, file: str) -> None:
    position, size = 0, len(data)
    while position < size:
        head = data[position : position + 16]
        if not any(head) and not data[position:].strip(b"\0"):
            return  # cameras pad with zeros
        if len(head) < 8 or not _is_printable(head[4:8]):
            raise _damaged(file, "box", position)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:  # the last box may say "to the end"
            return
        if length < 8:
            raise _damaged(file, "box", position)
        if position + length > size:
            raise _truncated(file, f"box {head[4:8]!r}", position, position + length, size)
        position += length


def _is_printable(code: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in code)


def _walk_chunks(data: mmap.mmap, file: str) -> None:
    position, size = 0, len(data)
    while position + 8 <= size:
        code = data[position : position + 4]
        if not _is_printable(code):
            raise _damaged(file, "chunk", position)
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        end = position + 8 + length
        if end > size:
            raise _truncated(file, f"chunk {code!r}", position, end, size)
        is_list = code == b"RIFF" or (
            code == b"LIST" and data[position + 8 : position + 12] in (b"movi", b"rec ")
        )
        position = position + 12 if is_list else end + length % 2


def _walk_elements(data: mmap.mmap, file: str) -> None:
    position, size = 0, len(data)
    cluster_end: int | None = None
    while position < size:
        element, begin, length = _element_head(data, file, position)
        end = None if length is None else begin + length
        if end is not None and end > size:
            raise _truncated(file, f"element {element:X}", position, end, size)
        if element in _CLUSTER_CHILDREN or element in _ANYWHERE:
            position = _skipped(file, position, end)
            continue
        if cluster_end is not None and position != cluster_end:
            raise _damaged(file, "cluster", position)
        cluster_end = end if element == _CLUSTER else None
        position = begin if element in (_SEGMENT, _CLUSTER) else _skipped(file, position, end)


def _skipped(file: str, position: int, end: int | None) -> int:
    if end is None:  # only a Segment or a Cluster may leave its length open
        raise _damaged(file, "element of known length", position)
    return end


def _element_head(data: mmap.mmap, file: str, position: int) -> tuple[int, int, int | None]:
    """Return (id, position of its content, length or None if it is left open)."""
    head = data[position : position + 12]
    id_bytes = 9 - head[0].bit_length()
    element = int.from_bytes(head[:id_bytes], "big")
    known = element in _SEGMENT_CHILDREN or element in _CLUSTER_CHILDREN or element in _ANYWHERE
    if not known and element not in (_EBML_HEADER, _SEGMENT, _CLUSTER):
        raise _damaged(file, "element", position)
    if len(head) <= id_bytes or head[id_bytes] == 0:
        raise _damaged(file, "element", position)
    length_bytes = 9 - head[id_bytes].bit_length()
    field = head[id_bytes : id_bytes + length_bytes]
    if len(field) < length_bytes:
        raise _truncated(
            file, f"element {element:X}", position, position + id_bytes + length_bytes, len(data)
        )
    mask = (1 << (7 * length_bytes)) - 1
    length = int.from_bytes(field, "big") & mask
    return element, position + id_bytes + length_bytes, None if length == mask else length
