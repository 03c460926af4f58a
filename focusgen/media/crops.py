"""What a container says is to be cut off a video's pictures: `clap` of mp4 and mov, PixelCrop of Matroska.

FFmpeg's decoders leave this to the player. Cameras and editors hide lines with it that were never meant to be
seen (black borders, a sensor's edge), so frames are cropped as players do.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from focusgen.base.names import MediaError
from focusgen.media.containers import Demuxer

_Span = tuple[int, int]
_FIRST_BOX_OF_VIDEO_ENTRY = 86
_SEGMENT, _TRACKS, _TRACK_ENTRY = 0x18538067, 0x1654AE6B, 0xAE
_TRACK_TYPE, _VIDEO, _VIDEO_TYPE = 0x83, 0xE0, 1
_WIDTH, _HEIGHT = 0xB0, 0xBA
_CROP_SIDES = (0x54CC, 0x54BB, 0x54DD, 0x54AA)  # left, top, right, bottom


@dataclass(frozen=True)
class Crop:
    """Pixels to cut off each side of a stored picture of `size` (width, height)."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    size: tuple[int, int] = (0, 0)

    def __bool__(self) -> bool:
        return any((self.left, self.top, self.right, self.bottom))

    @property
    def cropped_size(self) -> tuple[int, int]:
        """(width, height) of what is left."""
        return self.size[0] - self.left - self.right, self.size[1] - self.top - self.bottom

    @property
    def is_possible(self) -> bool:
        """Say whether something is left of the picture, and nothing is added."""
        sides = (self.left, self.top, self.right, self.bottom)
        return min(sides) >= 0 and min(self.cropped_size) >= 1


_NOTE = re.compile(
    r"cropped from (\d+)x(\d+) to (\d+)x(\d+), as the container asks(?: \(left (\d+), top (\d+)\))?"
)


def crop_note(crop: Crop) -> str:
    """Return what the index says of frames that were cropped."""
    (width, height), (kept_width, kept_height) = crop.size, crop.cropped_size
    return (
        f"cropped from {width}x{height} to {kept_width}x{kept_height}, as the container asks "
        f"(left {crop.left}, top {crop.top})"
    )


class ToldCrop(NamedTuple):
    """A crop as the notes of a scene tell it.

    Attributes:
        note: the whole.
        stored: (width, height) of what was cropped, before it was turned upright.
        cut_text: how to cut a map of that size likewise.
    """

    note: str
    stored: tuple[int, int]
    cut_text: str


def told_crop(notes: Sequence[str]) -> ToldCrop | None:
    """Return the crop that the notes of a scene tell; None where there was none."""
    told = next((found for note in notes if (found := _NOTE.fullmatch(note))), None)
    if told is None:
        return None
    width, height, kept_width, kept_height = map(int, told.groups()[:4])
    if told[5] is None:  # notes of earlier builds
        return ToldCrop(told[0], (width, height), "ffprobe tells how much of each side")
    left, top = int(told[5]), int(told[6])
    cut = f"depth[{top}:{top + kept_height}, {left}:{left + kept_width}]"
    return ToldCrop(told[0], (width, height), cut)


def track_crops(path: Path, file: str, demuxer: Demuxer) -> list[Crop]:
    """Return the crop of each video track, in the order of the file; what does not parse asks for none.

    Raises:
        MediaError: the file cannot be read.
    """
    if demuxer == "avi":
        return []
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return list(_boxed_crops(data) if demuxer == "mov" else _element_crops(data))
    except OSError as error:
        raise MediaError(file, f"cannot be read: {error.strerror}") from error
    except (struct.error, IndexError, ZeroDivisionError):
        return []  # too damaged to tell; FFmpeg decides whether it is too damaged to decode


def _boxes(data: mmap.mmap, span: _Span) -> Iterator[tuple[bytes, _Span]]:
    """Yield (code, begin and end of the content) of each mp4 box."""
    position, end = span
    while position + 8 <= end:
        length, code = struct.unpack_from(">I4s", data, position)
        begin = position + 8
        if length == 1:
            length, begin = struct.unpack_from(">Q", data, begin)[0], position + 16
        elif length == 0:
            length = end - position
        if length < begin - position or position + length > end:
            return
        yield code, (begin, position + length)
        position += length


