"""Which windows are drawn how often: rare labels as often as common ones."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch.utils.data import WeightedRandomSampler

from focusgen.base.seeds import derive_seed
from focusgen.data.crops import whole_argument
from focusgen.data.ranks import given_rank
from focusgen.data.windows import FocusDataset, read_frame
from focusgen.optics.balance import LABEL_BINS

MAX_ITEMS = 2**24
"""What `torch.multinomial` draws from; it says so only when the first epoch begins."""


class BalancedSampler(WeightedRandomSampler):
    """What `balanced_sampler` returns: every so many of the draws that all ranks make alike."""

    def __init__(self, weights: Sequence[float], n_drawn: int, seed: int, rank: int, n_ranks: int) -> None:
        """Draw a few more where ranks would get different numbers: the shorter one would wait for ever."""
        self._per_rank, self._rank, self._n_ranks = -(-n_drawn // n_ranks), rank, n_ranks
        self._seed, self._draws = seed, torch.Generator().manual_seed(seed)
        super().__init__(weights, self._per_rank * n_ranks, generator=self._draws)

    def __len__(self) -> int:
        return self._per_rank

    def set_epoch(self, epoch: int) -> None:
        """Go on with the draws of an epoch, whatever was drawn before: a training that resumes needs it.

        Without it a process begins with those of epoch 0, and every epoch that it comes to has others.

        Raises:
            ValueError: not a whole number.
        """
        epoch = whole_argument("epoch", epoch)
        self._draws.manual_seed(derive_seed(self._seed, "draws", epoch) if epoch else self._seed)

    def __iter__(self) -> Iterator[int]:
        """Yield the draws of one epoch; the next epoch's are others, again alike on all ranks."""
        return itertools.islice(super().__iter__(), self._rank, None, self._n_ranks)


def balanced_sampler(
    dataset: FocusDataset,
    *,
    n_samples: int | None = None,
    seed: int = 0,
    rank: int | None = None,
    n_ranks: int | None = None,
) -> BalancedSampler:
    """Return a sampler under which every tenth of the label's range is seen about equally often.

    The labels of a window are counted on its middle frame, at every fourth pixel. A window weighs the mean,
    over its pixels, of one over how common their label is in the whole data set.

    Args:
        dataset: map-style; its depth maps are read once, here.
        n_samples: drawn per epoch, by all ranks together; None for as many as there are items.
        seed: of the draws, the same on every rank.
        rank: of this process in distributed training: it gets its share of the draws, as many as all others.
        n_ranks: how many there are; 1 (and rank 0) where the trainer deals out a sampler itself, as Lightning
            and accelerate do.

    Raises:
        ValueError: the data set has no item to draw, or an argument makes no sense.
    """
    if not isinstance(dataset, FocusDataset):
        raise ValueError(
            f"{type(dataset).__name__} is no FocusDataset, whose labels are counted: several data sets (or a "
            "part of one) need a sampler and a loader each"
        )
    n_drawn = len(dataset) if n_samples is None else whole_argument("n_samples", n_samples)
    seed, (rank, n_ranks) = whole_argument("seed", seed), _asked_rank(rank, n_ranks)
    if n_drawn < 1 and n_samples is not None:
        raise ValueError(f"n_samples {n_samples}: give 1 or more")
    if not len(dataset):
        raise ValueError("no item to draw: the split is empty, or every scene is shorter than a window")
    if len(dataset) > MAX_ITEMS:
        raise ValueError(
            f"{len(dataset):,} items, and torch draws from {MAX_ITEMS:,} at most: give a larger stride"
        )
    histograms = np.stack(list(_label_histograms(dataset)))
    common = histograms.mean(axis=0)
    rarity = np.divide(1.0, common, out=np.zeros_like(common), where=common > 0)
    weights = histograms @ rarity
    return BalancedSampler(weights.tolist(), n_drawn, seed, rank, n_ranks)


def _asked_rank(rank: int | None, n_ranks: int | None) -> tuple[int, int]:
    """Return which rank of how many; warn where there are several and nobody says which one this is.

    Raises:
        ValueError: one without the other, or no such rank.
    """
    given = given_rank(rank, n_ranks)
    if given is None and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        warnings.warn(
            "every rank will draw the same items: give rank=dist.get_rank(), "
            "n_ranks=dist.get_world_size(); or rank=0, n_ranks=1 where the trainer deals them out",
            stacklevel=3,
        )
    return given or (0, 1)


def _label_histograms(dataset: FocusDataset) -> Iterator[npt.NDArray[np.float64]]:
    """Yield the share of each tenth of the label's range in each item; lens sets side by side share a map."""
    place: tuple[str, int] | None = None
    depth_m = np.empty((0, 0), np.float16)
    for index in range(len(dataset)):
        scene, start, set_index = dataset.item(index)
        frame = start + dataset.window // 2
        if place != (scene.scene_id, frame):
            place = scene.scene_id, frame
            depth_m = np.ascontiguousarray(read_frame(scene, set_index, "depth", frame)[::4, ::4])
        labels = scene.lenses[set_index].label(depth_m, frame)
        counts, _ = np.histogram(labels.astype(np.float64), bins=LABEL_BINS, range=(0.0, 1.0))
        yield np.asarray(counts / counts.sum())
