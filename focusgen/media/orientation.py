"""How stored pixels become upright ones, and what EXIF and the display matrix of a video say of it."""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.names import MediaError
from focusgen.media.rules import EXIF_LONG

ORIENTATION_TAG = 0x0112
"""In TIFF directories, so in EXIF too."""

LONG = 4
"""TIFF's type of 32 bits: some writers use it where EXIF asks for 16."""

_UNITY = 1 << 16  # display matrices are 16.16 fixed point


class Orientation(NamedTuple):
    """How stored pixels become upright ones: transpose first, then mirror."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return (width, height) after it was applied."""
        return (height, width) if self.transpose else (width, height)

    def apply(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the upright pixels, contiguous."""
        if self.transpose:
            pixels = pixels.swapaxes(0, 1)
        if self.flip_x:
            pixels = pixels[:, ::-1]
        if self.flip_y:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)


# EXIF values 1..8, by where row 0 and column 0 of the stored picture belong.
EXIF_ORIENTATIONS = {
    1: Orientation(),
    2: Orientation(flip_x=True),
    3: Orientation(flip_x=True, flip_y=True),
    4: Orientation(flip_y=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, flip_x=True),
    7: Orientation(transpose=True, flip_x=True, flip_y=True),
    8: Orientation(transpose=True, flip_y=True),
}


HALF_TURNED = "stored upside down or mirrored"
"""Begins the note on frames that have their sides as they were stored, so that no size tells them apart."""

QUARTER_TURNED = "stored turned or mirrored"
"""Begins the note on frames whose sides were exchanged; only squares hide it."""


def turned_note(orientation: Orientation, who: str) -> str:
    """Return what to say of stored pixels that were turned upright; "" if they were not.

    Args:
        orientation: how they were.
        who: asked for it, with the verb.
    """
    if orientation == Orientation():
        return ""
    how = QUARTER_TURNED if orientation.transpose else HALF_TURNED
    return f"{how}: frames stand upright, as {who}"


def turning(exif: bytes, rules: Collection[str]) -> tuple[int, tuple[str, ...]]:
    """Return the orientation in an EXIF block by some of `rules.ALL_RULES`, and which had an effect."""
    value, by_first_release = exif_orientation(exif), exif_orientation(exif, knows_long=False)
    if value == by_first_release or EXIF_LONG not in rules:
        return by_first_release, ()
    return value, (EXIF_LONG,)


def exif_orientation(exif: bytes, *, knows_long: bool = True) -> int:
    """Return the orientation in an EXIF block; 1 where there is none or the block is cut."""
    tiff = exif[6:] if exif.startswith(b"Exif\0\0") else exif
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 10:
        return 1
    start = struct.unpack_from(order + "I", tiff, 4)[0]
    if start + 2 > len(tiff):
        return 1
    n_entries = struct.unpack_from(order + "H", tiff, start)[0]
    for entry in range(start + 2, min(start + 2 + 12 * n_entries, len(tiff) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", tiff, entry)
        if tag == ORIENTATION_TAG:
            value = struct.unpack_from(
                order + ("I" if knows_long and kind == LONG else "H"), tiff, entry + 8
            )[0]
            return int(value) or 1  # some writers leave 0 for "unknown"
    return 1


def displayed_orientation(matrix: bytes, file: str) -> Orientation:
    """Return what a display matrix does: stored (x, y) goes to (a x + c y, b x + d y).

    Raises:
        MediaError: it turns by other than 90 degrees, or scales.
    """
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix)
    shape = tuple(np.sign(value) if abs(abs(value) - _UNITY) <= 1 else value for value in (a, b, c, d))
    if shape[1:3] == (0, 0) and {abs(shape[0]), abs(shape[3])} == {1}:
        return Orientation(transpose=False, flip_x=bool(a < 0), flip_y=bool(d < 0))
    if (shape[0], shape[3]) == (0, 0) and {abs(shape[1]), abs(shape[2])} == {1}:
        return Orientation(transpose=True, flip_x=bool(c < 0), flip_y=bool(b < 0))
    raise MediaError(file, "is to be shown turned by other than 90 degrees or scaled; re-encode it upright")
