"""One depth map out of a file that somebody else wrote, whatever its kind.

Nothing here trusts a file: no pickle, the size that a header claims is held against the limit and against
the bytes that are there before memory is taken, and every refusal names the file.
"""

from __future__ import annotations

import errno
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from focusgen.base.errors import CorruptInputError, StorageError
from focusgen.base.names import display
from focusgen.media.depth_arrays import read_npy, read_npz
from focusgen.media.depth_exr import read_exr
from focusgen.media.depth_hdf5 import read_hdf5
from focusgen.media.depth_looks import packed_bits
from focusgen.media.depth_rasters import read_dpt, read_pfm, read_png, read_tiff
from focusgen.media.depth_units import DepthOptions, DepthReading, Numbers, read_numbers, units_per_metre
from focusgen.media.stand_ins import stand_in_at

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)
"""What numpy, zipfile, OpenEXR and h5py raise on damaged bytes."""

DISK_ADVICE = "Check that the file can be read, then start again."
REPLACE_ADVICE = "Replace the file, or leave the scene out."


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what a damaged file raises into an error that names it."""
    shown = display(str(path))
    try:
        yield
    except CorruptInputError as error:
        if shown in error.message:
            raise
        raise _refusal(path, error.message, error.advice, type(error)) from error
    except DAMAGE as error:
        words = f"damaged or not what its name says ({type(error).__name__}: {error})"
        raise _disk_refusal(path) or _refusal(path, words) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # zipfile follows an offset in the file to before its beginning
            raise _refusal(path, "damaged: it points outside itself") from error
        if error.errno is None:  # HDF5's own words for damage
            raise _refusal(path, f"damaged or not what its name says ({error})") from error
        raise _disk_refusal(path) or StorageError(
            f"{shown}: {error.strerror or error}", DISK_ADVICE
        ) from error


def _disk_refusal(path: Path) -> StorageError | None:
    """Return what the disk says of a file; some readers call a missing one damaged, some in many words."""
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return StorageError(f"{display(str(path))}: {error.strerror or error}", DISK_ADVICE)


def _refusal(
    path: Path, what: str, advice: str = "", kind: type[CorruptInputError] = CorruptInputError
) -> CorruptInputError:
    """Return the refusal of a file; one that only stands in for another is called so."""
    other = stand_in_at(path) if path.is_file() else ""
    if other or not advice:
        return CorruptInputError(f"{display(str(path))}: {other or what}", REPLACE_ADVICE)
    return kind(f"{display(str(path))}: {what}", advice)


READERS: Mapping[str, Callable[[Path, DepthOptions], Numbers]] = {
    ".npy": lambda path, options: read_npy(path),
    ".npz": lambda path, options: read_npz(path, options.key),
    ".png": lambda path, options: read_png(path),
    ".exr": lambda path, options: read_exr(path, options.channel),
    ".pfm": lambda path, options: read_pfm(path),
    ".dpt": lambda path, options: read_dpt(path),
    ".tif": lambda path, options: read_tiff(path),
    ".tiff": lambda path, options: read_tiff(path),
    ".h5": lambda path, options: read_hdf5(path, options.key),
    ".hdf5": lambda path, options: read_hdf5(path, options.key),
}
"""How a depth file is read, by its suffix in lower case."""

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".ppm", ".pgm"})
"""Files of 8 bits per channel: views of depth, whatever they show."""


def read_values(path: Path, options: DepthOptions) -> Numbers:
    """Return the (H, W) numbers of one file as they stand there.

    Raises:
        CorruptInputError: names the file and what is wrong with it.
    """
    with naming(path):
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            raise not_a_depth_file(path)
        why, how = packed_bits(path)
        if why:
            raise CorruptInputError(why, f"Save the depth that it stands for, under another name: {how}")
        return reader(path, options)


def not_a_depth_file(path: Path) -> CorruptInputError:
    """Return the refusal of a file of another kind."""
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return CorruptInputError(
            f"{display(str(path))}: a picture of 8 bits is a view of depth, no metric depth",
            "Give the depth that it was made from (docs/own_depth.md has the kinds).",
        )
    return CorruptInputError(
        f"{display(str(path))}: depth is read from {', '.join(READERS)}", "Convert it to one of these."
    )


def read_depth_file(path: Path, options: DepthOptions) -> DepthReading:
    """Return the depth map in one file that stands alone.

    Args:
        path: of a kind in `READERS`.
        options: unit, marks and names.

    Raises:
        CorruptInputError: names the file and what is wrong with it.
    """
    values = read_values(path, options)
    with naming(path):
        return read_numbers(values, options, units_per_metre(values, options) or 1.0)
