"""How noisy the input video is, measured as its frames are compared: along the flow, lightly smoothed.

Grain, demosaicing and codecs leave noise that is correlated over pixels, and no single frame can tell such
noise from texture. Two frames can: along the flow, texture cancels and noise does not. It is there in every
part of a picture, while what a wrong flow leaves lies on edges and texture; so the estimate is a low quantile
over blocks, of a few pairs of frames spread over the clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from focusgen.motion import flow
from focusgen.motion.flow import Image
from focusgen.optics.windows import cut_segments

PHOTOMETRIC_BLUR_PX = 1.0  # sensor noise must not look like an occlusion; detail of 1 px must
MAX_PAIRS = 6
BLOCK_PX = 16
QUANTILE = 0.25  # a wrong flow or an occlusion may spoil three quarters of the blocks
MIN_BELIEVED = 0.75  # share of a block's pixels that can be judged
CLIPPED_LEVELS = 4  # a pixel closer than this to black or white holds no noise: bars, burnt-out skies


def smoothed(image: Image) -> Image:
    """Return a frame as the photometric test compares it."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), PHOTOMETRIC_BLUR_PX), np.uint8)


def clip_noise_levels(read_raw: Callable[[int], Image], n_frames: int, shot_cuts: Sequence[int]) -> float:
    """Return the standard deviation of what two smoothed frames differ by where they show the same, levels.

    Depends on the clip alone, not on where a run starts in it.

    Args:
        read_raw: reads the input video at output size, (H, W, 3) uint8.
        shot_cuts: first frames of its later shots.

    Returns:
        0 where there are no two frames to compare, or nothing in them can be believed.
    """
    estimator = flow.FlowEstimator()
    blocks = [_pair_levels(estimator, read_raw(t), read_raw(t + 1)) for t in _pairs(n_frames, shot_cuts)]
    found = np.concatenate(blocks) if blocks else np.empty(0)
    return float(np.quantile(found, QUANTILE)) if found.size else 0.0


def _pairs(n_frames: int, shot_cuts: Sequence[int]) -> list[int]:
    """Return the first frames of some pairs within shots, evenly spread."""
    inside = [t for start, stop in cut_segments(n_frames, shot_cuts) for t in range(start, stop - 1)]
    places = np.linspace(0, len(inside) - 1, min(MAX_PAIRS, len(inside)))
    return [inside[round(float(place))] for place in places]


def _pair_levels(estimator: flow.FlowEstimator, first: Image, second: Image) -> npt.NDArray[np.float64]:
    """Return the standard deviation of one channel's difference in each block that can be judged."""
    luma, other = flow.luma(first), flow.luma(second)
    there_px, back_px = estimator.flow_px(luma, other), estimator.flow_px(other, luma)
    believed = ~(flow.disagrees(there_px, back_px) | flow.leaves_frame(there_px))
    smooth = smoothed(first).astype(np.float32)
    gap = smooth - flow.warp_bilinear(smoothed(second).astype(np.float32), there_px)
    level = smooth.mean(axis=2)
    believed &= (level > CLIPPED_LEVELS) & (level < 255 - CLIPPED_LEVELS)
    weight = believed.astype(np.float32)
    share = _block_mean(weight)
    squared = _block_mean(np.square(gap).mean(axis=2) * weight) / np.maximum(share, 1e-6)
    return np.sqrt(squared[share >= MIN_BELIEVED])


def _block_mean(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    rows, columns = (max(side // BLOCK_PX, 1) for side in values.shape)
    mean = cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(mean, np.float64).reshape(rows, columns)
