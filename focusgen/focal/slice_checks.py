"""What makes pictures no stack: other sizes, grey among colours, turned, empty, or one picture twice."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError
from focusgen.base.names import display
from focusgen.focal.light import unused_bits
from focusgen.media.colour_profiles import are_alike

ALIKE_ADVICE = "Save all slices of a stack alike."
LEAVE_ADVICE = "Replace it, or leave it and its distance out."

LEAST_SIDE_PX = 4
"""Of the smallest block in which light is compared; in less, nothing shows how sharp it is."""

LOOKED_AT_PIXELS = 100_000
DARK, SHOWN, WHITE = 0.03, 0.1, 0.98
"""Parts of the largest value. A slice whose brightest pixels lie below the first is a dark frame where
another has some above the second; one of which half lies above the third was blinded."""


def check_alike(path: Path, pixels: npt.NDArray[Any], size: tuple[int, int], dtype: np.dtype[Any]) -> None:
    """Refuse a slice that does not fit the first one of its stack, or is hardly more than a line.

    Args:
        path: of the slice.
        pixels: of the slice.
        size: (height, width) of the first one.
        dtype: of the first one.

    Raises:
        CorruptInputError: names the slice.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST_SIDE_PX:
        raise CorruptInputError(
            f"{display(str(path))}: is {width}x{height}, a slice has {LEAST_SIDE_PX} pixels a side at least",
            LEAVE_ADVICE,
        )
    if (height, width) != size:
        is_turned = (width, height) == size
        raise CorruptInputError(
            f"{display(str(path))}: is {width}x{height}, the first slice {size[1]}x{size[0]}",
            "It lies on its side: turn it." if is_turned else "All slices of a stack have one size.",
        )
    if pixels.dtype != dtype:
        raise CorruptInputError(f"{display(str(path))}: 8 and 16 bits are mixed in one stack", ALIKE_ADVICE)


def check_turned(path: Path, orientation: int, of_first: int) -> None:
    """Refuse a slice that EXIF turns otherwise than the first: a phone that lies flat changes its mind.

    Raises:
        CorruptInputError: names the slice.
    """
    if orientation != of_first:
        raise CorruptInputError(
            f"{display(str(path))}: EXIF turns it otherwise than the first slice (orientation {orientation}, "
            f"not {of_first}), and the view of a stack does not turn",
            f"Give all the same: exiftool -Orientation#={of_first} FOLDER",
        )


def check_profile(path: Path, profile: bytes, of_first: bytes) -> None:
    """Refuse a slice whose colours are meant otherwise than those of the first.

    Raises:
        CorruptInputError: names the slice.
    """
    if not are_alike(profile, of_first):
        raise CorruptInputError(
            f"{display(str(path))}: has another colour profile than the first slice", ALIKE_ADVICE
        )


def is_grey(pixels: npt.NDArray[Any]) -> bool | None:
    """Say whether a picture is without colour; None where it is even, as a black one."""
    few = pixels[::16, ::16]  # enough for nearly all pictures
    if (few == few[:1, :1]).all() and (pixels == pixels[:1, :1]).all():
        return None
    return bool((few == few[..., :1]).all() and (pixels == pixels[..., :1]).all())


def check_colours(paths: Sequence[Path], are_grey: Sequence[bool | None]) -> None:
    """Refuse a stack of which some slices are even, or were saved grey: no exposure mends that.

    Args:
        paths: of the slices.
        are_grey: `is_grey` of each.

    Raises:
        CorruptInputError: names one of the fewer.
    """
    known = [(grey, path) for path, grey in zip(paths, are_grey, strict=True) if grey is not None]
    if known and len(known) < len(paths):
        even = paths[list(are_grey).index(None)]
        raise CorruptInputError(
            f"{display(str(even))}: one colour everywhere, and the other slices are pictures", LEAVE_ADVICE
        )
    n_grey = sum(grey for grey, _ in known)
    if n_grey in (0, len(known)):
        return
    is_odd = 2 * n_grey <= len(known)
    odd = next(path for grey, path in known if grey == is_odd)
    ways = ("is grey", "have colours") if is_odd else ("has colours", "are grey")
    raise CorruptInputError(f"{display(str(odd))}: {ways[0]}, the other slices {ways[1]}", ALIKE_ADVICE)


def check_shows(paths: Sequence[Path], slices: npt.NDArray[Any]) -> None:
    """Refuse a dark frame, or one that light blinded, among slices that show something.

    Args:
        paths: of the slices.
        slices: (N, H, W, 3) uint8 or uint16.

    Raises:
        CorruptInputError: names the slice.
    """
    step = max(1, math.isqrt(slices[0, ..., 0].size // LOOKED_AT_PIXELS))
    largest = np.iinfo(slices.dtype).max >> unused_bits(int(slices.max()), slices.dtype)
    middle, brightest = np.percentile(slices[:, ::step, ::step], (50, 99.9), axis=(1, 2, 3)) / largest
    for path, half, high in zip(paths, middle.tolist(), brightest.tolist(), strict=True):
        is_dark = high < DARK and brightest.max() > SHOWN
        if is_dark or (half > WHITE and middle.min() < 1.0 - SHOWN):
            how = "black everywhere" if is_dark else "white over more than half of it"
            raise CorruptInputError(f"{display(str(path))}: {how}, and other slices are not", LEAVE_ADVICE)


def twins_of(slices: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """Return pairs of slices that are one and the same picture, pixel by pixel; even ones are none."""
    seen: dict[int, int] = {}
    pairs = []
    for n, pixels in enumerate(slices):
        first = seen.setdefault(zlib.crc32(pixels.tobytes()), n)
        if first != n and is_grey(pixels) is not None:
            pairs.append((first, n))
    return pairs
