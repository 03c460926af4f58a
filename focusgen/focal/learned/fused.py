"""The network's depth and the classical one, each where it is surer; a veto where others explain more.

The network says what error it expects. What the classical confidence means was measured in the same unit, on
stacks of the training families that no network learned from.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from focusgen.focal.classical import VETO_RATIO, Estimate, estimate, rerender_error
from focusgen.focal.learned.ask import read_stack
from focusgen.focal.learned.network import FocalNet
from focusgen.focal.stack import FocalStack, metres_of

Floats = npt.NDArray[np.float32]

CLASSICAL_CONFIDENCE = (0.0, 0.02, 0.06, 0.15, 0.25, 0.35, 0.55, 0.65, 0.75)
CLASSICAL_LOG_ERROR = (0.60, 0.41, 0.376, 0.32, 0.256, 0.22, 0.186, 0.142, 0.12)
"""Mean error in log depth of the classical depth at each confidence."""

LISTEN_PX = 5
"""Expected errors are averaged over a window: depth must not change its source from pixel to pixel."""

AGREEMENT = 2.0
"""Both depths are averaged where they differ by less than this many times what they expect to be wrong."""

HALF_SURE = 0.05
"""Expected error in log depth at which confidence is a half."""


def estimate_learned(stack: FocalStack, net: FocalNet) -> Estimate:
    """Return depth and confidence; without a lens, the classical ones."""
    classical = estimate(stack)
    if stack.radius_px_m is None:
        return classical
    reading = read_stack(stack, net)
    expected = expected_log_error(classical.confidence)
    share = learned_share(classical.diopters, expected, reading.diopters, reading.log_error)
    diopters = classical.diopters + share * (reading.diopters - classical.diopters)
    errors = {
        **classical.rerender_error,
        "classical": rerender_error(stack, classical.diopters),
        "learned": rerender_error(stack, diopters),
    }
    if errors["learned"] > VETO_RATIO * max(errors["focus_measure"], errors["classical"]):
        return classical._replace(rerender_error=errors)
    sharpest = classical.sharpest + share * (reading.diopters - classical.sharpest)
    error = expected + share * (reading.log_error - expected)
    confidence = (HALF_SURE / (HALF_SURE + error)).astype(np.float32)
    return Estimate(diopters, sharpest, confidence, "learned", errors)


def expected_log_error(confidence: Floats) -> Floats:
    """Return the error in log depth that a classical confidence stands for."""
    logs = np.interp(confidence, CLASSICAL_CONFIDENCE, np.log(CLASSICAL_LOG_ERROR))
    return np.exp(logs).astype(np.float32)


def learned_share(classical: Floats, expected: Floats, learned: Floats, log_error: Floats) -> Floats:
    """Return how much of the network's depth is taken, 0 to 1.

    A mean where both agree, weighted by what they expect to be wrong; else all of the surer one.
    """
    import cv2

    own, other = (
        np.exp(cv2.blur(np.log(np.maximum(one, 1e-4)), (LISTEN_PX, LISTEN_PX)))
        for one in (log_error, expected)
    )
    apart = np.abs(np.log(metres_of(classical)) - np.log(metres_of(learned)))
    mixed = other**2 / (own**2 + other**2)
    agree = np.clip(AGREEMENT * (own + other) / np.maximum(apart, 1e-6), 0.0, 1.0)
    return np.asarray(agree * mixed + (1.0 - agree) * (own < other), np.float32)
