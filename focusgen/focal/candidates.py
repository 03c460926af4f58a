"""`--quality best`, first half: of several depths each pixel takes the one that explains the slices best.

The renderer of phase 5, which knows occlusion, draws all slices from each candidate. It is a weak judge: of
pixels whose depth is wrong by a tenth, the true depth explains the slices better in two of three only. So
candidates are few and good in themselves, and one is taken only where it explains clearly more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from focusgen.focal.classical import DISAGREEMENT_SHARE, Estimate, estimate, swept
from focusgen.focal.edges import settle_edges
from focusgen.focal.light import shown
from focusgen.focal.picture import reading_through, sharp_picture
from focusgen.focal.refine import differences
from focusgen.focal.sharpness import depth_from_focus
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]

AROUND_PX = 1.5
"""Differences are averaged with a Gaussian window of this size: wider ones know no edges."""

CLEARLY = 0.15
"""Part of the difference that a candidate has to explain beyond what was found."""

N_CANDIDATES = 7


def put_together(
    stack: FocalStack,
    found: Estimate,
    *,
    device: str = "cpu",
    progress: Callable[[float], object] = lambda part: None,
) -> Estimate:
    """Return depth put together from candidates; less sure where it moved.

    Args:
        stack: slices of a known lens.
        found: what stays where nothing explains clearly more.
        device: where slices are drawn.
        progress: told which part is done.
    """
    import cv2

    assert stack.radius_px_m is not None, "the caller has a lens"
    reach_px = stack.radius_px_m * stack.span
    guide = shown(sharp_picture(stack, found.diopters, found.sharpest))

    def error_of(diopters: Floats) -> Floats:
        spread = differences(stack, diopters, found.sharpest, device)
        return np.asarray(cv2.GaussianBlur(spread, (0, 0), AROUND_PX), np.float32)

    diopters, least = found.diopters.copy(), (1.0 - CLEARLY) * error_of(found.diopters)
    for n, candidate in enumerate(_candidates(stack, found, guide), 2):
        error = error_of(candidate)
        is_better = error < least
        diopters[is_better], least[is_better] = candidate[is_better], error[is_better]
        progress(n / N_CANDIDATES)
    diopters = settle_edges(diopters, guide, stack.span, reach_px)
    moved = np.abs(diopters - found.diopters) / (DISAGREEMENT_SHARE * stack.span)
    return found._replace(diopters=diopters, confidence=found.confidence * np.exp(-moved))


def _candidates(stack: FocalStack, found: Estimate, guide: Floats) -> Iterator[Floats]:
    """Yield diopters: jumps a pixel out and in, slices without veils, the network's own, classical, a mean.

    Where what was found is the classical one, the fused one stands in its place.
    """
    import cv2

    from focusgen.focal.learned.ask import read_stack
    from focusgen.focal.learned.fused import combined
    from focusgen.focal.learned.guess import guess_of
    from focusgen.focal.learned.weights import SHIPPED, load_network

    assert stack.radius_px_m is not None, "the caller has a lens"
    cross = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    yield np.asarray(cv2.dilate(found.diopters, cross), np.float32)
    yield np.asarray(cv2.erode(found.diopters, cross), np.float32)
    read = reading_through(stack, found.diopters, found.sharpest, lambda n: stack.slices[n])
    clear = FocalStack(np.stack([read(n) for n in range(len(stack))]), stack.diopters, stack.radius_px_m)
    yield settle_edges(swept(clear, guide), guide, stack.span, stack.radius_px_m * stack.span)
    plain = depth_from_focus(stack)
    classical = estimate(stack, plain) if found.method == "learned" else found
    network = read_stack(stack, guess_of(classical, plain), load_network(SHIPPED))
    yield network.diopters
    other = classical if found.method == "learned" else combined(stack, classical, network)
    yield other.diopters
    yield 0.5 * (found.diopters + other.diopters)
