"""Does the picture show the blur that its label claims? Measured on published files, without a model."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

BLOCK_PX = 16
MIN_TEXTURE = 20.0  # mean squared Laplacian of a block with texture enough to show blur, grey levels^2
MIN_LABEL_SPREAD = 0.02  # standard deviation of block labels below which there is nothing to correlate
MIN_BLOCKS = 12

Pair = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.float16]]


def blur_agreement(samples: Iterable[Pair]) -> float | None:
    """Return Spearman's rank correlation of kept sharpness and label, over textured blocks.

    Args:
        samples: (sharp, render, focus map) of frames of one lens set.

    Returns:
        1 where the sharper blocks are those labelled sharper; None where nothing can be said (no texture,
        or a label that hardly varies); NaN where the render keeps all blocks alike: a warning tells it.
    """
    kept: list[npt.NDArray[np.float64]] = []
    labels: list[npt.NDArray[np.float64]] = []
    for sharp, render, label in samples:
        before, after = _texture(sharp), _texture(render)
        textured = before > MIN_TEXTURE
        kept.append((after / np.maximum(before, 1e-9))[textured])
        labels.append(_block_mean(label.astype(np.float64))[textured])
    if not kept:
        return None
    ratio, label_mean = np.concatenate(kept), np.concatenate(labels)
    if ratio.size < MIN_BLOCKS or float(label_mean.std()) < MIN_LABEL_SPREAD:
        return None
    if not ratio.std():
        return math.nan
    return float(np.corrcoef(ranks_of(ratio), ranks_of(label_mean))[0, 1])


def ranks_of(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the rank of each value, equal ones at their mean; scipy.stats takes 0.6 s to import."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - counts / 2)[which.reshape(values.shape)])


def _texture(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return _block_mean(np.asarray(cv2.Laplacian(grey, cv2.CV_64F), np.float64) ** 2)


def _block_mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    rows, columns = (side // BLOCK_PX for side in values.shape)
    cut = values[: rows * BLOCK_PX, : columns * BLOCK_PX]
    return np.asarray(cut.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean(axis=(1, 3)))