def _inside(data: mmap.mmap, span: _Span, *codes: bytes) -> _Span | None:
    """Return where the content of a box lies, going down from box to box."""
    found: _Span | None = span
    for code in codes:
        found = next((inner for kind, inner in _boxes(data, found) if kind == code), None) if found else None
    return found


def _boxed_crops(data: mmap.mmap) -> Iterator[Crop]:
    movie = _inside(data, (0, len(data)), b"moov")
    for code, track in _boxes(data, movie) if movie else ():
        handler = _inside(data, track, b"mdia", b"hdlr") if code == b"trak" else None
        if handler is not None and data[handler[0] + 8 : handler[0] + 12] == b"vide":
            table = _inside(data, track, b"mdia", b"minf", b"stbl", b"stsd")
            yield _sample_entry_crop(data, table) if table else Crop()


def _sample_entry_crop(data: mmap.mmap, table: _Span) -> Crop:
    entry = next((inner for _, inner in _boxes(data, (table[0] + 8, table[1]))), None)
    if entry is None:
        return Crop()
    size: tuple[int, int] = struct.unpack_from(">HH", data, entry[0] + 24)
    clap = _inside(data, (entry[0] - 8 + _FIRST_BOX_OF_VIDEO_ENTRY, entry[1]), b"clap")
    if clap is None:
        return Crop()
    numbers = struct.unpack_from(">IIIIiIiI", data, clap[0])
    width, height, x_offset, y_offset = (Fraction(numbers[i], numbers[i + 1]) for i in (0, 2, 4, 6))
    left, right = _cut(size[0], width, x_offset)
    top, bottom = _cut(size[1], height, y_offset)
    return Crop(left, top, right, bottom, size)


def _cut(stored: int, kept: Fraction, offset: Fraction) -> tuple[int, int]:
    """Return the pixels before and behind an aperture, which is placed by the distance of the centres."""
    before = round((stored - kept) / 2 + offset)
    return before, stored - round(kept) - before


def _element_crops(data: mmap.mmap) -> Iterator[Crop]:
    segment = next((inner for kind, inner in _elements(data, (0, len(data))) if kind == _SEGMENT), None)
    tracks = None
    for kind, inner in _elements(data, segment) if segment else ():
        if kind == _TRACKS:
            tracks = inner
            break
    for kind, inner in _elements(data, tracks) if tracks else ():
        fields = dict(_elements(data, inner)) if kind == _TRACK_ENTRY else {}
        if _TRACK_TYPE in fields and _number(data, fields[_TRACK_TYPE]) == _VIDEO_TYPE:
            yield _pixel_crop(data, fields[_VIDEO]) if _VIDEO in fields else Crop()


def _pixel_crop(data: mmap.mmap, video: _Span) -> Crop:
    short = ((kind, inner) for kind, inner in _elements(data, video) if inner[1] - inner[0] <= 8)
    fields = {kind: _number(data, inner) for kind, inner in short}
    left, top, right, bottom = (fields.get(side, 0) for side in _CROP_SIDES)
    return Crop(left, top, right, bottom, (fields.get(_WIDTH, 0), fields.get(_HEIGHT, 0)))


def _elements(data: mmap.mmap, span: _Span) -> Iterator[tuple[int, _Span]]:
    """Yield (id, begin and end of the content) of each EBML element; an open length goes on to the end."""
    position, end = span
    while position < end:
        id_bytes = 9 - data[position].bit_length()
        kind = int.from_bytes(data[position : position + id_bytes], "big")
        length_bytes = 9 - data[position + id_bytes].bit_length()
        begin = position + id_bytes + length_bytes
        length = int.from_bytes(data[position + id_bytes : begin], "big") & ((1 << 7 * length_bytes) - 1)
        is_open = length == (1 << 7 * length_bytes) - 1
        if id_bytes > 8 or length_bytes > 8 or (not is_open and begin + length > end):
            return
        yield kind, (begin, end if is_open else begin + length)
        position = end if is_open else begin + length


def _number(data: mmap.mmap, span: _Span) -> int:
    return int.from_bytes(data[span[0] : span[1]], "big")
