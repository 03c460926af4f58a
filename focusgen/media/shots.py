"""Where a video cuts from one shot to another.

Two neighbouring frames are compared in two ways: how far apart their colour histograms are (0..1), and how
little the layout of light and dark has in common (1 - correlation, 0..1). A cut changes both. A pan or a fast
object changes the layout while the colours stay; a flash or a change of exposure moves the histogram while
the layout stays. So the score is the geometric mean of the two, and a cut must also stand out from the scores
around it and still be seen across one frame more on both sides (a single flashed or broken frame is no shot).
Dissolves and fades are not found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]

THUMBNAIL_WIDTH = 32
THUMBNAIL_HEIGHT = 24

_N_BINS = 64
_SOFTNESS_BINS = 4  # 16 grey levels: a drift of exposure moves little of a flat picture's histogram at a time
_FLAT_GREY_LEVELS = 4.0  # below this contrast, layout is noise
_NEIGHBOURS = 5
_PROMINENCE = 2.0  # chosen on continuous fast pans, which score high but evenly
_DWARFING = 4.0
# Cuts between two quiet shots of like colours score 0.25 to 0.33, their frames below 0.05.
_QUIET_FACTOR = 0.7
_ACROSS_FACTOR = 0.7


class Signature(NamedTuple):
    """What is kept of one frame to compare it with others (1.1 kB)."""

    histogram: npt.NDArray[np.float16]
    layout: npt.NDArray[np.uint8]


def signature(thumbnail: Frame) -> Signature:
    """Return the signature of a frame.

    Args:
        thumbnail: (h, w, 3) RGB, any size, the same for all frames of a video; small is enough.
    """
    bins = thumbnail.reshape(-1, 3) >> 2
    counts = np.stack([np.bincount(bins[:, channel], minlength=_N_BINS) for channel in range(3)])
    ramp = np.arange(1, _SOFTNESS_BINS + 1)
    kernel = np.concatenate([ramp, ramp[-2::-1]]) / float(_SOFTNESS_BINS**2)
    soft = np.stack([np.convolve(row, kernel) for row in counts])
    grey = thumbnail.mean(axis=2)
    return Signature((soft / soft.sum()).astype(np.float16).ravel(), np.round(grey).astype(np.uint8).ravel())


def thumbnail_of(pixels: Frame) -> Frame:
    """Return an (H, W, 3) image averaged down to the thumbnail size; smaller images are sampled."""
    height, width = pixels.shape[:2]
    rows = np.linspace(0, height, THUMBNAIL_HEIGHT, endpoint=False).astype(int)
    columns = np.linspace(0, width, THUMBNAIL_WIDTH, endpoint=False).astype(int)
    if height < THUMBNAIL_HEIGHT or width < THUMBNAIL_WIDTH:
        sampled_few: Frame = pixels[rows][:, columns]
        return sampled_few
    # Two or three samples per cell and axis are enough for a histogram and cost less than reading all pixels.
    step = max(1, min(height // THUMBNAIL_HEIGHT, width // THUMBNAIL_WIDTH) // 3)
    sampled = pixels[::step, ::step].astype(np.float32)
    by_row = np.add.reduceat(sampled, -(-rows // step), axis=0)
    sums = np.add.reduceat(by_row, -(-columns // step), axis=1)
    n_rows = np.diff(np.append(-(-rows // step), sampled.shape[0]))
    n_columns = np.diff(np.append(-(-columns // step), sampled.shape[1]))
    means: Frame = np.round(sums / (n_rows[:, None, None] * n_columns[None, :, None])).astype(np.uint8)
    return means


def change_score(one: Signature, other: Signature) -> float:
    """Return how much two frames look like two shots, 0 (the same) to 1."""
    colours = np.abs(one.histogram.astype(np.float32) - other.histogram.astype(np.float32)).sum() / 2
    a = one.layout.astype(np.float32) - one.layout.mean()
    b = other.layout.astype(np.float32) - other.layout.mean()
    contrast = np.sqrt((a * a).mean() * (b * b).mean()) + _FLAT_GREY_LEVELS**2
    layout = min(1.0, max(0.0, 1.0 - float((a * b).mean() / contrast)))
    return float(np.sqrt(min(1.0, float(colours)) * layout))


def find_shot_cuts(signatures: list[Signature], threshold: float) -> tuple[int, ...]:
    """Return the index of the first frame of every shot after the first.

    Args:
        signatures: one per frame, in order.
        threshold: score above which neighbours are two shots (data.shot_cut_threshold); where all is quiet
            around a change, 0.7 of it.
    """
    scores = [change_score(a, b) for a, b in zip(signatures, signatures[1:], strict=False)]
    return tuple(
        index + 1
        for index, score in enumerate(scores)
        if _is_abrupt(scores, index, threshold) and _lasts(signatures, index + 1, threshold)
    )


def _is_abrupt(scores: list[float], index: int, threshold: float) -> bool:
    """Say whether a change is large, and larger than those around it; one that dwarfs them may be smaller."""
    around = scores[max(0, index - _NEIGHBOURS) : index] + scores[index + 1 : index + 1 + _NEIGHBOURS]
    score = scores[index]
    if len(around) >= _NEIGHBOURS and score > _DWARFING * max(around):
        return score > _QUIET_FACTOR * threshold
    return score > threshold and (not around or score > _PROMINENCE * float(np.median(around)))


def _lasts(signatures: list[Signature], cut: int, threshold: float) -> bool:
    """Compare up to two frames before the cut with up to two after it."""
    before = signatures[max(0, cut - 2) : cut]
    after = signatures[cut : cut + 2]
    return all(change_score(a, b) > _ACROSS_FACTOR * threshold for a in before for b in after)
