"""Which video container a file really is, and whether it is whole, read from its own structure.

FFmpeg opens many kinds of file, some of which (playlists, `ffconcat`) make it open further files, and it
skips what it cannot parse. So the kind is decided here from the first bytes, only three demuxers are ever
used, and the chain of boxes, elements or chunks must lead exactly to the end of the file: a cut file, or one
in which a length was damaged, is refused even where a decoder would go on with fewer frames.
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from focusgen.base.names import MediaError
from focusgen.media.boxes import box_at
from focusgen.media.elements import (
    CLUSTER,
    EBML_HEADER,
    SEGMENT,
    TRACK_ENTRY,
    TRACK_NUMBER,
    TRACK_TYPE,
    TRACKS,
    VIDEO_TYPE,
    BrokenElement,
    content_at,
    elements,
    id_at,
    number_at,
)
from focusgen.media.listing import LOSSLESS
from focusgen.media.stand_ins import HEAD_BYTES, stand_in

Demuxer = Literal["mov", "matroska", "avi"]
"""FFmpeg's demuxers in use; mov reads mp4, m4v and mov, matroska reads mkv and webm."""

_KEEP = "Copy it again from where it came, or keep what is whole: ffmpeg -fflags +discardcorrupt -i INPUT"
COPY_WHOLE_PART = f"{_KEEP} -c copy -an OUTPUT.mkv"
# A copy keeps damage inside of frames, and fails where packets have no times, as those of an AVI.
DECODE_WHOLE_PART = f"{_KEEP} {LOSSLESS}"
_WITHOUT_MOOV = (
    "Copy it again from where it came: its table of frames (moov) stood at the end, which is lost."
)
_BOX_STARTS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp")
_ESSENTIAL_BOXES = frozenset({b"moov", b"mdat"})
_BOXES = frozenset(
    (*_BOX_STARTS, b"moof", b"mfra", b"sidx", b"ssix", b"prft", b"emsg", b"meta", b"uuid", b"udta")
)
# Children of a Segment: tracks, seek head, info, cues, tags, chapters, attachments.
_SEGMENT_CHILDREN = frozenset(
    {TRACKS, 0x114D9B74, 0x1549A966, 0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469}
)
# Padding and CRC-32.
_ANYWHERE = frozenset({0xEC, 0xBF})
_BLOCK, _SIMPLE_BLOCK, _BLOCK_GROUP = 0xA1, 0xA3, 0xA0
# Children of a Cluster: timestamp, silent tracks, position, previous size, blocks and groups with one block.
_NUMBERS = frozenset({0xE7, 0xA7, 0xAB})
_CLUSTER_CHILDREN = _NUMBERS | {0x5854, _BLOCK_GROUP, _SIMPLE_BLOCK}
_KNOWN_ELEMENTS = _SEGMENT_CHILDREN | _ANYWHERE | _CLUSTER_CHILDREN | {EBML_HEADER, SEGMENT, CLUSTER}


def demuxer_of(path: Path, file: str) -> Demuxer:
    """Return the demuxer that fits the content of a file, whatever it is called.

    Raises:
        MediaError: unreadable, empty, or no container of the accepted kinds (playlists, text, streams).
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise MediaError(file, f"cannot be read: {error.strerror}") from error
    if not head:
        raise MediaError(file, "is empty")
    if head[4:8] in _BOX_STARTS:
        return "mov"
    if head.startswith(EBML_HEADER.to_bytes(4, "big")):
        return "matroska"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    what = stand_in(head)
    raise MediaError(file, f"is {what}" if what else "is no mp4, mov, mkv, webm or avi video")


def check_whole(path: Path, file: str, demuxer: Demuxer) -> list[int]:
    """Refuse a container whose chain of lengths does not end where the file ends.

    Returns:
        The number of pictures stored in each video track of a Matroska file, because FFmpeg passes over
        blocks that it cannot place; empty for the other kinds, which declare their number of frames.

    Raises:
        MediaError: truncated or damaged; names the file and the byte.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if demuxer == "matroska":
                return _walk_elements(data, file)
            walk = _walk_boxes if demuxer == "mov" else _walk_chunks
            walk(data, file)
            return []
    except OSError as error:
        raise MediaError(file, f"cannot be read: {error.strerror}") from error
    except BrokenElement as error:
        raise _damaged(file, error.what, error.position) from error


def _truncated(
    file: str, what: str, span: tuple[int, int], size: int, advice: str = COPY_WHOLE_PART
) -> MediaError:
    begin, end = span
    reason = f"truncated: {what} at byte {begin} ends at byte {end}, but the file has only {size} bytes"
    return MediaError(file, reason, advice)


def _damaged(file: str, what: str, position: int) -> MediaError:
    reason = f"damaged: no {what} where one should begin, at byte {position}"
    return MediaError(file, reason, DECODE_WHOLE_PART)


