"""Windows of an exported data set, streamed from its WebDataset shards."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from torch.utils.data import IterableDataset, get_worker_info

from focusgen.base.errors import ConfigError, CorruptInputError, RefusedDataError
from focusgen.base.seeds import derive_seed
from focusgen.config.data import Split
from focusgen.data.crops import Crop, WindowMeta, crop_generator, crop_size, draw_box, whole_argument
from focusgen.data.ranks import given_rank
from focusgen.data.samples import MODALITIES, Modality, Sample, build_sample, without_label_files
from focusgen.data.windows import (
    check_arguments,
    check_clean,
    check_crop,
    chosen_sets,
    shared_counter,
    window_starts,
    with_roi,
)
from focusgen.dataset.layout import EXPORT_STATE, MANIFEST
from focusgen.dataset.lens_metadata import SetLens
from focusgen.dataset.vetting import SceneInfo, check_split
from focusgen.media.codecs import decode_grey_png, decode_npz, decode_png
from focusgen.optics.coc import Lens

TAR_END_BYTES = 1024  # two empty blocks
_COMPARE = "Compare it with MANIFEST.sha256."
RawSample = Mapping[str, Any]
"""Member name -> bytes, as webdataset hands a sample over."""


class FocusShards(IterableDataset[Any]):
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
        transform: Callable[[Sample], Any] | None = None,
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
        self._epoch, self._rank_of_parent = shared_counter(), (0, 1)

    def __getstate__(self) -> dict[str, Any]:
        """Take along which rank this process is: a spawned worker knows of no process group."""
        return {**self.__dict__, "_rank_of_parent": _rank_here()}

    def set_epoch(self, epoch: int) -> None:
        """Draw another order and other crops from now on, in all workers.

        Raises:
            ValueError: not a whole number.
        """
        self._epoch[0] = whole_argument("epoch", epoch)

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
        samples = (_with_document(sample, path, self.split) for sample in _read_tar(path))
        for _, frames in itertools.groupby(samples, key=lambda pair: pair[0]["scene"]):
            yield from self._windows_of_scene(frames, path)

    def _windows_of_scene(
        self, frames: Iterator[tuple[dict[str, Any], RawSample]], path: str
    ) -> Iterator[Any]:
        """Yield the items of one scene as its frames come; no more than a window of them is kept."""
        kept: dict[int, tuple[dict[str, Any], RawSample]] = {}
        starts: set[int] | None = None
        for document, raw in frames:
            frame = int(document["frame"])
            if starts is None:
                cuts = tuple(document["shot_cuts"])
                all_starts = window_starts(
                    document["n_frames"], cuts, self.window, self.stride, across_cuts=self.across_cuts
                )
                starts = set(all_starts)
            kept[frame] = (document, raw)
            start = frame - self.window + 1
            if start in starts and start in kept:
                window = {number: kept[number] for number in range(start, frame + 1)}
                yield from self._items(window, path)
            kept.pop(start, None)

    def _items(self, window: Mapping[int, tuple[dict[str, Any], RawSample]], path: str) -> Iterator[Any]:
        scene = _scene_info(window)
        check_crop(self._crop_size, [scene])
        check_clean(self.modalities, [scene])
        frames = tuple(window)
        decoded: dict[str, npt.NDArray[Any]] = {}
        chosen = chosen_sets(scene, self.sets)
        is_by_frame = self._is_by_frame or _has_moving_focus(window, chosen)
        for set_index in chosen:

            def read(modality: str, frame: int, k: int = set_index) -> npt.NDArray[Any]:
                return _decoded(decoded, window[frame][1], cast(Modality, modality), k, path)

            shown = without_label_files(read, scene.lenses[set_index]) if self.recompute_labels else read
            meta = WindowMeta(scene.scene_id, set_index, frames, scene.width, scene.height, shown)
            rng = crop_generator(self.seed, int(self._epoch), scene.scene_id, frames[0], set_index)
            sample = build_sample(
                scene,
                set_index,
                frames,
                draw_box(self.crop, meta, rng),
                self.modalities,
                read,
                recompute_labels=self.recompute_labels,
                by_frame=is_by_frame,
            )
            yield sample if self.transform is None else self.transform(sample)


def _rank_here() -> tuple[int, int]:
    """Return what the environment or the process group says of ranks: (rank, how many)."""
    from webdataset.utils import pytorch_worker_info

    rank, n_ranks, _, _ = pytorch_worker_info()
    return rank, n_ranks


def shard_paths(dest: Path, split: Split) -> list[Path]:
    """Return the shards of a split, by name.

    Raises:
        ConfigError: there are none, or webdataset is not installed.
        RefusedDataError: the export was never finished, or a shard of it is not here.
    """
    check_split(split)
    dest = Path(os.path.abspath(os.path.expanduser(dest)))  # whoever reads may go to another folder
    try:
        import webdataset  # noqa: F401
    except ImportError as error:
        raise ConfigError("shards are read by webdataset", "pip install 'focusgen[hub]'") from error
    paths = sorted(dest.glob(f"{split}-[0-9]*.tar"))
    if not paths and not any(dest.glob("*-[0-9]*.tar")):
        raise ConfigError(f"{dest}: no shards", _way_to_shards(dest))
    _refuse_parts(dest, split, {path.name for path in paths})
    return paths


def _way_to_shards(dest: Path) -> str:
    """Return what to do where there are no shards."""
    if (dest / "scene_index.json").exists():
        return f"It is the data set itself: FocusDataset({str(dest)!r}) reads it without an export."
    if any(dest.glob("*.parquet")):
        return "Parquet is read by datasets.load_dataset; focusgen export webdataset makes shards."
    if dest.is_file():
        return f"Give the folder: {dest.parent}"
    return "focusgen export webdataset --out_root OUT --dest DIR makes them."


def _refuse_parts(dest: Path, split: str, here: set[str]) -> None:
    """Refuse part of an export: it would be trained on as if it were all; shards alone are taken."""
    manifest, again = dest / MANIFEST, "Run the same focusgen export again: it goes on."
    if not manifest.exists():
        if (dest / EXPORT_STATE).exists():
            raise RefusedDataError(f"{manifest}: no such file: this export was not finished", again)
        return
    names = [line.partition("  ")[2] for line in manifest.read_text(encoding="utf-8").splitlines()]
    missing = [name for name in names if re.fullmatch(rf"{split}-\d+\.tar", name) and name not in here]
    if missing:
        raise RefusedDataError(f"{dest / missing[0]}: no such file, and {MANIFEST} names it", again)


def _read_tar(path: str) -> Iterator[RawSample]:
    """Yield the samples of a shard; nothing but bytes is made of its members, and nothing is unpacked.

    For a reader of tars a header that it cannot read, or the end of a file that was cut behind a member, is
    the end of the tar: the rest of its samples would be missing in silence.
    """
    import webdataset as wds

    def fail(error: BaseException) -> bool:
        raise CorruptInputError(f"{path}: damaged: {error}", _COMPARE) from error

    with open(path, "rb") as stream:
        stream.seek(-min(TAR_END_BYTES, os.path.getsize(path)), os.SEEK_END)
        if stream.read().strip(b"\0"):
            raise CorruptInputError(f"{path}: damaged: its end is missing", _COMPARE)
        stream.seek(0)
        yield from wds.tariterators.group_by_keys(
            wds.tariterators.tar_file_expander([{"url": path, "stream": stream}], handler=fail), handler=fail
        )
        if any(piece.strip(b"\0") for piece in iter(lambda: stream.read(1 << 20), b"")):
            raise CorruptInputError(f"{path}: damaged: the header of a member cannot be read", _COMPARE)


def _with_document(sample: RawSample, path: str, split: str) -> tuple[dict[str, Any], RawSample]:
    try:
        document = dict(json.loads(sample["json"]))
        of_split = document["split"]
    except (KeyError, ValueError) as error:
        raise CorruptInputError(f"{path}: {sample.get('__key__')}: no readable json: {error!r}") from error
    if of_split != split:
        raise CorruptInputError(f"{path}: {sample['__key__']} is of split {of_split!r}", _COMPARE)
    return document, sample


def _scene_info(window: Mapping[int, tuple[dict[str, Any], RawSample]]) -> SceneInfo:
    """Return what the json members of a window say of its scene and lenses."""
    first, members = next(iter(window.values()))
    return SceneInfo(
        scene_id=first["scene"],
        split=first["split"],
        n_frames=int(first["n_frames"]),
        width=int(first["width"]),
        height=int(first["height"]),
        shot_cuts=tuple(first["shot_cuts"]),
        lenses=tuple(_set_lens(window, first, k) for k in range(len(first["lenses"]))),
        sensor_width_m=1e-3 * float(first["sensor_width_mm"]),
        has_clean="clean_00.png" in members,
    )


def _has_moving_focus(window: Mapping[int, tuple[dict[str, Any], RawSample]], chosen: Sequence[int]) -> bool:
    """Say whether focus moves in any of the sets, in any scene; older exports say it of one only."""
    first = next(iter(window.values()))[0]
    here = [k for k, moves in enumerate(first["focus_moves"]) if moves]
    return any(k in first.get("moving_sets", here) for k in chosen)


def _set_lens(
    window: Mapping[int, tuple[dict[str, Any], RawSample]], first: Mapping[str, Any], k: int
) -> SetLens:
    lens = first["lenses"][k]
    distances_m: tuple[float, ...] | None = None
    if first["focus_moves"][k]:
        by_frame = {frame: document["lenses"][k]["S_focus"] for frame, (document, _) in window.items()}
        distances_m = tuple(by_frame.get(frame, float("nan")) for frame in range(max(window) + 1))
    focused = Lens(float(lens["f"]), float(lens["N"]), float(lens["S_focus"]), first["formula"])
    breathes = bool(first.get("breathing", False))
    limits_m = dict(enumerate(first.get("coc_limits", ())))  # one 0.0 where other scenes alone have any
    return SetLens(focused, float(lens["max_coc"]), distances_m, limits_m.get(k) or None, breathes)


def _decoded(
    kept: dict[str, npt.NDArray[Any]], sample: RawSample, modality: Modality, set_index: int, path: str
) -> npt.NDArray[Any]:
    """Return one array of a sample; frames and depth are decoded once for all sets of a window."""
    ending = "npz" if modality in ("depth", "focus") else "png"
    of_set = f"_{set_index:02d}" if modality in ("bokeh", "clean", "focus") else ""
    member = f"{modality}{of_set}.{ending}"
    place = f"{sample['__key__']}.{member}"
    if place not in kept:
        if member not in sample:
            if modality == "valid":  # no frame of the data set has a doubtful pixel
                document = json.loads(sample["json"])
                return np.zeros((document["height"], document["width"]), np.uint8)
            raise CorruptInputError(
                f"{path}: {place} is not in the shard",
                "An export without labels needs recompute_labels=True.",
            )
        try:
            kept[place] = _decode(sample[member], modality)
        except CorruptInputError as error:
            raise CorruptInputError(f"{path}: {place}: {error.message}") from error
    return kept[place]


def _decode(data: bytes, modality: Modality) -> npt.NDArray[Any]:
    if modality == "depth":
        return decode_npz(data, "depth")
    if modality == "focus":
        return decode_npz(data, "focus_map")
    if modality == "valid":
        return decode_grey_png(data)
    return decode_png(data)
