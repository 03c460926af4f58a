"""Pictures of a stack read upright: its slices, one at a time or all, and the sharp picture beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError
from focusgen.base.names import display
from focusgen.dataset.packs import packed_bytes
from focusgen.focal.slice_checks import (
    LEAVE_ADVICE,
    check_alike,
    check_colours,
    check_profile,
    check_shows,
    check_turned,
    is_grey,
)
from focusgen.media.eight_bits import TRANSPARENT
from focusgen.media.images import image_size, read_bytes
from focusgen.media.light_pictures import EXR, light_of_tiff, read_light
from focusgen.media.picture_files import CameraNotes, Picture, picture_of
from focusgen.media.tiff_pages import page_bytes

REPLACE = "Replace the file."
FLATTEN = (
    "Programs that align slices leave borders transparent: make them black, which is known for empty, as "
    "`magick mogrify -background black -alpha remove -alpha off *.tif` does."
)


class Slice(NamedTuple):
    """One picture.

    Attributes:
        pixels: upright, (H, W, 3) uint8 or uint16, as they are stored.
        camera: its notes.
        icc_profile: what the pixels mean, empty where it is not said.
    """

    pixels: npt.NDArray[Any]
    camera: CameraNotes
    icc_profile: bytes


def slice_bytes(path: Path) -> bytes:
    """Return the bytes of a slice: a file, a page of one, or in the tar of a scene.

    Raises:
        CorruptInputError: it cannot be read; names the file.
    """
    page = page_bytes(path)
    if page is not None:
        return page
    packed = packed_bytes(path)
    return read_bytes(path, path.name) if packed is None else packed


def read_slice(path: Path) -> Slice:
    """Return a slice, upright.

    Raises:
        CorruptInputError: the slice cannot be read; names the file.
    """
    return _read(path, "slice", LEAVE_ADVICE)


def read_sharp(path: Path) -> Slice:
    """Return an all-in-focus picture, as `read_slice` does a slice.

    Raises:
        CorruptInputError: it cannot be read; names the file.
    """
    return _read(path, "picture", REPLACE)


def read_display(path: Path) -> Slice:
    """Return an all-in-focus picture of display values: one of floats, which are light, is refused.

    Raises:
        CorruptInputError: it cannot be read; names the file.
    """
    with _naming(path, "picture", REPLACE):
        return _of_picture(picture_of(slice_bytes(path), path.name))


def picture_size(path: Path) -> tuple[int, int]:
    """Return (width, height) of a slice or sharp picture, upright: by its header, or its pixels if floats.

    Raises:
        CorruptInputError: it cannot be read; names the file.
    """
    try:
        return image_size(path)
    except CorruptInputError:
        with suppress(CorruptInputError):
            height, width = read_slice(path).pixels.shape[:2]
            return width, height
        raise


def _read(path: Path, what: str, advice: str) -> Slice:
    with _naming(path, what, advice):
        data = None if path.suffix.lower() == EXR else slice_bytes(path)
        light = read_light(path) if data is None else light_of_tiff(data)
        if light is not None:
            return Slice(light, CameraNotes(), b"")
        assert data is not None, "an EXR file holds floats"
        return _of_picture(picture_of(data, path.name))


def _of_picture(picture: Picture) -> Slice:
    return Slice(picture.rgb, picture.camera, picture.icc_profile)


@contextmanager
def _naming(path: Path, what: str, advice: str) -> Iterator[None]:
    """Name the whole path of a picture that cannot be read."""
    try:
        yield
    except CorruptInputError as error:
        said = FLATTEN if TRANSPARENT in error.message else error.advice or advice
        raise CorruptInputError(f"unreadable {what} {display(str(path))}: {error.message}", said) from error


def read_alike(paths: Sequence[Path]) -> Iterator[Slice]:
    """Yield the slices of a stack, each checked beside the first, and the colours of all after the last.

    Raises:
        CorruptInputError: one cannot be read, or does not fit the others; names it.
    """
    are_grey: list[bool | None] = []
    for path in paths:
        one = read_slice(path)
        size, dtype = (one.pixels.shape[0], one.pixels.shape[1]), one.pixels.dtype
        if not are_grey:
            first_camera, first_profile, first_size, first_dtype = one.camera, one.icc_profile, size, dtype
        check_turned(path, one.camera.orientation, first_camera.orientation)
        check_profile(path, one.icc_profile, first_profile)
        check_alike(path, one.pixels, first_size, first_dtype)
        are_grey.append(is_grey(one.pixels))
        yield one
    check_colours(paths, are_grey)


class Slices(NamedTuple):
    """All slices of a stack.

    Attributes:
        pixels: (N, H, W, 3).
        sensor_width_mm: what EXIF of the first that says it says, along the long side; None where none does.
    """

    pixels: npt.NDArray[Any]
    sensor_width_mm: float | None


def read_slices(paths: Sequence[Path]) -> Slices:
    """Return all slices of a stack.

    Raises:
        CorruptInputError: one cannot be read, or does not fit the first; names it.
    """
    slices = list(read_alike(paths))
    stacked = np.stack([one.pixels for one in slices])
    check_shows(paths, stacked)
    widths_mm = (one.camera.sensor_width_mm for one in slices)
    return Slices(stacked, next((width for width in widths_mm if width), None))
