"""A scene in memory, for models that read it frame by frame."""

from __future__ import annotations

import numpy as np


class Scene:
    """A scene in memory."""

    scene_id, fps = "bear", None

    def __init__(self, frames: np.ndarray, depth: list[np.ndarray | None] | None = None) -> None:
        self.frames = frames
        self.depth = depth
        self.n_read_at_once = 0

    @property
    def height(self) -> int:
        return self.frames.shape[1]

    @property
    def width(self) -> int:
        return self.frames.shape[2]

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, start: int, stop: int) -> np.ndarray:
        self.n_read_at_once = max(self.n_read_at_once, stop - start)
        return self.frames[start:stop]

    def provided_depth(self, index: int) -> np.ndarray | None:
        return self.depth[index] if self.depth else None


def moving_frames(n: int = 20, height: int = 48, width: int = 64) -> np.ndarray:
    """Frames with a bright box that wanders."""
    frames = np.full((n, height, width, 3), 40, np.uint8)
    for index in range(n):
        frames[index, 10:30, 2 * index : 2 * index + 20] = 220
    return frames
