"""Stacks to train on, with their truth and their classical result: from lists, or from `focal synth`."""

from __future__ import annotations

import itertools
import json
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from focusgen.base.checksums import checksum
from focusgen.base.errors import ConfigError, FocusgenError
from focusgen.base.names import display
from focusgen.base.seeds import derive_seed
from focusgen.focal.label_fit import look_at
from focusgen.focal.learned.shards import STACKS_PER_SHARD, StackSet, open_stacks
from focusgen.focal.lists import read_list
from focusgen.focal.presets import Preset, load_preset, roots_of
from focusgen.focal.records import StackRecord
from focusgen.focal.roots import Roots
from focusgen.focal.samples import Sample, load_known
from focusgen.focal.sd3.priors import Prior, kept_prior
from focusgen.focal.sd3.settings import DataSettings
from focusgen.focal.sources import open_record, scene_of
from focusgen.focal.stack import FocalStack

Floats = npt.NDArray[np.float32]
SAMPLES_IN_MEMORY = 64
Key = tuple[int, int]
"""A stack, and a subset of its slices."""


class Shown(NamedTuple):
    """A stack as it is shown to the network, whole, with what is true of it.

    Attributes:
        true_diopters: (H, W), NaN where it is not known; far is 0.
        sharp: (H, W, 3) as the slices.
        is_drawn: slices follow the thin lens, so that re-rendering them says something.
    """

    name: str
    stack: FocalStack
    prior: Prior
    true_diopters: Floats
    sharp: npt.NDArray[Any]
    is_drawn: bool


@dataclass(frozen=True)
class Source:
    """Stacks that are opened by number; other processes may be handed it.

    Attributes:
        digest: of what names them: a training that goes on tells by it whether they are the same.
        weights: how often each is drawn, 0 to 1 of the most frequent; empty: all alike.
    """

    n: int
    open: Callable[[int], Sample]
    scenes: tuple[str, ...]
    digest: str = ""
    weights: tuple[float, ...] = ()


class StackPool:
    """Stacks of one split; each is shown with a few subsets of its slices, whose classical result is kept."""

    def __init__(self, source: Source, data: DataSettings, seed: int, priors: Path | None = None) -> None:
        """Open nothing yet; `priors`: folder where classical results are kept."""
        self.source, self._data, self._seed, self._priors = source, data, seed, priors
        self._kept: OrderedDict[tuple[int, int], Shown] = OrderedDict()

    def __len__(self) -> int:
        return self.source.n

    def shown(self, index: int, variant: int) -> Shown:
        """Return a stack with one of its subsets of slices; variant 0 has as many as are allowed."""
        key = index, variant % self._data.variants
        if key not in self._kept:
            self._kept[key] = self._made(*key)
            if len(self._kept) > SAMPLES_IN_MEMORY:
                self._kept.popitem(last=False)
        return self._kept[key]

    def find_prior(self, index: int, variant: int) -> None:
        """Have a classical result kept, for whoever shows the stack later."""
        kept_prior(self._seen(self.source.open(index).stack, index, variant), self._priors)

    def _made(self, index: int, variant: int) -> Shown:
        sample = self.source.open(index)
        stack = self._seen(sample.stack, index, variant)
        assert sample.true_m is not None and sample.aif is not None, "the source checked it"
        with np.errstate(divide="ignore"):
            true = (1.0 / sample.true_m).astype(np.float32)
        prior = kept_prior(stack, self._priors)
        return Shown(sample.name, stack, prior, true, sample.aif, sample.is_drawn)

    def _seen(self, whole: FocalStack, index: int, variant: int) -> FocalStack:
        keep = self._subset(len(whole), index, variant)
        return FocalStack(whole.slices[keep], whole.diopters[keep], whole.radius_px_m)

    def _subset(self, n: int, index: int, variant: int) -> list[int]:
        """Return which slices: both ends are always among them, so that the range stays."""
        most = min(n, self._data.most_slices)
        rng = np.random.default_rng(derive_seed(self._seed, "slices", index, variant))
        least = min(self._data.least_slices, most)
        count = most if variant == 0 else int(rng.integers(least, most + 1))
        inner = rng.permutation(np.arange(1, n - 1))[: max(count - 2, 0)]
        return sorted({0, n - 1, *(int(k) for k in inner)})


def open_split(data: DataSettings, split: str) -> Source | None:
    """Return the stacks of "train" or "val"; None if there are none.

    Raises:
        ConfigError: a list cannot be used; names file and line.
    """
    path = data.train_list if split == "train" else data.val_list
    if path is not None:
        return _listed(path, data)
    if data.folder is None:
        return None
    stacks = open_stacks(data.folder)
    n_made = STACKS_PER_SHARD * next(k for k in itertools.count() if not stacks.shard(k).is_file())
    if data.n_val >= n_made:
        raise ConfigError(
            f"data.n_val is {data.n_val}, and {data.folder} holds {n_made} stacks: none is left to train on",
            f"Lower data.n_val, or make more: focusgen focal synth --output {data.folder} --n_stacks N",
        )
    first, n = (0, n_made - data.n_val) if split == "train" else (n_made - data.n_val, data.n_val)
    digest = _digest(asdict(stacks.recipe), first, n)
    return None if n <= 0 else Source(n, partial(_synthetic, stacks, first), (), digest)


