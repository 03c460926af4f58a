"""Windows of an exported data set, streamed from its WebDataset shards."""

from __future__ import annotations

import itertools
import os
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy.typing as npt
from torch.utils.data import IterableDataset, get_worker_info

from focusgen.base.seeds import derive_seed
from focusgen.config.data import Split
from focusgen.data.arguments import (
    check_arguments,
    check_clean,
    check_crop,
    chosen_sets,
    window_starts,
    with_roi,
)
from focusgen.data.crops import Crop, crop_size, whole_argument
from focusgen.data.ranks import given_rank
from focusgen.data.reading import Transform, WindowReader
from focusgen.data.samples import MODALITIES, Modality
from focusgen.data.shard_files import (
    Frame,
    array_of,
    has_moving_focus,
    read_frames,
    scene_info,
    shard_paths,
)
from focusgen.data.shared import SharedNumber


class FocusShards(WindowReader, IterableDataset[Any]):
    """The items of `FocusDataset`, streamed; see there for what the arguments and samples are.

    Shards are dealt to ranks and workers, so that each item comes once; their order is drawn anew from `seed`
    and the epoch. Ranks may get different numbers of items: `torch.distributed.algorithms.join.Join` lets the
    others wait for no one, many small shards keep the difference small. A scene larger than a shard is cut
    where the shard ends, and no window crosses that place.

    Args:
        dest: folder of `focusgen export webdataset`.
        split: "train", "val" or "test".
        window: frames of an item.
        stride: frames between items; None for `window`.
        sets: lens sets to use; None for all.
        crop: None, N, (height, width), or a function.
        modalities: which tensors are wanted; "focus" of an export without labels needs `recompute_labels`.
        transform: called with each sample.
        recompute_labels: labels from depth and lens, bit for bit.
        seed: of crops and of the order of shards.
        roi: "focus" or "motion".
        across_cuts: windows may cross a shot cut.
        focus_by_frame: S_focus as one value a frame even where focus does not move.
        shuffle: draw the order of shards; else that of their names.
        rank: of this process, None for what the environment or the process group says.
        n_ranks: how many there are; 1 (and rank 0) where the trainer deals out the items of a stream itself,
            as accelerate and transformers do: dealt out twice, most of them would never be seen.

    Raises:
        ConfigError: no shards of that split, or webdataset is not installed.
        RefusedDataError: part of an export only.
        ValueError: an argument makes no sense.
    """

    def __init__(
        self,
        dest: str | os.PathLike[str],
        split: Split = "train",
        window: int = 8,
        stride: int | None = None,
        sets: Sequence[int] | None = None,
        crop: Crop = None,
        modalities: Sequence[Modality] = MODALITIES,
        transform: Transform | None = None,
        recompute_labels: bool = False,
        seed: int = 0,
        *,
        roi: Literal["focus", "motion"] | None = None,
        across_cuts: bool = False,
        focus_by_frame: bool = False,
        shuffle: bool = True,
        rank: int | None = None,
        n_ranks: int | None = None,
    ) -> None:
        self.modalities = check_arguments(window, stride, modalities, "raise")
        self.paths, self.split = shard_paths(Path(dest), split), split
        self.window, self.stride, self.sets = window, stride or window, sets
        self._crop_size, self.crop = crop_size(crop), with_roi(crop, roi)
        self.transform, self.recompute_labels = transform, recompute_labels
        self.seed = whole_argument("seed", seed)
        self.across_cuts, self.shuffle = across_cuts, shuffle
        self._is_by_frame = focus_by_frame
        self._given_rank = given_rank(rank, n_ranks)
        if not self.paths:
            warnings.warn(f"split {split!r} has no item: no shard in {dest} is of it", stacklevel=2)
        self._epoch, self._rank_of_parent = SharedNumber(), (0, 1)

    def __getstate__(self) -> dict[str, Any]:
        """Take along which rank this process is: a spawned worker knows of no process group."""
        return {**self.__dict__, "_rank_of_parent": _rank_here()}

    def __iter__(self) -> Iterator[Any]:
        """Yield the items of this process's shards.

        Raises:
            CorruptInputError: a shard or a member of it is damaged; names it.
        """
        import webdataset as wds

        paths = [str(path) for path in self.paths]
        if self.shuffle:
            random.Random(derive_seed(self.seed, "shards", int(self._epoch))).shuffle(paths)
        rank, n_ranks = self._rank()
        of_rank = paths[rank::n_ranks]
        if paths and not of_rank:
            warnings.warn(
                f"{len(paths)} shards are too few for so many ranks: this one gets none. "
                "Export with a smaller --shard_mb.",
                stacklevel=2,
            )
        mine, n_items = list(wds.split_by_worker(iter(of_rank))), 0
        for item in itertools.chain.from_iterable(map(self._windows_of, mine)):
            yield item
            n_items += 1
        if mine and not n_items:
            warnings.warn(
                f"{len(mine)} shards of split {self.split!r} hold no window of {self.window} frames: scenes "
                "are shorter, or cut where a shard ends: then export with a larger --shard_mb.",
                stacklevel=2,
            )

    def _rank(self) -> tuple[int, int]:
        """Return which rank of how many this process works for, a worker for that of its parent."""
        if self._given_rank is not None:
            return self._given_rank
        rank, n_ranks = _rank_here()
        is_alone = n_ranks == 1 and get_worker_info() is not None
        return self._rank_of_parent if is_alone else (rank, n_ranks)

    def _windows_of(self, path: str) -> Iterator[Any]:
        samples = read_frames(path, self.split)
        for _, frames in itertools.groupby(samples, key=lambda frame: frame.document["scene"]):
            yield from self._windows_of_scene(frames, path)

    def _windows_of_scene(self, frames: Iterator[Frame], path: str) -> Iterator[Any]:
        """Yield the items of one scene as its frames come; no more than a window of them is kept."""
        kept: dict[int, Frame] = {}
        starts: set[int] | None = None
        for frame in frames:
            number, document = int(frame.document["frame"]), frame.document
            if starts is None:
                cuts = tuple(document["shot_cuts"])
                all_starts = window_starts(
                    document["n_frames"], cuts, self.window, self.stride, across_cuts=self.across_cuts
                )
                starts = set(all_starts)
            kept[number] = frame
            start = number - self.window + 1
            if start in starts and start in kept:
                window = {one: kept[one] for one in range(start, number + 1)}
                yield from self._items(window, path)
            kept.pop(start, None)

    def _items(self, window: Mapping[int, Frame], path: str) -> Iterator[Any]:
        scene = scene_info(window)
        check_crop(self._crop_size, [scene])
        check_clean(self.modalities, [scene])
        frames = tuple(window)
        decoded: dict[str, npt.NDArray[Any]] = {}
        chosen = chosen_sets(scene, self.sets)
        is_by_frame = self._is_by_frame or has_moving_focus(window, chosen)
        for set_index in chosen:

            def read(modality: str, frame: int, k: int = set_index) -> npt.NDArray[Any]:
                return array_of(decoded, window[frame], cast(Modality, modality), k, path)

            yield self._sample_of(scene, set_index, frames, read, by_frame=is_by_frame)


def _rank_here() -> tuple[int, int]:
    """Return what the environment or the process group says of ranks: (rank, how many)."""
    from webdataset.utils import pytorch_worker_info

    rank, n_ranks, _, _ = pytorch_worker_info()
    return rank, n_ranks
