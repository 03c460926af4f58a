"""Results kept beside a training: found once for a stack, read again in every later epoch and sitting."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen import __version__
from focusgen.base.checksums import checksum
from focusgen.base.errors import StorageError
from focusgen.base.files import make_folder, publish
from focusgen.focal.stack import FocalStack
from focusgen.media.codecs import NPZ_DAMAGE

PRIORS = "priors"
"""Where a training keeps them, below its output folder."""

RESULTS_VERSION = 25
"""Raised when the same slices would give another result within one version of this package."""

Arrays = Sequence[npt.NDArray[Any]]


def kept(stack: FocalStack, folder: Path | None, names: Sequence[str], find: Callable[[], Arrays]) -> Arrays:
    """Return what was found for a stack, from the folder, where it is put if it is not there.

    Files are named by what the result follows from: pixels, focus distances, lens, version of this package
    and of its results.

    Args:
        stack: what the result is of.
        folder: where results are; None keeps nothing.
        names: of the arrays in the file.
        find: makes them, in that order.

    Raises:
        StorageError: it cannot be written.
    """
    if folder is None:
        return find()
    path = folder / f"{_name(stack)}.npz"
    there = _read(path, names)
    if there is not None:
        return there
    made = find()
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(zip(names, made, strict=True))
    np.savez(buffer, **named)
    try:
        make_folder(folder)
        publish(path, buffer.getvalue())
    except StorageError as error:
        advice = f"{error.advice} Or keep none: --override data.keep_priors=false."
        raise StorageError(error.message, advice) from error
    return made


def _name(stack: FocalStack) -> str:
    slices, diopters = np.ascontiguousarray(stack.slices), np.ascontiguousarray(stack.diopters)
    about = f"{__version__} {RESULTS_VERSION} {slices.shape} {slices.dtype} {stack.radius_px_m!r}"
    return checksum(b"".join((about.encode(), diopters.tobytes(), slices.tobytes())))


def _read(path: Path, names: Sequence[str]) -> Arrays | None:
    """Return a kept result; None if there is none, or no whole one: it is found anew then."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except (OSError, *NPZ_DAMAGE):
        return None
