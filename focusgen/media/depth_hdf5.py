"""Depth in HDF5 files: a map per file (as Hypersim has them), or a whole scene as (T, H, W)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from focusgen.base.errors import CorruptInputError
from focusgen.media.depth_arrays import map_shape, unknown_key
from focusgen.media.depth_units import Numbers, check_numbers
from focusgen.media.depth_words import check_array_name

if TYPE_CHECKING:
    import h5py

USUAL_KEYS = ("depth", "dataset")
"""What a depth array is usually called; the second is Hypersim's name for every array."""

MAX_CHUNK_BYTES = 1 << 30
MAX_OBJECTS = 1000


def open_file(path: Path) -> h5py.File:
    """Return the open file; no lock is taken, since it is only read."""
    import h5py

    return h5py.File(path, "r", locking=False)


def find_dataset(file: h5py.File, key: str | None) -> h5py.Dataset:
    """Return the array of a file that holds depth.

    Args:
        key: path of the array; None for `depth`, `dataset`, or the only one.

    Raises:
        CorruptInputError: it is not there, cannot be told, or points to other files.
    """
    arrays = _arrays_below(file)
    names = (
        [key.strip("/")] if key is not None else [n for n in USUAL_KEYS if n in arrays][:1] or list(arrays)
    )
    if len(names) != 1 or names[0] not in arrays:
        raise unknown_key(key, list(arrays))
    found = arrays[names[0]]
    check_numbers(found.dtype)
    if found.is_virtual or found.external:
        raise CorruptInputError("its array lies in other files", "Copy the depth into the file itself.")
    if found.chunks is not None and _n_bytes(found.chunks, found.dtype) > MAX_CHUNK_BYTES:
        raise CorruptInputError("its chunks are too large to be read frame by frame")
    return found


def _n_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return int(np.prod(shape, dtype=object)) * dtype.itemsize


def _arrays_below(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return {path: array} of all arrays with two axes or more; links are not followed."""
    import h5py

    found: dict[str, h5py.Dataset] = {}
    n_seen = 0

    def look(name: str, item: h5py.HLObject) -> bool | None:
        nonlocal n_seen
        n_seen += 1
        if isinstance(item, h5py.Dataset) and item.ndim >= 2:
            found[name] = item
        return True if n_seen >= MAX_OBJECTS else None  # anything but None ends the walk

    try:
        file.visititems(look)
    except KeyError as error:  # h5py's word for an object that cannot be opened
        raise CorruptInputError(f"damaged: {error}") from error
    return found


def read_hdf5(path: Path, key: str | None) -> Numbers:
    """Return the one map of an HDF5 file."""
    with open_file(path) as file:
        array = find_dataset(file, key)
        check_array_name(str(array.name), key, "--depth.key")
        size = map_shape(array.shape)
        return np.asarray(array[()]).reshape(size)
