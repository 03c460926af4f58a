"""Where a window is cut out: one box for all frames and modalities, drawn the same in every process."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from focusgen.base.seeds import derive_seed

Box: TypeAlias = "tuple[int, int, int, int]"
"""(y, x, height, width), pixels."""
ReadWhole: TypeAlias = "Callable[[str, int], npt.NDArray[Any]]"


def whole(value: object) -> int:
    """Return a whole number of any type as Python's own.

    Raises:
        TypeError: it is none; neither are True and 1.0, each of which is a slip of another argument.
    """
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{value!r} is no number")
    return operator.index(value)  # type: ignore[arg-type]


def whole_argument(name: str, value: object) -> int:
    """Return an argument that is a whole number.

    Raises:
        ValueError: it is none; names it.
    """
    try:
        return whole(value)
    except TypeError:
        raise ValueError(f"{name} {value!r}: give a whole number") from None


@dataclass(frozen=True)
class WindowMeta:
    """What a crop function is told of a window; `meta["width"]` works as well as `meta.width`.

    Attributes:
        frames: frame numbers.
        read: modality ("sharp", "bokeh", "depth", "focus"), frame -> the whole array as published.
    """

    scene: str
    set: int
    frames: tuple[int, ...]
    width: int
    height: int
    read: ReadWhole

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


CropFunction: TypeAlias = "Callable[[WindowMeta, np.random.Generator], Sequence[int]]"
Crop: TypeAlias = "int | tuple[int, int] | CropFunction | None"


def crop_generator(seed: int, epoch: int, scene_id: str, start: int, set_index: int) -> np.random.Generator:
    """Return the generator of one window in one epoch: the same for any worker, rank and order."""
    return np.random.default_rng(derive_seed(seed, "crop", epoch, scene_id, start, set_index))


def crop_size(crop: Crop) -> tuple[int, int] | None:
    """Return (height, width) of a crop of fixed size, None for the whole frame or a function.

    Raises:
        ValueError: not a positive size.
    """
    if crop is None or callable(crop):
        return None
    try:
        height, width = map(whole, crop if isinstance(crop, Sequence) else (crop, crop))
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1:
        raise ValueError(f"crop {crop!r}: give whole positive pixels, N or (height, width)")
    return height, width


def draw_box(crop: Crop, meta: WindowMeta, rng: np.random.Generator) -> Box:
    """Return the box of a window.

    Raises:
        ValueError: a crop function returned a box that is not inside the frame.
    """
    if crop is None:
        return (0, 0, meta.height, meta.width)
    if callable(crop):
        y, x, height, width = _box_of(crop(meta, rng), meta.scene)
    else:
        size = crop_size(crop)
        assert size is not None
        height, width = size
        y, x = (
            int(rng.integers(0, max(whole - part, 0) + 1))  # a crop that is too large is named below
            for whole, part in ((meta.height, height), (meta.width, width))
        )
    if not (0 <= y and 0 <= x and height > 0 and width > 0):
        raise ValueError(f"crop {(y, x, height, width)} of scene {meta.scene!r} is no box")
    if y + height > meta.height or x + width > meta.width:
        raise ValueError(
            f"crop {(y, x, height, width)} leaves the {meta.width}x{meta.height} frame of {meta.scene!r}"
        )
    return (y, x, height, width)


def _box_of(answer: object, scene_id: str) -> Box:
    """Return what a crop function answered as a box.

    Raises:
        ValueError: it is none.
    """
    try:
        y, x, height, width = map(whole, answer)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise ValueError(
            f"the crop function answered {answer!r} for scene {scene_id!r}: (y, x, height, width) is wanted, "
            "in whole pixels"
        ) from None
    return y, x, height, width


@dataclass(frozen=True)
class FocusRoi:
    """A crop function that centres its box on a pixel in focus, drawn by how sharp the label is.

    Attributes:
        size: N or (height, width), pixels; a smaller frame side is taken whole.
    """

    size: int | tuple[int, int]

    def __call__(self, meta: WindowMeta, rng: np.random.Generator) -> Box:
        """Return the box of a window."""
        label = meta.read("focus", meta.frames[len(meta.frames) // 2])
        return _box_round(self.size, label.astype(np.float64) ** 8, meta, rng)


@dataclass(frozen=True)
class MotionRoi:
    """A crop function that centres its box on a pixel that changes between the first and the last frame.

    Attributes:
        size: N or (height, width), pixels; a smaller frame side is taken whole.
    """

    size: int | tuple[int, int]

    def __call__(self, meta: WindowMeta, rng: np.random.Generator) -> Box:
        """Return the box of a window."""
        first, last = (meta.read("sharp", meta.frames[place]).astype(np.float64) for place in (0, -1))
        return _box_round(self.size, np.abs(last - first).mean(axis=-1), meta, rng)


def _box_round(
    size: int | tuple[int, int], weights: npt.NDArray[np.float64], meta: WindowMeta, rng: np.random.Generator
) -> Box:
    """Return a box inside the frame round a pixel drawn by its weight."""
    wanted = crop_size(size)
    assert wanted is not None, "a size is no function"
    height, width = min(wanted[0], meta.height), min(wanted[1], meta.width)
    total = weights.sum()
    chosen = rng.choice(weights.size, p=(weights / total).ravel() if total > 0 else None)
    centre_y, centre_x = divmod(int(chosen), meta.width)
    y = int(np.clip(centre_y - height // 2, 0, meta.height - height))
    x = int(np.clip(centre_x - width // 2, 0, meta.width - width))
    return (y, x, height, width)
