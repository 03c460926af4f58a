"""The small network asked about a stack: it says where to leave the classical depth, and how wrong it may be.

The answer is the classical depth where the network takes none of its own, so that edges and sure pixels stay
what they were. Re-rendering guards against a network that is wrong altogether.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from focusgen.focal.classical import BEYOND_SHARE, Estimate, estimate, is_vetoed, rerender_error
from focusgen.focal.edges import settle_edges
from focusgen.focal.learned.ask import Reading, read_stack
from focusgen.focal.learned.guess import guess_of
from focusgen.focal.learned.plain_net import PlainNet
from focusgen.focal.relative_blur import stands_at_limit
from focusgen.focal.sharpness import DepthGuess, depth_from_focus
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]

VETO_RATIO = 1.5
"""The classical result is kept where plain depth from focus explains the slices better by this factor.
Re-rendering is a poor judge, up to 1.4 the network was right; it is there for networks that are wrong."""

LEAST_SHARE = 0.1
"""Below this share a pixel keeps its classical depth; above it, jumps are put on the picture's edges again.
Shares are squared: a network that is in two minds is wrong more often than it was on what it learned from."""

HALF_SURE = 0.1
"""Expected error in log depth at which the confidence of the result is a half."""

SEEN_CONFIDENCE = 0.25
"""Mean classical confidence from which a stack shows enough for the network to be believed. Pictures of
nothing (white, black, noise) lie below .13; the network is as sure of what it says of them as of others."""


def estimate_learned(stack: FocalStack, net: PlainNet) -> Estimate:
    """Return depth and confidence; without a lens, the classical ones."""
    plain = depth_from_focus(stack)
    return asked(stack, estimate(stack, plain), plain, net)


def asked(stack: FocalStack, classical: Estimate, plain: DepthGuess, net: PlainNet) -> Estimate:
    """Return what the network makes of the classical result; that itself without a lens, or by veto."""
    if stack.radius_px_m is None:
        return classical
    return combined(stack, classical, read_stack(stack, guess_of(classical, plain), net))


def combined(stack: FocalStack, classical: Estimate, network: Reading) -> Estimate:
    """Return the result of both, or the classical one where the result explains the slices far worse."""
    assert stack.radius_px_m is not None, "the caller has a lens"
    taken = network.share**2
    moved = classical.diopters + taken * (network.diopters - classical.diopters)
    guide = np.clip(network.sharp, 0.0, 1.0)
    settled = settle_edges(moved, guide, stack.span, stack.radius_px_m * stack.span)
    diopters = np.where(network.share > LEAST_SHARE, settled, classical.diopters)
    errors = {**classical.rerender_error, "learned": rerender_error(stack, diopters)}
    if is_vetoed(stack, errors, "learned", VETO_RATIO):
        return classical._replace(rerender_error=errors)
    sharpest = classical.sharpest + taken * (network.diopters - classical.sharpest)
    seen = min(1.0, float(classical.confidence.mean()) / SEEN_CONFIDENCE)
    confidence = seen * HALF_SURE / (HALF_SURE + network.log_error)
    confidence[stands_at_limit(diopters, stack.diopters)] *= BEYOND_SHARE
    return Estimate(diopters, sharpest, confidence.astype(np.float32), "learned", errors)