def check_apart(data: DataSettings) -> None:
    """Refuse lists that let a scene into training and into what judges it.

    Raises:
        ConfigError: names the scene and both lists.
    """
    seen: dict[str, Path] = {}
    roots = roots_of(data.root, _preset_of(data))
    for path in (data.train_list, data.val_list, data.test_list):
        if path is None:
            continue
        scenes = {scene_of(record, roots, path.parent) for record in read_list(path)}
        shared = sorted(scenes & seen.keys())
        if shared:
            others = f", and so do {len(shared) - 1} others" if len(shared) > 1 else ""
            raise ConfigError(
                f"leakage: scene {display(shared[0])} lies in {seen[shared[0]]} and in {path}{others}",
                "Split by scene: every scene in one list.",
            )
        seen |= dict.fromkeys(scenes, path)


def check_labels(data: DataSettings) -> None:
    """Refuse lists whose files are not there, or whose depth is not that of the slices; warn of mere doubts.

    Raises:
        ConfigError: says what is wrong, and of which lines.
    """
    preset = _preset_of(data)
    roots = roots_of(data.root, preset)
    for path in filter(None, (data.train_list, data.val_list)):
        records = read_list(path, preset)
        for record in records:
            _check_whole(record)
            open_record(record, roots, path.parent)
        doubts = look_at(records, roots, path.parent, data.look, _raise)
        for doubt in doubts:
            if not doubt.is_sure:
                warnings.warn(f"{doubt} (focusgen focal check)", stacklevel=2)
        sure = [str(doubt) for doubt in doubts if doubt.is_sure]
        if sure:
            raise ConfigError(
                "\n".join(sure),
                f"Mend {display(str(path))} (focusgen focal check says more), or learn from it as it is: "
                "--override data.look=0",
            )


def other_splits(train_list: Path) -> Counter[str]:
    """Return how many stacks of a list for training say that they are of another split, by its name."""
    names = (record.text("split") or "train" for record in read_list(train_list))
    return Counter(name for name in names if name != "train")


def _raise(error: FocusgenError) -> NoReturn:
    raise error


def _preset_of(data: DataSettings) -> Preset | None:
    return None if data.preset is None else load_preset(data.preset)


def _listed(path: Path, data: DataSettings) -> Source:
    preset = _preset_of(data)
    records = read_list(path, preset)
    for record in records:
        _check_whole(record)
    formulas = {lens.formula for record in records if (lens := record.lens()) is not None}
    if len(formulas) > 1:
        raise ConfigError(
            f"{path}: camera.formula is paper in some records and exact in others",
            "Train on one formula: stacks of one kind per list.",
        )
    roots = roots_of(data.root, preset)
    scenes = tuple(scene_of(record, roots, path.parent) for record in records)
    digest = _digest(*(dict(record.values) for record in records))
    return Source(
        len(records), partial(_checked, records, roots, path), scenes, digest, _weights(records, path)
    )


def _weights(records: list[StackRecord], path: Path) -> tuple[float, ...]:
    """Return each record's `weight` over the largest, none where all are the same.

    Raises:
        ConfigError: one is below 0, or nothing is left to draw.
    """
    weights = [record.number("weight", 1.0) for record in records]
    for record, weight in zip(records, weights, strict=True):
        if weight < 0:
            raise ConfigError(f"{record.where}: weight {weight:g} is below 0", "0 leaves a stack out.")
    if not any(weights):
        raise ConfigError(
            f"{path}: every stack has weight 0, so that none is ever drawn",
            "focusgen focal stacks gives 0 to renders that the thin lens does not explain (20 dB): "
            "--source thin_lens draws stacks anew, or set weights yourself.",
        )
    most = max(weights)
    return () if min(weights) == most else tuple(weight / most for weight in weights)


def _check_whole(record: StackRecord) -> None:
    """Refuse a record that lacks what is learned from: else training finds out hours later."""
    missing = [key for key in ("depth", "all_in_focus") if record.text(key) is None]
    missing += [] if record.focus_distances_m() is not None else ["focus_distances"]
    missing += [] if record.lens() is not None else ["camera"]
    if missing:
        raise ConfigError(
            f"{record.where}: {missing[0]} is missing: training needs depth, all_in_focus, focus_distances, "
            "and focal_length_mm and f_number of the camera",
            "Add it, or take the line out; data.preset gives camera and focus to all that are drawn.",
        )


def _digest(*named: object) -> str:
    return checksum(json.dumps(named, sort_keys=True, default=str).encode())


def _checked(records: list[StackRecord], roots: Roots, path: Path, index: int) -> Sample:
    """Return the stack of a record.

    Raises:
        FocusgenError: it cannot be learned from; names file and line.
    """
    return load_known(records[index], roots, path.parent)


def _synthetic(stacks: StackSet, first: int, index: int) -> Sample:
    number, place = divmod(first + index, STACKS_PER_SHARD)
    made = stacks.read(number)[place]
    stack = FocalStack(made.slices, made.diopters, made.radius_px_m)
    return Sample(f"stack_{first + index:05d}", stack, made.depth_m, made.sharp, is_drawn=True)
