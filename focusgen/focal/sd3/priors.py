"""Classical results that are kept: found once for a stack, read again in every later epoch and sitting.

Finding one takes seconds on one core, longer than a GPU learns from it.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen import __version__
from focusgen.base.checksums import checksum
from focusgen.base.errors import StorageError
from focusgen.base.files import make_folder, publish
from focusgen.focal.classical import estimate
from focusgen.focal.fusion import fuse
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]


class Prior(NamedTuple):
    """The classical result: sharp picture as the slices, diopters, confidence."""

    rgb: npt.NDArray[Any]
    diopters: Floats
    confidence: Floats


def prior_of(stack: FocalStack) -> Prior:
    """Return what classical depth from focus makes of a stack."""
    found = estimate(stack)
    return Prior(fuse(stack, found.sharpest).rgb, found.diopters, found.confidence)


def kept_prior(stack: FocalStack, folder: Path | None) -> Prior:
    """Return the same from the folder, where it is found and put if it is not there; None keeps nothing.

    Files are named by what the result follows from: pixels, focus distances, lens, version of this package.

    Raises:
        StorageError: it cannot be written.
    """
    if folder is None:
        return prior_of(stack)
    path = folder / f"{_name(stack)}.npz"
    kept = _read(path)
    if kept is not None:
        return kept
    made = prior_of(stack)
    buffer = io.BytesIO()
    np.savez(buffer, **made._asdict())
    try:
        make_folder(folder)
        publish(path, buffer.getvalue())
    except StorageError as error:
        advice = f"{error.advice} Or keep none: --override data.keep_priors=false."
        raise StorageError(error.message, advice) from error
    return made


def _name(stack: FocalStack) -> str:
    slices, diopters = np.ascontiguousarray(stack.slices), np.ascontiguousarray(stack.diopters)
    about = f"{__version__} {slices.shape} {slices.dtype} {stack.radius_px_m!r}"
    return checksum(b"".join((about.encode(), diopters.tobytes(), slices.tobytes())))


def _read(path: Path) -> Prior | None:
    """Return a kept result; None if there is none, or no whole one: it is found anew then."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Prior(*(arrays[name] for name in Prior._fields))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
