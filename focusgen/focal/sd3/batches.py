"""Batches to train on: position and seed alone say which stacks, which crop, and what happens to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from focusgen.base.errors import ConfigError
from focusgen.base.seeds import derive_seed
from focusgen.focal.sd3.network import StackInput
from focusgen.focal.sd3.samples import Key, Shown, StackPool
from focusgen.focal.sd3.settings import DataSettings


class Truth(NamedTuple):
    """What is true of a batch.

    Attributes:
        diopters: (B, 1, H, W), 0 where it is not known.
        known: (B, 1, H, W) bool.
        rgb: (B, 3, H, W) -1 to 1.
        is_drawn: (B,) whether slices follow the thin lens.
        focus: (B, N) inverse distances that slices are focused at; what is seen may be told a little wrong.
    """

    diopters: Tensor
    known: Tensor
    rgb: Tensor
    is_drawn: Tensor
    focus: Tensor

    def to(self, device: torch.device) -> Truth:
        """Return the same on another device."""
        return Truth(*(one.to(device) for one in self))


class Batch(NamedTuple):
    """What is seen, and the truth."""

    seen: StackInput
    truth: Truth


class Batches:
    """Draws batches: every stack once per epoch in an order of its own; by weight where lists have it."""

    def __init__(self, pool: StackPool, data: DataSettings, seed: int, multiple: int) -> None:
        self.pool, self._data, self._seed = pool, data, seed
        self.size = data.size
        self._weights = np.array(pool.source.weights)
        check_size(data.size, multiple)

    def batch(self, positions: Sequence[int], *, augments: bool = True) -> Batch:
        """Return the samples at some places of the endless sequence of samples."""
        return collated([self._one(position, augments) for position in positions])

    def names(self, positions: Sequence[int]) -> list[str]:
        """Return which stacks lie at some places."""
        return [self._shown(position)[0].name for position in positions]

    def _one(self, position: int, augments: bool) -> Batch:
        if not augments:
            return cropped(self.pool.shown(position % len(self.pool), 0), self.size, None)
        shown, rng = self._shown(position)
        return augmented(cropped(shown, self.size, rng), self._data, rng)

    def key(self, position: int) -> Key:
        """Return which stack lies at a place, and with which of its slices it is shown."""
        epoch, place = divmod(position, len(self.pool))
        order = np.random.default_rng(derive_seed(self._seed, "order", epoch)).permutation(len(self.pool))
        index = self._weighed(int(order[place]), position)
        return index, int(self._rng(position).integers(self._data.variants))

    def _weighed(self, index: int, position: int) -> int:
        """Return the stack as often as its weight says, else any by weight: in proportion to it in all."""
        if not len(self._weights):
            return index
        rng = np.random.default_rng(derive_seed(self._seed, "weight", position))
        if rng.random() < self._weights[index]:
            return index
        return int(rng.choice(len(self._weights), p=self._weights / self._weights.sum()))

    def _shown(self, position: int) -> tuple[Shown, np.random.Generator]:
        rng = self._rng(position)
        rng.integers(self._data.variants)  # drawn once more: `key` has the number
        return self.pool.shown(*self.key(position)), rng

    def _rng(self, position: int) -> np.random.Generator:
        return np.random.default_rng(derive_seed(self._seed, "sample", position))


def check_size(size: int, multiple: int) -> None:
    """Refuse crops that are no whole number of the model's patches.

    Raises:
        ConfigError: names the nearest size.
    """
    if size % multiple:
        nearest = max(1, round(size / multiple)) * multiple
        raise ConfigError(
            f"data.size {size}: the model reads multiples of {multiple}", f"--override data.size={nearest}"
        )


def check_large_enough(name: str, size: tuple[int, int], least_px: int) -> None:
    """Refuse a picture from which no crop can be taken.

    Raises:
        ConfigError: names it.
    """
    if min(size) < least_px:
        raise ConfigError(
            f"{name}: {size[1]}x{size[0]}, smaller than data.size {least_px}", "Set data.size lower."
        )


def cropped(shown: Shown, size: int, rng: np.random.Generator | None) -> Batch:
    """Return a square of a stack, batch of one; from the middle without `rng`.

    Raises:
        ConfigError: the picture is smaller.
    """
    height, width = shown.true_diopters.shape
    check_large_enough(shown.name, (height, width), size)
    spare = height - size, width - size
    top, left = (int(rng.integers(s + 1)) for s in spare) if rng is not None else (s // 2 for s in spare)
    window = slice(top, top + size), slice(left, left + size)
    known = np.isfinite(shown.true_diopters[window])
    stack = shown.stack
    seen = StackInput(
        torch.stack([pixels_in(one[window]) for one in stack.slices])[None],
        torch.ones(1, len(stack), dtype=torch.bool),
        torch.from_numpy(stack.diopters.astype(np.float32))[None],
        torch.tensor([stack.radius_px_m or 0.0], dtype=torch.float32),
        pixels_in(shown.prior.rgb[window])[None],
        _plane(shown.prior.diopters[window]),
        _plane(shown.prior.confidence[window]),
    )
    truth = Truth(
        _plane(np.where(known, shown.true_diopters[window], 0.0)),
        torch.from_numpy(known)[None, None],
        pixels_in(shown.sharp[window])[None],
        torch.tensor([shown.is_drawn]),
        seen.diopters,
    )
    return Batch(seen, truth)


def augmented(batch: Batch, data: DataSettings, rng: np.random.Generator) -> Batch:
    """Return a batch of one, perhaps mirrored: slices reordered, noisy, distances told a little wrong."""
    seen, truth = batch
    order = torch.from_numpy(rng.permutation(seen.slices.shape[1]))
    slices = seen.slices[:, order]
    grain = rng.standard_normal(slices.shape, dtype=np.float32) * np.float32(2.0 * data.noise * rng.random())
    focus = truth.focus[:, order]
    seen = seen._replace(slices=(slices + torch.from_numpy(grain)).clamp(-1.0, 1.0))
    truth = truth._replace(focus=focus)
    if rng.random() < 0.5:
        seen = seen._replace(
            slices=seen.slices.flip(-1),
            prior_rgb=seen.prior_rgb.flip(-1),
            prior_diopters=seen.prior_diopters.flip(-1),
            confidence=seen.confidence.flip(-1),
        )
        truth = truth._replace(
            diopters=truth.diopters.flip(-1), known=truth.known.flip(-1), rgb=truth.rgb.flip(-1)
        )
    told = rng.uniform(1.0 - data.focus_jitter, 1.0 + data.focus_jitter, tuple(focus.shape))
    return Batch(seen._replace(diopters=focus * torch.from_numpy(told.astype(np.float32))), truth)


def collated(singles: Sequence[Batch]) -> Batch:
    """Return one batch; stacks of fewer slices are padded and masked."""
    n = max(one.seen.slices.shape[1] for one in singles)
    seen = [padded(one.seen, n) for one in singles]
    truths = [one.truth._replace(focus=_padded(one.truth.focus, n)) for one in singles]
    truth = Truth(*(torch.cat(parts) for parts in zip(*truths, strict=True)))
    return Batch(StackInput(*(torch.cat(parts) for parts in zip(*seen, strict=True))), truth)


def padded(seen: StackInput, n: int) -> StackInput:
    """Return a stack with n places for slices; those that are added are masked."""
    spare = n - seen.slices.shape[1]
    if spare == 0:
        return seen
    return seen._replace(
        slices=torch.cat([seen.slices, seen.slices[:, :1].expand(-1, spare, -1, -1, -1)], 1),
        mask=torch.cat([seen.mask, torch.zeros(len(seen.mask), spare, dtype=torch.bool)], 1),
        diopters=_padded(seen.diopters, n),
    )


def _padded(diopters: Tensor, n: int) -> Tensor:
    return torch.cat([diopters, diopters[:, :1].expand(-1, n - diopters.shape[1])], 1)


def pixels_in(pixels: npt.NDArray[Any]) -> Tensor:
    """Return (3, H, W) from -1 to 1 of (H, W, 3) pixels of 8 or 16 bits."""
    peak = np.float32(np.iinfo(pixels.dtype).max)
    shown = np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32)
    return torch.from_numpy(shown * np.float32(2.0) / peak - np.float32(1.0))


def _plane(values: npt.NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))[None, None]
