"""Which pixels of a depth map a loss should ignore, and why: one byte of flags per pixel."""

from __future__ import annotations

from enum import IntFlag

import numpy as np
import numpy.typing as npt

EDGE_RATIO = np.float32(1.1)
"""Neighbours whose depths differ by more are an edge. Boundary scores of depth networks count 5 to 25 %."""

_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))  # each pair of the eight neighbours once


class DepthFlag(IntFlag):
    """What is doubtful about a pixel's depth, and so about its label; 0 where nothing is.

    Attributes:
        PATCHED: nothing was measured; filled with the scene's median.
        RAISED: below `depth.min_m`, and raised to it.
        FAR: sky, or lowered to `depth.max_m`: the surface is farther than the map says.
        SATURATED: the largest number that the depth file can hold.
        EXTRAPOLATED: a network's, beyond the depths that it was trained on.
        EDGE: within one pixel of a step in depth: the picture mixes two surfaces, the label is of one.
    """

    PATCHED = 1
    RAISED = 2
    FAR = 4
    SATURATED = 8
    EXTRAPOLATED = 16
    EDGE = 32


ALL_FLAGS = int(sum(DepthFlag))


def edge_flags(depth_m: npt.NDArray[np.float16]) -> npt.NDArray[np.uint8]:
    """Return `DepthFlag.EDGE` on both sides of each step in a saved map, (H, W) uint8.

    Args:
        depth_m: (H, W) float16 metres, finite and > 0.
    """
    d = depth_m.astype(np.float32)
    is_edge = np.zeros(d.shape, bool)
    for dy, dx in _STEPS:
        here, there = _pair(dy, dx)
        a, b = d[here], d[there]
        is_step = np.maximum(a, b) > EDGE_RATIO * np.minimum(a, b)
        is_edge[here] |= is_step
        is_edge[there] |= is_step
    return is_edge.astype(np.uint8) * np.uint8(DepthFlag.EDGE)


def _pair(dy: int, dx: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the places of all pixels that have a neighbour (dy, dx) away, and of those neighbours."""
    rows = slice(0, -dy or None), slice(dy, None)
    columns = (slice(0, -dx or None), slice(dx, None)) if dx >= 0 else (slice(-dx, None), slice(0, dx))
    return (rows[0], columns[0]), (rows[1], columns[1])


def count_flags(flags: npt.NDArray[np.uint8]) -> dict[str, int]:
    """Return flag name -> pixels that have it, for the flags that any pixel has."""
    found = np.bincount(flags.reshape(-1), minlength=ALL_FLAGS + 1)
    counts = {
        str(flag.name).lower(): int(sum(n for value, n in enumerate(found) if value & flag))
        for flag in DepthFlag
    }
    return {name: n for name, n in counts.items() if n}
