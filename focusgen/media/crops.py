"""What a container says is to be cut off a video's pictures: `clap` of mp4 and mov, PixelCrop of Matroska.

FFmpeg's decoders leave this to the player. Cameras and editors hide lines with it that were never meant to be
seen (black borders, a sensor's edge), so frames are cropped as players do.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from focusgen.base.names import MediaError
from focusgen.media.boxes import Box, box_inside, boxes
from focusgen.media.containers import Demuxer
from focusgen.media.elements import (
    SEGMENT,
    TRACK_ENTRY,
    TRACK_TYPE,
    TRACKS,
    VIDEO_TYPE,
    BrokenElement,
    elements,
)

_Span = tuple[int, int]
_FIRST_BOX_OF_VIDEO_ENTRY = 86
_VIDEO, _WIDTH, _HEIGHT = 0xE0, 0xB0, 0xBA
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
    except (struct.error, ZeroDivisionError):
        return []  # too damaged to tell; FFmpeg decides whether it is too damaged to decode


def _boxed_crops(data: mmap.mmap) -> Iterator[Crop]:
    movie = box_inside(data, 0, len(data), b"moov")
    for code, begin, end in boxes(data, movie.begin, movie.end) if movie else ():
        handler = box_inside(data, begin, end, b"mdia", b"hdlr") if code == b"trak" else None
        if handler is not None and data[handler.begin + 8 : handler.begin + 12] == b"vide":
            table = box_inside(data, begin, end, b"mdia", b"minf", b"stbl", b"stsd")
            yield _sample_entry_crop(data, table) if table else Crop()


def _sample_entry_crop(data: mmap.mmap, table: Box) -> Crop:
    entry = next(boxes(data, table.begin + 8, table.end), None)
    if entry is None:
        return Crop()
    size: tuple[int, int] = struct.unpack_from(">HH", data, entry.begin + 24)
    clap = box_inside(data, entry.begin - 8 + _FIRST_BOX_OF_VIDEO_ENTRY, entry.end, b"clap")
    if clap is None:
        return Crop()
    numbers = struct.unpack_from(">IIIIiIiI", data, clap.begin)
    width, height, x_offset, y_offset = (Fraction(numbers[i], numbers[i + 1]) for i in (0, 2, 4, 6))
    left, right = _cut(size[0], width, x_offset)
    top, bottom = _cut(size[1], height, y_offset)
    return Crop(left, top, right, bottom, size)


def _cut(stored: int, kept: Fraction, offset: Fraction) -> tuple[int, int]:
    """Return the pixels before and behind an aperture, which is placed by the distance of the centres."""
    before = round((stored - kept) / 2 + offset)
    return before, stored - round(kept) - before


def _element_crops(data: mmap.mmap) -> Iterator[Crop]:
    segment = next((inner for kind, inner in _elements(data, (0, len(data))) if kind == SEGMENT), None)
    tracks = None
    for kind, inner in _elements(data, segment) if segment else ():
        if kind == TRACKS:
            tracks = inner
            break
    for kind, inner in _elements(data, tracks) if tracks else ():
        fields = dict(_elements(data, inner)) if kind == TRACK_ENTRY else {}
        if TRACK_TYPE in fields and _number(data, fields[TRACK_TYPE]) == VIDEO_TYPE:
            yield _pixel_crop(data, fields[_VIDEO]) if _VIDEO in fields else Crop()


def _pixel_crop(data: mmap.mmap, video: _Span) -> Crop:
    short = ((kind, inner) for kind, inner in _elements(data, video) if inner[1] - inner[0] <= 8)
    fields = {kind: _number(data, inner) for kind, inner in short}
    left, top, right, bottom = (fields.get(side, 0) for side in _CROP_SIDES)
    return Crop(left, top, right, bottom, (fields.get(_WIDTH, 0), fields.get(_HEIGHT, 0)))


def _elements(data: mmap.mmap, span: _Span) -> Iterator[tuple[int, _Span]]:
    """Yield (id, begin and end of the content) of each element as long as they are sound."""
    with suppress(BrokenElement):
        for kind, begin, end in elements(data, *span):
            yield kind, (begin, span[1] if end is None else end)


def _number(data: mmap.mmap, span: _Span) -> int:
    return int.from_bytes(data[span[0] : span[1]], "big")
