"""Batches to learn from: step and seed alone say which stacks are drawn and what happens to them."""

from __future__ import annotations

import time
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from focusgen.base.errors import ConfigError
from focusgen.base.names import shell_word
from focusgen.base.seeds import derive_seed
from focusgen.focal.kept import PRIORS
from focusgen.focal.learned.degrade import degraded
from focusgen.focal.learned.guess import kept_guess
from focusgen.focal.learned.losses import Truth
from focusgen.focal.learned.settings import SmallSettings
from focusgen.focal.learned.shards import STACKS_PER_SHARD, StackSet
from focusgen.focal.learned.stacks import TrainingStack
from focusgen.focal.learned.volume import Evidence, evidence_of
from focusgen.focal.stack import FocalStack

SHARDS_IN_MEMORY = 400
PATIENCE_S = 600.0
"""How long a step waits for stacks that are still being made."""


class NoLongerAwaited(Exception):
    """The process was told to stop while it waited for stacks."""


class Given(NamedTuple):
    """Input of the network, in its order."""

    volume: Tensor
    context: Tensor
    sharp: Tensor
    hypotheses: Tensor
    first: Tensor
    classical: Tensor
    guess: Tensor


class Batch(NamedTuple):
    """What the network is given, and the truth."""

    given: Given
    truth: Truth


class Batches:
    """Draws batches from a set of stacks that may still be growing."""

    def __init__(
        self, stacks: StackSet, settings: SmallSettings, is_told_to_stop: Callable[[], bool] = lambda: False
    ) -> None:
        self.stacks, self._settings, self._is_told_to_stop = stacks, settings, is_told_to_stop
        self._looks = settings.data.looks
        self._folder = settings.output_dir / PRIORS if settings.data.keep_priors else None
        self._read: OrderedDict[int, list[TrainingStack]] = OrderedDict()

    def batch(self, step: int) -> Batch:
        """Return the batch of a step.

        Raises:
            ConfigError: stacks that it needs are not there, and did not come.
        """
        train, data = self._settings.train, self._settings.data
        samples = []
        for place in range(train.batch):
            rng = np.random.default_rng(derive_seed(train.seed, "batch", step, place))
            sample = self._sample(int(rng.integers(data.pool(step))), int(rng.integers(self._looks)))
            is_mirrored = step >= data.mirror_from
            samples.append(mirrored(*sample, rng) if is_mirrored else sample)
        return collated(samples)

    def _sample(self, index: int, look: int) -> tuple[Evidence, TrainingStack]:
        rng = np.random.default_rng(derive_seed(self._settings.train.seed, "look", index, look))
        stack = degraded(self._stack(index), rng)
        seen = observed(stack)
        return evidence_of(seen, kept_guess(seen, self._folder)), stack

    def _stack(self, index: int) -> TrainingStack:
        number = index // STACKS_PER_SHARD
        if number not in self._read:
            self._await(index)
            self._read[number] = self.stacks.read(number)
            if len(self._read) > SHARDS_IN_MEMORY:
                self._read.popitem(last=False)
        return self._read[number][index % STACKS_PER_SHARD]

    def _await(self, index: int) -> None:
        if self.stacks.is_there(index):
            return
        folder, started = self.stacks.folder, time.monotonic()
        more = f"focusgen focal synth --output {shell_word(folder)} --n_stacks {index + 1}"
        patience_min = round(PATIENCE_S / 60)
        warnings.warn(f"{folder}: waits up to {patience_min} minutes for stack {index}: {more}", stacklevel=2)
        while not self.stacks.is_there(index):
            if self._is_told_to_stop():
                raise NoLongerAwaited
            if time.monotonic() - started > PATIENCE_S:
                raise ConfigError(
                    f"{folder}: stack {index} is not there",
                    f"Make more: {more}",
                )
            time.sleep(1.0)


def observed(stack: TrainingStack) -> FocalStack:
    """Return what is seen of a training stack."""
    return FocalStack(stack.slices, stack.diopters, stack.radius_px_m)


def mirrored(
    evidence: Evidence, stack: TrainingStack, rng: np.random.Generator
) -> tuple[Evidence, TrainingStack]:
    """Return a stack and its evidence left for right, upside down, both or neither.

    What is found before (the classical result, the sweep) knows no direction, and is found once for all four.
    """
    axes = tuple(axis for axis in (-2, -1) if rng.random() < 0.5)
    seen = Evidence(*(np.flip(one, axes) if one.ndim > 1 else one for one in evidence))
    sharp = np.flip(stack.sharp, tuple(axis - 1 for axis in axes))
    return seen, stack._replace(depth_m=np.flip(stack.depth_m, axes), sharp=sharp)


def tensors(evidence: Evidence) -> Given:
    """Return the network's input for one stack, in its order, with a first axis of 1."""
    e = evidence
    parts = (e.volume, e.context, e.sharp, e.hypotheses, e.first, e.classical, e.guess)
    return Given(*(torch.from_numpy(np.ascontiguousarray(one))[None] for one in parts))


def collated(samples: list[tuple[Evidence, TrainingStack]]) -> Batch:
    """Return one batch of stacks of one size."""
    columns = zip(*(tensors(evidence) for evidence, _ in samples), strict=True)
    given = Given(*(torch.cat(column) for column in columns))
    diopters = torch.from_numpy(np.stack([1.0 / stack.depth_m for _, stack in samples])[:, None])
    shown = np.stack([stack.sharp.transpose(2, 0, 1) for _, stack in samples])
    truth = Truth(diopters.float(), torch.from_numpy(shown).float() / 127.5 - 1.0)
    return Batch(given, truth)
