"""The classical result that Stable Diffusion starts from.

Finding one takes seconds on one core, longer than a GPU learns from it: a training keeps them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.classical import estimate
from focusgen.focal.fusion import fuse
from focusgen.focal.kept import kept
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
    """Return the same from the folder, where it is put if it is not there; None keeps nothing.

    Raises:
        StorageError: it cannot be written.
    """
    return Prior(*kept(stack, folder, Prior._fields, lambda: prior_of(stack)))
