"""Windows of a data set on disk, for torch's DataLoader."""

from __future__ import annotations

import bisect
import functools
import itertools
import operator
import os
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy.typing as npt
from torch.utils.data import Dataset

from focusgen.base.errors import SceneError
from focusgen.config.data import Split
from focusgen.data.arguments import (
    check_arguments,
    check_clean,
    check_crop,
    chosen_sets,
    window_starts,
    with_roi,
)
from focusgen.data.crops import Crop, whole_argument
from focusgen.data.reading import Transform, WindowReader
from focusgen.data.samples import MODALITIES, Modality
from focusgen.data.shared import SharedNumber
from focusgen.data.vouched import read_vouched
from focusgen.dataset.published import read_bokeh, read_clean, read_depth, read_flags, read_focus, read_sharp
from focusgen.dataset.vetting import VettedScene, vet


class FocusDataset(WindowReader, Dataset[Any]):
    """Windows of T frames of one lens set, with one crop.

    Items stand in index order of their scenes, then by first frame, then by set. Nothing is opened here but
    the index, the records and metadata.json, so that it pickles to any worker; files are opened per item.

    Args:
        root: the data set's folder.
        split: "train", "val" or "test".
        window: frames of an item.
        stride: frames between items; None for `window`.
        sets: lens sets to use; None for all.
        crop: None, N, (height, width), or a function of (WindowMeta, generator) that returns (y, x, h, w).
        roi: "focus" or "motion": centre a crop of fixed size where something is sharp, or moves.
        modalities: some of "sharp", "bokeh", "depth", "focus", "valid"; "clean" where renders before the
            sensor are kept.
        transform: called with each sample.
        recompute_labels: labels from depth and lens, bit for bit; focus files are never opened.
        seed: of the crops.
        across_cuts: windows may cross a shot cut.
        allow_unvalidated: do without phase 6's verdict.
        leave_out: scenes to do without, by name.
        focus_by_frame: S_focus as one value a frame even where focus moves in no scene of the split, so that
            windows of several data sets make one batch.
        on_damage: "raise", or "skip" to go on to the next whole item; counted in `n_damaged`.

    Attributes:
        skipped: scenes that are shorter than a window.

    Raises:
        FocusgenError: the data set may not be trained on; names the scene and the file (`vet`).
        ValueError: an argument makes no sense.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split = "train",
        window: int = 8,
        stride: int | None = None,
        sets: Sequence[int] | None = None,
        crop: Crop = None,
        modalities: Sequence[Modality] = MODALITIES,
        transform: Transform | None = None,
        recompute_labels: bool = False,
        seed: int = 0,
        allow_unvalidated: bool = False,
        *,
        leave_out: Collection[str] = (),
        roi: Literal["focus", "motion"] | None = None,
        across_cuts: bool = False,
        focus_by_frame: bool = False,
        on_damage: Literal["raise", "skip"] = "raise",
    ) -> None:
        self.modalities = check_arguments(window, stride, modalities, on_damage)
        self.window, self.stride, self.crop = window, stride or window, with_roi(crop, roi)
        self.transform, self.recompute_labels = transform, recompute_labels
        self.seed = whole_argument("seed", seed)
        self.across_cuts, self.on_damage = across_cuts, on_damage
        self.scenes = vet(Path(root), split, allow_unvalidated=allow_unvalidated, leave_out=leave_out)
        check_crop(crop, self.scenes)
        check_clean(self.modalities, self.scenes)
        self._sets = [chosen_sets(scene, sets) for scene in self.scenes]
        self._starts = [
            window_starts(scene.n_frames, scene.shot_cuts, window, self.stride, across_cuts=across_cuts)
            for scene in self.scenes
        ]
        self._is_by_frame = focus_by_frame or any(
            scene.lenses[k].focus_distances_m is not None
            for scene, chosen in zip(self.scenes, self._sets, strict=True)
            for k in chosen
        )
        self.skipped = sum(not starts for starts in self._starts)
        if self.skipped == len(self.scenes):
            warnings.warn(f"split {split!r} has no item: {self._why_empty()}", stacklevel=2)
        sizes = [len(starts) * len(chosen) for starts, chosen in zip(self._starts, self._sets, strict=True)]
        self._ends = list(itertools.accumulate(sizes))
        self._epoch, self._n_damaged = SharedNumber(), SharedNumber()

    def _why_empty(self) -> str:
        if not self.scenes:
            return "no scene of the data set is in it"
        longest = max(scene.n_frames for scene in self.scenes)
        return (
            f"none of {len(self.scenes)} scenes holds a window of {self.window} frames (the longest has "
            f"{longest}; windows cross no shot cut without across_cuts=True)"
        )

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @property
    def n_damaged(self) -> int:
        """Items that `on_damage="skip"` went past, in all workers."""
        return int(self._n_damaged)

    def item(self, index: int) -> tuple[VettedScene, int, int]:
        """Return (scene, first frame, lens set) of an item.

        Raises:
            IndexError: there are not so many.
        """
        index = operator.index(index)  # Subset hands on the numbers of a tensor as they are
        index = index + len(self) if index < 0 else index
        if not 0 <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        place = bisect.bisect_right(self._ends, index)
        within = index - (self._ends[place - 1] if place else 0)
        start, which = divmod(within, len(self._sets[place]))
        return self.scenes[place], self._starts[place][start], self._sets[place][which]

    def __getitem__(self, index: int) -> Any:
        """Return an item.

        Raises:
            SceneError: a file is missing or damaged; names it.
        """
        for step in range(len(self) or 1):
            try:
                return self._sample((index + step) % len(self) if step else index)
            except SceneError:
                if self.on_damage == "raise":
                    raise
                self._n_damaged.count()
        raise SceneError("every item of the data set is damaged", "focusgen repair redoes what is damaged.")

    def _sample(self, index: int) -> Any:
        scene, start, set_index = self.item(index)
        frames = tuple(range(start, start + self.window))

        def read(modality: str, frame: int) -> npt.NDArray[Any]:
            return read_frame(scene, set_index, cast(Modality, modality), frame)

        return self._sample_of(scene, set_index, frames, read, by_frame=self._is_by_frame)


def read_frame(scene: VettedScene, set_index: int, modality: Modality, frame: int) -> npt.NDArray[Any]:
    """Return one published array of a scene.

    Raises:
        SceneError: missing, damaged, of another size than the scene, or not the file that its record vouches
            for; names the file.
    """
    layout, read = scene.layout, functools.partial(read_vouched, scene, modality)
    array: npt.NDArray[Any]
    if modality == "sharp":
        array = read_sharp(layout, frame, read)
    elif modality == "bokeh":
        array = read_bokeh(layout, set_index, frame, read)
    elif modality == "clean":
        array = read_clean(layout, set_index, frame, read)
    elif modality == "depth":
        array = read_depth(layout, frame, read)
    elif modality == "focus":
        array = read_focus(layout, set_index, frame, read)
    else:
        array = read_flags(layout, frame, (scene.height, scene.width), read)
    if array.shape[:2] != (scene.height, scene.width):
        raise SceneError(
            f"scene {scene.scene_id!r}, {modality} of frame {frame}: {array.shape[1]}x{array.shape[0]}, "
            f"the scene is {scene.width}x{scene.height}",
            "focusgen repair redoes damaged files.",
        )
    return array
