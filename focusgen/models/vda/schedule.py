"""Windows of 32 frames: what is in their slots, which slots are needed, how their overlaps are joined.

Each window shows the network 10 frames that it has seen before: the first of the video, one from the middle
of the previous window, and the 8 just before the new ones. Output frames 24..31 of a window are blended
with slots 2..9 of the next; everything else is final at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from focusgen.models.vda.variants import WINDOW_FRAMES

DepthMap = npt.NDArray[np.float32]

STEP = 22
"""New frames per window."""

CARRIED_SLOTS = (0, 12, *range(24, 32))
"""Slots of the previous window whose frames stand in the first 10 slots of the next."""

ANCHOR_SLOT = 12
BLENDED = 8
"""Frames that two windows share and that are blended."""

_FIRST_BLENDED_SLOT = len(CARRIED_SLOTS) - BLENDED  # 2
_FIRST_HELD_SLOT = WINDOW_FRAMES - BLENDED  # 24


@dataclass(frozen=True)
class Window:
    """One window of a video.

    Attributes:
        start: frame that slot 0 would show if nothing were carried; slots 2..31 give frames start+2...
        sources: the frame that each slot shows; past the end the last one again.
        is_last: no later window gives a frame of the video.
    """

    start: int
    sources: tuple[int, ...]
    is_last: bool

    @property
    def is_first(self) -> bool:
        """Nothing is carried into it."""
        return self.start == 0


def plan_windows(n_frames: int, *, every_window: bool = False) -> Iterator[Window]:
    """Yield the windows of a video of `n_frames`.

    Args:
        n_frames: any number; none gives no window.
        every_window: also a last window that gives no frame. The published loop computes it; its first
            new frame would be start + 3, since the blend gives start + 2 no weight.
    """
    margin = 0 if every_window else _FIRST_BLENDED_SLOT + 1
    sources: tuple[int, ...] = ()
    for start in range(0, n_frames, STEP):
        carried = tuple(sources[slot] for slot in CARRIED_SLOTS) if sources else ()
        fresh = (min(start + slot, n_frames - 1) for slot in range(len(carried), WINDOW_FRAMES))
        sources = (*carried, *fresh)
        is_last = start + STEP + margin >= n_frames
        yield Window(start, sources, is_last)
        if is_last:
            return


def needed_slots(window: Window, n_frames: int, *, align: bool) -> list[int]:
    """Return the slots whose depth has an effect.

    Slots 0 and 1 of later windows only serve the alignment; slot 2 and, unless it is the end, slot 31 have
    weight 0 in the blend.
    """
    if window.is_first:
        first, anchors = 0, []
    else:
        first, anchors = _FIRST_BLENDED_SLOT + 1, [0, 1] if align else []
    stop = WINDOW_FRAMES if window.is_last else WINDOW_FRAMES - 1
    return [*anchors, *range(first, min(stop, n_frames - window.start))]


def scale_and_shift(maps: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return the (scale, shift) that bring `maps` closest to `targets`; (1, 0) where nothing decides."""
    x, y = maps.astype(np.float64).ravel(), targets.astype(np.float64).ravel()
    spread = x - x.mean()
    variance = float(spread @ spread)
    if variance <= 1e-12 * float(x @ x):
        return 1.0, 0.0
    scale = float(spread @ (y - y.mean())) / variance
    return scale, float(y.mean() - scale * x.mean())


class Joiner:
    """Joins the windows of one video into final frames, holding the 8 that the next window will blend.

    Args:
        n_frames: length of the video.
        align: bring each window to the scale and shift of its predecessors (relative depth). Metric depth
            needs none.
    """

    def __init__(self, n_frames: int, *, align: bool) -> None:
        self._n_frames = n_frames
        self._align = align
        self._held: dict[int, DepthMap] = {}
        self._anchors: list[DepthMap] = []
        self.scale_shifts: list[tuple[float, float]] = []

    def add(self, window: Window, maps: Mapping[int, DepthMap]) -> Iterator[tuple[int, DepthMap]]:
        """Yield (frame_index, depth) of the frames that this window makes final, in order.

        Args:
            window: the next of `plan_windows`.
            maps: {slot: depth} of at least its `needed_slots`.
        """
        maps = maps if window.is_first else self._aligned(maps)
        self._remember_anchors(window, maps)
        if not window.is_first:
            yield from self._blended(window, maps)
        first = 0 if window.is_first else len(CARRIED_SLOTS)
        stop = WINDOW_FRAMES if window.is_last else _FIRST_HELD_SLOT
        for slot in range(first, min(stop, self._n_frames - window.start)):
            yield window.start + slot, maps[slot]
        # Slot 31 has weight 0 in the blend, so it need not be there.
        self._held = {} if window.is_last else {s: maps[s] for s in range(_FIRST_HELD_SLOT, 32) if s in maps}

    def _aligned(self, maps: Mapping[int, DepthMap]) -> Mapping[int, DepthMap]:
        scale, shift = 1.0, 0.0
        if self._align:
            scale, shift = scale_and_shift(np.stack([maps[0], maps[1]]), np.stack(self._anchors))
            self.scale_shifts.append((scale, shift))
        factor, offset = np.float32(scale), np.float32(shift)
        return {slot: np.maximum(depth * factor + offset, 0) for slot, depth in maps.items()}

    def _remember_anchors(self, window: Window, maps: Mapping[int, DepthMap]) -> None:
        if self._align and not window.is_last:
            first = maps[0] if window.is_first else self._anchors[0]
            self._anchors = [first, maps[ANCHOR_SLOT]]

    def _blended(self, window: Window, maps: Mapping[int, DepthMap]) -> Iterator[tuple[int, DepthMap]]:
        for step in range(BLENDED):
            slot = _FIRST_BLENDED_SLOT + step
            frame = window.start + slot
            if frame >= self._n_frames:
                return
            new_share = np.float32(step / (BLENDED - 1))
            if step == 0:
                yield frame, self._held[_FIRST_HELD_SLOT]
            elif step == BLENDED - 1:
                yield frame, maps[slot]
            else:
                old = self._held[_FIRST_HELD_SLOT + step]
                yield frame, old * (1 - new_share) + maps[slot] * new_share
