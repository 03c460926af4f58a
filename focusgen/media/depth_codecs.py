"""One depth map out of a file that somebody else wrote: npy, npz, 16-bit png, exr.

Nothing here trusts a file: no pickle, the size that a header claims is held against the limit and against
the bytes that are there before memory is taken, and every refusal names the file.
"""

from __future__ import annotations

import errno
import math
import struct
import tokenize
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError, StorageError
from focusgen.base.names import display

if TYPE_CHECKING:
    from collections.abc import Iterator

DepthMap = npt.NDArray[np.float32]
"""(H, W) float32, metres; NaN where nothing was measured."""

MAX_PIXELS = 64_000_000  # as for frames: a larger map is a bomb or a mistake
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
EXR_DEPTH_CHANNELS = ("Z", "z", "depth", "Depth", "Y", "V")  # the standard name first
MAX_PNG_BYTES = 1 << 28  # twice what MAX_PIXELS take uncompressed
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)
"""What numpy, zipfile and OpenEXR raise on damaged bytes."""
BAD_HEADER = (ValueError, TypeError, KeyError, SyntaxError, OverflowError, RecursionError, MemoryError)
"""What numpy raises on the text of a hostile npy header (tokenize.TokenError beside them)."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what a damaged file raises into an error that names it."""
    shown = display(str(path))
    try:
        yield
    except CorruptInputError as error:
        if shown in error.message:
            raise
        raise CorruptInputError(f"{shown}: {error.message}", error.advice) from error
    except DAMAGE as error:
        raise CorruptInputError(
            f"{shown}: damaged or not what its name says ({type(error).__name__}: {error})",
            "Replace the file, or leave the scene out.",
        ) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # zipfile follows an offset in the file to before its beginning
            raise CorruptInputError(
                f"{shown}: damaged: it points outside itself", "Replace the file, or leave the scene out."
            ) from error
        raise StorageError(
            f"{shown}: {error.strerror or error}", "Check that the file can be read, then start again."
        ) from error


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
    if dtype.kind != "f" and dtype.newbyteorder("=") != np.uint16:
        raise CorruptInputError(
            f"an array of {dtype} is no depth",
            "Give floating point numbers in metres, or uint16 in units of depth.depth_scale per metre.",
        )
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
        raise CorruptInputError(f"depth has shape {shape}; one map is (H, W)")
    height, width = sides
    check_pixels(width, height)
    return height, width


def check_pixels(width: int, height: int) -> None:
    """Refuse a map that is too large before memory is taken for it."""
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise CorruptInputError(f"a depth map of {width}x{height} pixels is refused (limit {MAX_PIXELS})")


def to_metres(values: npt.NDArray[Any], depth_scale: float) -> DepthMap:
    """Return metres: floating numbers as they are, uint16 in units of `depth_scale` per metre, 0 = hole."""
    with np.errstate(over="ignore", invalid="ignore"):  # float64 beyond float32 becomes inf: a hole
        if values.dtype.kind == "f":
            return np.array(values, dtype=np.float32, order="C")
        metres = np.asarray(values / depth_scale, dtype=np.float32)
    metres[values == 0] = np.nan
    return np.ascontiguousarray(metres)


