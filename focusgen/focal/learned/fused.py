"""The network's depth and the classical one: each where it was found to be the better.

Measured on stacks of the training families that no network learned from. Where the classical sweep was
vetoed (two slices, mostly), the network is asked alone. Elsewhere that depth is taken which expects the
smaller error of itself; and where both nearly agree, their mean is better than either.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.focal.classical import Estimate, estimate, rerender_error
from focusgen.focal.edges import settle_edges
from focusgen.focal.learned.ask import read_stack
from focusgen.focal.learned.network import FocalNet
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]

AGREEMENT_LOG, MEAN_SHARE = 0.05, 0.25
"""Where both differ by less than this in log depth, the network has this share of their mean; less beyond
that. The classical depth is the sharper one where it is right."""

VETO_RATIO = 1.5
"""The classical result is kept where plain depth from focus explains the slices better by this factor.
Re-rendering is a poor judge, up to 1.4 the network was right; it is there for networks that are wrong."""

CONFIDENCE = (0.0, 0.02, 0.065, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)
LOG_ERROR = (0.593, 0.335, 0.286, 0.225, 0.183, 0.171, 0.162, 0.139, 0.112, 0.095, 0.085, 0.06)
"""Mean error in log depth of the classical depth at each confidence."""

HALF_SURE = 0.1
"""Expected error in log depth at which the confidence of the result is a half."""

SEEN_CONFIDENCE = 0.25
"""Mean classical confidence from which a stack shows enough for the network to be believed. Pictures of
nothing (white, black, noise) lie below .13; the network is as sure of what it says of them as of others."""


class Settled(NamedTuple):
    """The network's depth, its jumps on the picture's edges, and the error in log depth that it expects."""

    diopters: Floats
    log_error: Floats


def estimate_learned(stack: FocalStack, net: FocalNet) -> Estimate:
    """Return depth and confidence; without a lens, the classical ones."""
    classical = estimate(stack)
    if stack.radius_px_m is None:
        return classical
    return combined(stack, classical, network_depth(stack, net))


def network_depth(stack: FocalStack, net: FocalNet) -> Settled:
    """Return what the network alone says of a stack of a known lens."""
    assert stack.radius_px_m is not None, "the caller has a lens"
    reading = read_stack(stack, net)
    guide = np.clip(reading.sharp, 0.0, 1.0)
    settled = settle_edges(reading.diopters, guide, stack.span, stack.radius_px_m * stack.span)
    return Settled(settled, reading.log_error)


def combined(stack: FocalStack, classical: Estimate, network: Settled) -> Estimate:
    """Return the result of both, or the classical one where the result explains the slices far worse."""
    share = network_share(classical, network)
    diopters = classical.diopters + share * (network.diopters - classical.diopters)
    errors = {**classical.rerender_error, "learned": rerender_error(stack, diopters)}
    if errors["learned"] > VETO_RATIO * errors["focus_measure"]:
        return classical._replace(rerender_error=errors)
    sharpest = classical.sharpest + share * (network.diopters - classical.sharpest)
    expected = expected_log_error(classical.confidence)
    error = expected + share * (network.log_error - expected)
    seen = min(1.0, float(classical.confidence.mean()) / SEEN_CONFIDENCE)
    confidence = seen * HALF_SURE / (HALF_SURE + error)
    return Estimate(diopters, sharpest, confidence.astype(np.float32), "learned", errors)


def network_share(classical: Estimate, network: Settled) -> Floats:
    """Return how much of the network's depth is taken, 0 to 1."""
    if classical.method == "focus_measure":
        return np.ones_like(network.diopters)
    ratio = np.maximum(classical.diopters, 1e-3) / np.maximum(network.diopters, 1e-3)
    agreement = np.minimum(AGREEMENT_LOG / np.maximum(np.abs(np.log(ratio)), 1e-6), 1.0)
    is_surer = network.log_error < expected_log_error(classical.confidence)
    return np.asarray(agreement * MEAN_SHARE + (1.0 - agreement) * is_surer, np.float32)


def expected_log_error(confidence: Floats) -> Floats:
    """Return the error in log depth that a classical confidence stands for."""
    return np.exp(np.interp(confidence, CONFIDENCE, np.log(LOG_ERROR))).astype(np.float32)
