"""A plausible depth for rehearsals: no network, no weights, and no claim to be right.

A floor that runs from near (bottom) to far (top), with bright areas a little nearer, so that nothing is
constant and every later phase has something to do. Phase 6 never gives a data set made with it a `pass`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from focusgen.config import Config
from focusgen.models.protocols import DepthModel, SceneFrames

NEAR_M, FAR_M = 1.0, 8.0
RELIEF = 0.15  # share of the inverse depth that the picture's brightness moves
BATCH_FRAMES = 8


class DryRunDepth(DepthModel):
    """Invents depth from row and brightness; deterministic."""

    # False, though it could: a rehearsal should go through the chunks and seams of the real thing.
    handles_long_video = False

    def estimate(self, scene: SceneFrames) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Yield (frame_index, (H, W) float32 metres) between 0.85 and 9.5 m."""
        height = scene.height
        nearness = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
        floor_per_m = (1.0 / FAR_M + nearness * (1.0 / NEAR_M - 1.0 / FAR_M)).astype(np.float32)
        for start in range(0, len(scene), BATCH_FRAMES):
            stop = min(start + BATCH_FRAMES, len(scene))
            for offset, frame in enumerate(scene.read(start, stop)):
                yield start + offset, _invent(frame, floor_per_m)


def load(cfg: Config, device: str | None) -> DepthModel:
    """Return the backend; it has no settings and works on the CPU."""
    return DryRunDepth()


def _invent(frame: npt.NDArray[np.uint8], floor_per_m: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    # Integer weights of BT.601 luma: the same on every machine.
    r, g, b = (frame[..., i].astype(np.int32) for i in range(3))
    luma = ((77 * r + 150 * g + 29 * b) >> 8).astype(np.float32) / np.float32(255.0)
    relief = np.float32(1.0) + np.float32(RELIEF) * (_smooth(luma) * np.float32(2.0) - np.float32(1.0))
    return np.asarray(np.float32(1.0) / (floor_per_m * relief), dtype=np.float32)


def _smooth(luma: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return block means of about 1/12 of the short side: texture is not shape."""
    height, width = luma.shape
    block = max(1, min(height, width) // 12)
    rows, columns = np.arange(0, height, block), np.arange(0, width, block)
    sums = np.add.reduceat(np.add.reduceat(luma, rows, axis=0), columns, axis=1)
    sizes = np.outer(np.diff([*rows, height]), np.diff([*columns, width])).astype(np.float32)
    means = (sums / sizes).astype(np.float32)
    return np.asarray(means.repeat(block, axis=0)[:height].repeat(block, axis=1)[:, :width])
