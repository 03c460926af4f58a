"""Arrays as numpy writes them, npy and npz, read without trusting their headers: no pickle, no bomb."""

from __future__ import annotations

import math
import tokenize
import zipfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError, UndecidedInputError
from focusgen.base.names import display, listed
from focusgen.media.codecs import MAX_PIXELS
from focusgen.media.depth_units import Numbers, check_numbers
from focusgen.media.depth_words import check_array_name

MAX_NAMES_SHOWN = 8
BAD_HEADER = (ValueError, TypeError, KeyError, SyntaxError, OverflowError, RecursionError, MemoryError)
"""What numpy raises on the text of a hostile npy header (tokenize.TokenError beside them)."""


class NpyHeader(NamedTuple):
    """What an npy stream says about itself; `offset` is where its data begins."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    offset: int

    @property
    def n_bytes(self) -> int:
        """Bytes of data that must follow."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy_header(stream: IO[bytes], size_bytes: int) -> NpyHeader:
    """Return the header of an npy stream; the whole stream must have exactly the size that it implies.

    Raises:
        CorruptInputError: pickled objects, numbers that are no depth, a size that lies.
    """
    header = _parse_npy_header(stream)
    shape, dtype = header.shape, header.dtype
    check_numbers(dtype)
    if min(shape, default=0) < 1 or header.offset + header.n_bytes != size_bytes:
        raise CorruptInputError(
            f"its header says {shape} {dtype}, {header.n_bytes} bytes; it holds {size_bytes - header.offset}"
        )
    return header


def _parse_npy_header(stream: IO[bytes]) -> NpyHeader:
    parsers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(stream)
    if version not in parsers:
        raise CorruptInputError(f"npy version {version[0]}.{version[1]} is no plain array")
    try:
        shape, is_fortran, dtype = parsers[version](stream)
    except (*BAD_HEADER, tokenize.TokenError) as error:
        raise CorruptInputError(f"its npy header does not parse: {error}") from error
    return NpyHeader(shape, dtype, is_fortran, stream.tell())


def map_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (H, W) of one map, a lone first or last axis dropped; refuse what is no map, or too large."""
    sides = shape
    if len(shape) == 3 and 1 in (shape[0], shape[-1]):
        sides = shape[1:] if shape[0] == 1 else shape[:-1]
    if len(sides) != 2:
        raise CorruptInputError(
            f"depth has shape {shape}; one map is (H, W)",
            "Save one channel per frame as (H, W), or a whole scene as (T, H, W) in one file.",
        )
    height, width = sides
    check_pixels(width, height)
    return height, width


def check_pixels(width: int, height: int) -> None:
    """Refuse a map that is too large before memory is taken for it."""
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise CorruptInputError(f"a depth map of {width}x{height} pixels is refused (limit {MAX_PIXELS})")


def open_npz_member(archive: zipfile.ZipFile, key: str | None) -> tuple[IO[bytes], NpyHeader]:
    """Return the stream of one array, standing behind its header.

    Args:
        key: name of the array; None for `depth`, or the only one.

    Raises:
        CorruptInputError: it is not there, or which one is meant cannot be told; names them.
    """
    members = [m for m in archive.infolist() if not m.is_dir()]
    named = [m for m in members if m.filename == f"{key or 'depth'}.npy"] or ([] if key else members)
    if len(named) != 1:
        raise unknown_key(key, [m.filename.removesuffix(".npy") for m in members])
    if named[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CorruptInputError("its compression is not what numpy writes")
    stream = archive.open(named[0])
    return stream, read_npy_header(stream, named[0].file_size)


def check_member_name(stream: IO[bytes], key: str | None) -> None:
    """Refuse an array of an npz file that is something else than depth by its name."""
    check_array_name(stream.name.removesuffix(".npy"), key, "--depth.key")


def unknown_key(key: str | None, names: list[str]) -> UndecidedInputError:
    """Return the refusal of a file whose arrays do not tell which one is depth."""
    shown = listed(names, MAX_NAMES_SHOWN) or "nothing"
    if key is not None:
        return UndecidedInputError(f"it has no {display(key)}; it holds {shown}", "Mend depth.key.")
    example = display(names[0]) if names else "NAME"
    return UndecidedInputError(
        f"it holds {shown}; the depth array must be called 'depth' or be the only one",
        f"Say which one it is: --depth.key {example}",
    )


def read_exactly(stream: IO[bytes], n_bytes: int) -> bytes:
    """Return the next bytes of a stream; zipfile compares the CRC when the last one is read."""
    parts, n_missing = [], n_bytes
    while n_missing:
        part = stream.read(n_missing)
        if not part:
            raise EOFError(f"{n_missing} bytes are missing")
        parts.append(part)
        n_missing -= len(part)
    return b"".join(parts)


def as_map(data: bytes, header: NpyHeader) -> npt.NDArray[Any]:
    """Return the (H, W) array of an npy body."""
    array: npt.NDArray[Any]
    array = np.ndarray(header.shape, header.dtype, data, order="F" if header.is_fortran else "C")
    return array.reshape(map_shape(header.shape))


def read_npy(path: Path) -> Numbers:
    """Return the one map of an npy file."""
    with path.open("rb") as stream:
        header = read_npy_header(stream, path.stat().st_size)
        map_shape(header.shape)
        return as_map(read_exactly(stream, header.n_bytes), header)


def read_npz(path: Path, key: str | None) -> Numbers:
    """Return the one map of an npz file."""
    with zipfile.ZipFile(path) as archive:
        stream, header = open_npz_member(archive, key)
        with stream:
            check_member_name(stream, key)
            map_shape(header.shape)
            return as_map(read_exactly(stream, header.n_bytes), header)
