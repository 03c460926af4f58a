"""Depth in raster files: 16-bit png, floats in the bytes of a png, TIFF, PFM, and Sintel's dpt."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError
from focusgen.media.codecs import MAX_PIXELS
from focusgen.media.depth_arrays import check_pixels
from focusgen.media.depth_units import Numbers, check_numbers
from focusgen.media.png_chunks import PNG_SIGNATURE, BrokenChunk, png_chunks
from focusgen.media.tiff_tags import TiffTags, read_tiff_tags

MAX_RASTER_BYTES = 8 * MAX_PIXELS + (1 << 20)  # the largest numbers, uncompressed
MAX_PFM_HEADER_BYTES = 1024
PFM_HEADER = re.compile(rb"(P[fF])\s+(?:#[^\n]*\s+)*(\d+)\s+(\d+)\s+([-+.\deE]+)\s+")
GREY, RGBA = 0, 6  # colour types of png
DPT_TAG = b"PIEH"  # 202021.25 as a little-endian float


def _read_bytes(path: Path) -> bytes:
    if path.stat().st_size > MAX_RASTER_BYTES:
        raise CorruptInputError(f"{path.stat().st_size} bytes are no depth map")
    return path.read_bytes()


@contextmanager
def _silent_opencv() -> Iterator[None]:
    """Keep OpenCV from writing lines of its own to the terminal; what failed is said in our words."""
    from cv2.utils import logging

    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)


def decoded(data: bytes) -> Numbers | None:
    """Return the numbers of a picture file as they stand there; None if OpenCV cannot read it."""
    import cv2

    with _silent_opencv():
        try:
            return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            return None


def read_png(path: Path) -> Numbers:
    """Return the numbers of a 16-bit grey png, or the floats in the four bytes of an RGBA one."""
    data = _read_bytes(path)
    width, height, bits = _check_depth_png(data)
    image = decoded(data)
    shape, dtype = ((height, width), np.uint16) if bits == 16 else ((height, width, 4), np.uint8)
    if image is None or image.shape != shape or image.dtype != dtype:
        raise CorruptInputError("the png does not decode")
    return np.asarray(image) if bits == 16 else _floats_of_bytes(np.ascontiguousarray(image))


def _floats_of_bytes(bgra: npt.NDArray[np.uint8]) -> Numbers:
    """Return the floats that TartanAir V2 keeps in pixels, blue the lowest byte and alpha the highest.

    Alpha then holds the sign: a picture, opaque in most places, would be of negative distances.
    """
    values = bgra.view("<f4")[..., 0]
    if (values < 0.0).any():
        raise _no_depth_png(8, RGBA)
    return values


def _no_depth_png(bits: int, colour: int) -> CorruptInputError:
    return CorruptInputError(
        f"a png of {bits} bits, colour type {colour}, is no metric depth",
        "Give 16-bit grey png with --depth_scale (units per metre; 0 = hole), or another kind of file.",
    )


def _check_depth_png(data: bytes) -> tuple[int, int, int]:
    """Return (width, height, bits) of a 16-bit grey or 8-bit RGBA png whose chunks all pass their CRC."""
    if data[:8] != PNG_SIGNATURE or data[12:16] != b"IHDR":
        raise CorruptInputError("not a png file")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    if (bits, colour) not in ((16, GREY), (8, RGBA)):
        raise _no_depth_png(bits, colour)
    check_pixels(width, height)
    try:
        for _ in png_chunks(data):
            pass
    except BrokenChunk as error:
        said = "png is cut short" if error.is_cut else f"png chunk {error.kind!r} is damaged"
        raise CorruptInputError(said) from error
    return width, height, bits


def read_pfm(path: Path) -> Numbers:
    """Return the floats of a grey PFM file, its lowest row last; the size of its scale means nothing."""
    data = _read_bytes(path)
    header = PFM_HEADER.match(data[:MAX_PFM_HEADER_BYTES])
    if header is None:
        raise CorruptInputError("not a PFM file")
    if header[1] == b"PF":
        raise CorruptInputError("a PFM of three channels is no depth", "Give one of one channel (Pf).")
    width, height, scale = int(header[2]), int(header[3]), float(header[4])
    check_pixels(width, height)
    start = len(data) - 4 * width * height  # white space before it may be numbers: only the end is certain
    if not header.end(4) < start <= header.end() or not scale:
        raise CorruptInputError(f"its header says {width}x{height}; it holds {len(data)} bytes")
    rows = np.frombuffer(data, "<f4" if scale < 0 else ">f4", width * height, start).reshape(height, width)
    return rows[::-1]


def read_dpt(path: Path) -> Numbers:
    """Return the floats of a depth file of the Sintel data set."""
    data = _read_bytes(path)
    if data[:4] != DPT_TAG:
        raise CorruptInputError("not a dpt file: its tag is another")
    width, height = struct.unpack_from("<ii", data, 4)
    check_pixels(width, height)
    if len(data) != 12 + 4 * width * height:
        raise CorruptInputError(f"its header says {width}x{height}; it holds {len(data)} bytes")
    return np.frombuffer(data, "<f4", width * height, 12).reshape(height, width)


def read_tiff(path: Path) -> Numbers:
    """Return the numbers of a TIFF file of one channel: floats, or whole numbers of 16 bits and more."""
    data = _read_bytes(path)
    tags = read_tiff_tags(data)
    _check_depth_tiff(tags)
    image = decoded(data)
    if image is None or image.shape != (tags.height, tags.width) or image.dtype != tags.dtype:
        raise CorruptInputError(
            "the TIFF does not decode: damaged, or of a compression that OpenCV does not read",
            "Replace it, or save it uncompressed, as 32-bit floats or 16-bit whole numbers.",
        )
    return np.asarray(image)


def _check_depth_tiff(tags: TiffTags) -> None:
    check_pixels(tags.width, tags.height)
    check_numbers(tags.dtype)
    if tags.dtype == np.float16:
        raise CorruptInputError("a TIFF of 16-bit floats is not read", "Save it as 32-bit floats, or as npy.")
    if tags.n_pages > 1:
        raise CorruptInputError("a TIFF of several pages", "Give one page per frame in a file of its own.")
    if tags.n_channels != 1 or tags.orientation != 1 or tags.is_inverted:
        raise CorruptInputError(
            f"a TIFF of {tags.n_channels} channels, orientation {tags.orientation}"
            f"{', white is zero' if tags.is_inverted else ''} is no plain depth",
            "Give one channel, upright, with its numbers as they are.",
        )
