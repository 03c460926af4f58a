"""What the network sees of a picture: which size, which resize, which normalisation."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from focusgen.models.vda.variants import PATCH_PX

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

WIDE_RATIO = 1.78
"""Pictures longer than this get a smaller short side, so that the number of patches stays in bounds."""
_WIDE_TARGET = 1.777


def network_size(height: int, width: int, input_size: int) -> tuple[int, int]:
    """Return the (height, width) that the network sees of a picture.

    The short side becomes `input_size` (less for very long pictures) and both sides multiples of 14,
    rounded to the nearest, but not below `input_size`.
    """
    ratio = max(height, width) / min(height, width)
    if ratio > WIDE_RATIO:
        # Never below one patch: a picture 300 times as wide as high would get none.
        input_size = max(PATCH_PX, round(int(input_size * _WIDE_TARGET / ratio) / PATCH_PX) * PATCH_PX)
    scale = max(input_size / height, input_size / width)
    return _patched(scale * height, input_size), _patched(scale * width, input_size)


def _patched(side: float, least: int) -> int:
    rounded = round(side / PATCH_PX) * PATCH_PX  # half to even, as numpy rounds
    return rounded if rounded >= least else math.ceil(side / PATCH_PX) * PATCH_PX


def resize_frames(frames: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return (N, H, W, 3) uint8 frames as (N, h, w, 3) float32 in about [0, 1].

    OpenCV's cubic without antialiasing, on floats: another resize is another function.
    """
    resized = np.empty((len(frames), *size, 3), np.float32)
    for target, frame in zip(resized, frames, strict=True):
        scaled = frame.astype(np.float32) / np.float32(255.0)
        cv2.resize(scaled, size[::-1], dst=target, interpolation=cv2.INTER_CUBIC)
    return resized


def normalise(frames: Tensor) -> Tensor:
    """Return (N, h, w, 3) resized frames as the (N, 3, h, w) float32 that the network takes.

    In float64 until the end, as the published code does it (Apple's GPUs have none).
    """
    dtype = torch.float32 if frames.device.type == "mps" else torch.float64
    mean = torch.tensor(IMAGENET_MEAN, dtype=dtype, device=frames.device)
    std = torch.tensor(IMAGENET_STD, dtype=dtype, device=frames.device)
    return ((frames.to(dtype) - mean) / std).float().permute(0, 3, 1, 2).contiguous()
