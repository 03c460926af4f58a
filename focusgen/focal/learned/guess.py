"""What the weight-free methods say of a stack: the network starts from it, and learns where to leave it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.kept import kept
from focusgen.focal.sharpness import DepthGuess, depth_from_focus
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]

N_GUESS = 6
"""Channels per pixel: where the classical depth lies between the first and the last hypothesis, its
confidence, where its pixel is sharpest, where plain depth from focus lies (both as what they differ by), the
plain one's confidence, and how much better the sweep explains the slices than the plain depth."""

DIFFERENCE_GAIN = 4.0
RATIO_GAIN, MOST_LOG_RATIO = 2.0, 1.0


class Guess(NamedTuple):
    """The classical result and plain depth from focus, (H, W), in half precision.

    Attributes:
        diopters: classical inverse depth.
        sharpest: where a pixel's own light is sharpest.
        confidence: of the classical depth, 0 to 1.
        plain: inverse depth of plain depth from focus.
        plain_confidence: its own.
        log_ratio: (1,) logarithm of the re-rendering errors' ratio, sweep to plain.
    """

    diopters: npt.NDArray[np.float16]
    sharpest: npt.NDArray[np.float16]
    confidence: npt.NDArray[np.float16]
    plain: npt.NDArray[np.float16]
    plain_confidence: npt.NDArray[np.float16]
    log_ratio: npt.NDArray[np.float16]


def guess_of(found: Estimate, plain: DepthGuess) -> Guess:
    """Return what the network is told of the classical result of a stack with a known lens."""
    errors = found.rerender_error
    ratio = math.log(max(errors["relative_blur"], 1e-6) / max(errors["focus_measure"], 1e-6))
    maps = (found.diopters, found.sharpest, found.confidence, plain.diopters, plain.confidence)
    return Guess(*(one.astype(np.float16) for one in (*maps, np.array([ratio]))))


def kept_guess(stack: FocalStack, folder: Path | None) -> Guess:
    """Return what the weight-free methods say of a stack, from the folder if it is there; None keeps none.

    Raises:
        StorageError: it cannot be written.
    """

    def find() -> Guess:
        plain = depth_from_focus(stack)
        return guess_of(estimate(stack, plain), plain)

    return Guess(*kept(stack, folder, Guess._fields, find))


def shrunk_guess(guess: Guess, width: int, height: int) -> Guess:
    """Return the same for slices of another size."""
    import cv2

    def small(one: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        sized = cv2.resize(one.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(sized).astype(np.float16)

    return Guess(*(*(small(one) for one in guess[:-1]), guess.log_ratio))


def guess_channels(guess: Guess, hypotheses: Floats) -> Floats:
    """Return (N_GUESS, H, W), about -1 to 1."""
    low, span = hypotheses[0], hypotheses[-1] - hypotheses[0]
    depth, sharpest, confidence, plain, plain_confidence = (one.astype(np.float32) for one in guess[:-1])
    out = np.empty((N_GUESS, *depth.shape), np.float32)
    out[0] = 2.0 * (depth - low) / span - 1.0
    out[1] = 2.0 * confidence - 1.0
    out[2] = DIFFERENCE_GAIN * (sharpest - depth) / span
    out[3] = DIFFERENCE_GAIN * (plain - depth) / span
    out[4] = 2.0 * plain_confidence - 1.0
    out[5] = RATIO_GAIN * np.clip(float(guess.log_ratio[0]), -MOST_LOG_RATIO, MOST_LOG_RATIO)
    return out
