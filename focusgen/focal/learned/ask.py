"""Asking the small network about a stack of any size: shrunk to what it knows, and enlarged again."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.learned.guess import Guess, shrunk_guess
from focusgen.focal.learned.plain_net import PlainNet
from focusgen.focal.learned.shape import SPAN_PX
from focusgen.focal.learned.volume import evidence_of
from focusgen.focal.stack import FocalStack, shrunk

Floats = npt.NDArray[np.float32]

MOST_PIXELS = 250_000
"""More are shrunk first, as are blur spans beyond those that it has learned from: memory is bounded."""


class Reading(NamedTuple):
    """What the network reads from a stack.

    Attributes:
        diopters: (H, W) inverse depth, its own.
        share: (H, W) how much of it to take, 0 to 1; the rest is the classical depth's.
        log_error: (H, W) the error in log depth that it expects of both together.
        sharp: (H, W, 3) display values 0 to 1, all in focus.
    """

    diopters: Floats
    share: Floats
    log_error: Floats
    sharp: Floats


def read_stack(stack: FocalStack, guess: Guess, net: PlainNet) -> Reading:
    """Return depth, its likely error and a sharp picture; the lens has to be known."""
    assert stack.radius_px_m is not None, "the caller has a lens"
    small = shrunk(stack, shrink_factor(stack))
    height, width = small.slices.shape[1:3]
    if small is not stack:
        guess = shrunk_guess(guess, width, height)
    said = net(evidence_of(small, guess))
    size = (stack.slices.shape[1], stack.slices.shape[2])
    sharp = (0.5 + 0.5 * said.mended).transpose(1, 2, 0)
    parts = (said.diopters, said.share, np.exp(said.log_error), sharp)
    return Reading(*(_sized(one[:height, :width], size) for one in parts))


def shrink_factor(stack: FocalStack) -> float:
    """Return by how much a stack is shrunk before the network sees it; 1 for what it has learned from."""
    assert stack.radius_px_m is not None, "the caller has a lens"
    pixels = stack.slices.shape[1] * stack.slices.shape[2]
    return max(1.0, stack.radius_px_m * stack.span / SPAN_PX[1], math.sqrt(pixels / MOST_PIXELS))


def _sized(values: Floats, size: tuple[int, int]) -> Floats:
    if values.shape[:2] == size:
        return np.ascontiguousarray(values)
    import cv2

    sized = cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(sized, np.float32)