def _walk_boxes(data: mmap.mmap, file: str) -> None:
    position, size = 0, len(data)
    seen: set[bytes] = set()
    while position < size:
        code, begin, end = box_at(data, position, size)
        if code not in _BOXES and seen >= _ESSENTIAL_BOXES:
            return  # cameras add a trailer of their own, or zeros, after a whole video
        if not _is_printable(code) or end < begin:
            raise _damaged(file, "box", position)
        if end > size:
            advice = COPY_WHOLE_PART if b"moov" in seen or b"moof" in seen else _WITHOUT_MOOV
            raise _truncated(file, f"box {code!r}", (position, end), size, advice)
        seen.add(code)
        position = end


def _is_printable(code: bytes) -> bool:
    return len(code) == 4 and all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in code)


def _walk_chunks(data: mmap.mmap, file: str) -> None:
    for position, code, length in _chunks(data):
        if not _is_printable(code):
            raise _damaged(file, "chunk", position)
        end = position + 8 + length
        if end > len(data):
            raise _truncated(file, f"chunk {code!r}", (position, end), len(data), DECODE_WHOLE_PART)


def _chunks(data: mmap.mmap) -> Iterator[tuple[int, bytes, int]]:
    """Yield (position, code, length) of each chunk, and of those inside the lists that hold pictures."""
    position, size = 0, len(data)
    while position + 8 <= size:
        code = data[position : position + 4]
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        yield position, code, length
        end = position + 8 + length
        is_list = code == b"RIFF" or (
            code == b"LIST" and data[position + 8 : position + 12] in (b"movi", b"rec ")
        )
        position = position + 12 if is_list else end + length % 2


def count_dropped_frames(path: Path, first: int = 0, stop: int | None = None) -> int:
    """Return how many frames of an AVI are empty chunks, by which a recorder says that it dropped them.

    Args:
        first: of the pictures that are stored, that before which to begin.
        stop: that before which to end; None for the end of the file.
    """
    n_dropped = n_stored = 0
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for position, code, length in _chunks(data):
            if code[2:] not in (b"dc", b"db") or position == 0:
                continue
            if length > 0 and n_stored == stop:
                break
            n_stored += length > 0
            n_dropped += length == 0 and n_stored >= first
    return n_dropped


class _Blocks:
    """What a Matroska file says about its tracks, gathered on the way through it."""

    def __init__(self, data: mmap.mmap, file: str) -> None:
        self._data, self._file = data, file
        self._track_types: dict[int, int] = {}
        self._n_blocks: Counter[int] = Counter()

    def see(self, element: int, begin: int, end: int) -> None:
        """Take note of an element that may concern a track."""
        if element in (TRACKS, _BLOCK_GROUP):
            for child, child_begin, child_end in self._children(begin, end):
                if child in (TRACK_ENTRY, _BLOCK):
                    self._add(child, child_begin, child_end)
        elif element == _SIMPLE_BLOCK:
            self._add(element, begin, end)
        elif element in _NUMBERS and end - begin > 8:
            raise BrokenElement("number", begin)

    def _add(self, element: int, begin: int, end: int) -> None:
        if element != TRACK_ENTRY:
            self._n_blocks[number_at(self._data, begin)[0]] += 1
            return
        fields = {kind: self._data[b:e] for kind, b, e in self._children(begin, end)}
        number, kind = (int.from_bytes(fields.get(key, b""), "big") for key in (TRACK_NUMBER, TRACK_TYPE))
        self._track_types[number] = kind

    def _children(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield (id, begin, end) of the content of each element in a short parent."""
        for child in elements(self._data, begin, end):
            yield child.id, child.begin, _known(child.end, child.begin)

    def n_pictures(self) -> list[int]:
        """Return the number of blocks of each video track."""
        strays = self._n_blocks.keys() - self._track_types.keys()
        if strays:
            reason = f"damaged: blocks of a track {min(strays)} that does not exist"
            raise MediaError(self._file, reason, DECODE_WHOLE_PART)
        return [self._n_blocks[number] for number, kind in self._track_types.items() if kind == VIDEO_TYPE]


def _walk_elements(data: mmap.mmap, file: str) -> list[int]:
    position, size = 0, len(data)
    cluster_end: int | None = None
    blocks = _Blocks(data, file)
    while position < size:
        element, after = id_at(data, position)
        if element not in _KNOWN_ELEMENTS:
            raise BrokenElement("element", position)
        begin, end = content_at(data, after)
        if end is not None and end > size:
            raise _truncated(file, f"element {element:X}", (position, end), size)
        is_in_cluster = element in _CLUSTER_CHILDREN or element in _ANYWHERE
        if not is_in_cluster:
            if cluster_end is not None and position != cluster_end:
                raise BrokenElement("cluster", position)
            cluster_end = end if element == CLUSTER else None
        if element in (SEGMENT, CLUSTER):
            position = begin
            continue
        end = _known(end, position)
        blocks.see(element, begin, end)
        position = end
    return blocks.n_pictures()


def _known(end: int | None, position: int) -> int:
    if end is None:  # only a Segment or a Cluster may leave its length open
        raise BrokenElement("element of known length", position)
    return end
