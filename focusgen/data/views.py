"""Mirrored and resized windows: pictures, depth, labels and the camera go together.

A tool for pictures that is handed a whole sample does not know which of its tensors are pictures: the camera
and the focus distances are tensors, too.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch.nn import functional as F

from focusgen.data.crops import crop_size
from focusgen.data.samples import Sample

PICTURES = ("sharp", "bokeh", "clean")
MAPS = ("depth", "focus", "valid")
AXES = ("x", "y")


def flipped(sample: Sample, axis: Literal["x", "y"] = "x") -> Sample:
    """Return a window, or a batch of them, mirrored: "x" swaps left and right, "y" top and bottom.

    Its camera is mirrored along; `crop` stays where on the published frame it was cut.

    Raises:
        ValueError: another axis, or no picture or map to tell the size.
    """
    if axis not in AXES:
        raise ValueError(f"axis {axis!r}: give 'x' or 'y'")
    place = AXES.index(axis)
    n_px, camera = _size(sample)[1 - place], sample["K"].clone()
    camera[..., place, 2] = n_px - 1 - camera[..., place, 2]
    return _with(sample, {name: one.flip(-1 - place) for name, one in _arrays(sample).items()}, camera)


def resized(sample: Sample, size: int | tuple[int, int]) -> Sample:
    """Return a window, or a batch of them, at another size.

    Pictures are averaged; of depth, labels and flags the nearest pixel is taken, so that a label still is
    exactly that of its depth. Blur in pixels changes with the camera, by which it is counted:
    `(1 - focus) * max_coc * K[0, 0] / f`.

    Args:
        sample: a window or a batch.
        size: N or (height, width), pixels.

    Raises:
        ValueError: no such size, or no picture or map to tell the old one.
    """
    wanted = crop_size(size)
    if wanted is None:
        raise ValueError(f"size {size!r}: give whole positive pixels, N or (height, width)")
    camera, old = sample["K"].clone(), _size(sample)
    for place, ratio in ((0, wanted[1] / old[1]), (1, wanted[0] / old[0])):
        camera[..., place, 2] += 0.5  # pixel centres lie at integers, the corner of the frame at -1/2
        camera[..., place, :] *= ratio
        camera[..., place, 2] -= 0.5
    return _with(sample, {name: _scaled(name, one, wanted) for name, one in _arrays(sample).items()}, camera)


def _arrays(sample: Sample) -> dict[str, torch.Tensor]:
    return {name: cast(dict[str, Any], sample)[name] for name in (*PICTURES, *MAPS) if name in sample}


def _size(sample: Sample) -> tuple[int, int]:
    """Return (height, width)."""
    height, width = next((one.shape[-2:] for one in _arrays(sample).values()), (0, 0))
    if not height * width:
        raise ValueError(f"no picture or map in the sample: give it one of {', '.join((*PICTURES, *MAPS))}")
    return height, width


def _with(sample: Sample, arrays: dict[str, torch.Tensor], camera: torch.Tensor) -> Sample:
    return cast(Sample, {**sample, **arrays, "K": camera})


def _scaled(name: str, array: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    frames = array.flatten(0, -4)
    if name in MAPS:
        scaled = F.interpolate(frames, size, mode="nearest-exact")
    else:
        scaled = F.interpolate(frames.float(), size, mode="bilinear", antialias=True)
        scaled = scaled if array.is_floating_point() else scaled.round().clamp(0, 255)
    return scaled.to(array.dtype).view(*array.shape[:-2], *size)