def open_npz_member(archive: zipfile.ZipFile) -> tuple[IO[bytes], NpyHeader]:
    """Return the stream of the array `depth`, or of the only array, standing behind its header.

    Raises:
        CorruptInputError: several arrays and none is called `depth`.
    """
    members = [m for m in archive.infolist() if not m.is_dir()]
    named = [m for m in members if m.filename == "depth.npy"] or members
    if len(named) != 1:
        names = ", ".join(Path(m.filename).stem for m in members[:8]) or "nothing"
        raise CorruptInputError(
            f"it holds {names}; the depth array must be called 'depth' or be the only one"
        )
    if named[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CorruptInputError("its compression is not what numpy writes")
    stream = archive.open(named[0])
    return stream, read_npy_header(stream, named[0].file_size)


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


def read_depth_file(path: Path, depth_scale: float) -> DepthMap:
    """Return the depth map in one file.

    Args:
        path: .npy, .npz (array `depth`, else the only one), .png (16-bit grey) or .exr.
        depth_scale: units per metre of 16-bit numbers; 0 is a hole there.

    Raises:
        CorruptInputError: names the file and what is wrong with it.
    """
    with naming(path):
        return to_metres(READERS[path.suffix.lower()](path), depth_scale)


def _read_npy(path: Path) -> npt.NDArray[Any]:
    with path.open("rb") as stream:
        header = read_npy_header(stream, path.stat().st_size)
        map_shape(header.shape)
        return as_map(read_exactly(stream, header.n_bytes), header)


def _read_npz(path: Path) -> npt.NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        stream, header = open_npz_member(archive)
        with stream:
            map_shape(header.shape)
            return as_map(read_exactly(stream, header.n_bytes), header)


def _read_png(path: Path) -> npt.NDArray[Any]:
    import cv2

    if path.stat().st_size > MAX_PNG_BYTES:
        raise CorruptInputError(f"{path.stat().st_size} bytes are no depth map")
    data = path.read_bytes()
    width, height = _check_depth_png(data)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.shape != (height, width) or image.dtype != np.uint16:
        raise CorruptInputError("the png does not decode")
    return np.asarray(image)


def _check_depth_png(data: bytes) -> tuple[int, int]:
    """Return (width, height) of a 16-bit grey png whose chunks all pass their CRC."""
    if data[:8] != PNG_SIGNATURE or data[12:16] != b"IHDR":
        raise CorruptInputError("not a png file")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    if (bits, colour) != (16, 0):
        raise CorruptInputError(
            f"a png of {bits} bits, colour type {colour}, is no metric depth",
            "Give 16-bit grey png in units of depth.depth_scale per metre (0 = hole), npy, npz or exr.",
        )
    check_pixels(width, height)
    offset, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, offset)
        stop = offset + 8 + length
        (crc,) = struct.unpack_from(">I", data, stop)
        if zlib.crc32(memoryview(data)[offset + 4 : stop]) != crc:
            raise CorruptInputError(f"png chunk {kind!r} is damaged")
        offset = stop + 4
    return width, height


def _read_exr(path: Path) -> npt.NDArray[Any]:
    import OpenEXR

    with OpenEXR.File(str(path), header_only=True) as probe:
        low, high = probe.header()["dataWindow"]
    check_pixels(int(high[0]) - int(low[0]) + 1, int(high[1]) - int(low[1]) + 1)
    with OpenEXR.File(str(path), separate_channels=True) as image:
        channels = {name: channel.pixels for name, channel in image.channels().items()}
    return _depth_channel(channels)


def _depth_channel(channels: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return the channel that means depth: by name, the only one, or R where R = G = B."""
    for wanted in EXR_DEPTH_CHANNELS:
        for name, pixels in channels.items():
            if name == wanted or name.endswith(f".{wanted}"):
                return _floating(pixels)
    if len(channels) == 1:
        return _floating(next(iter(channels.values())))
    colours = [channels.get(name) for name in "RGB"]
    first, *others = colours
    if first is not None and all(o is not None and np.array_equal(first, o, equal_nan=True) for o in others):
        return _floating(first)  # how many tools write one grey image
    raise CorruptInputError(f"channels {', '.join(sorted(channels))}: none of them is depth (Z)")


def _floating(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if pixels.dtype.kind != "f" or pixels.ndim != 2:
        raise CorruptInputError(f"a channel of {pixels.dtype} {pixels.shape} is no depth")
    return pixels


READERS = {".npy": _read_npy, ".npz": _read_npz, ".png": _read_png, ".exr": _read_exr}
"""How a depth file is read, by its suffix."""
