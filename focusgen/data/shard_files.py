"""What lies in shards of an export: which there are, their frames, and what those say of scene and lens."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError, CorruptInputError, RefusedDataError
from focusgen.config.data import Split
from focusgen.data.samples import Modality
from focusgen.dataset.layout import EXPORT_STATE, MANIFEST
from focusgen.dataset.lens_metadata import SetLens
from focusgen.dataset.vetting import SceneInfo, check_split
from focusgen.media.codecs import decode_grey_png, decode_npz, decode_png
from focusgen.optics.coc import Lens

TAR_END_BYTES = 1024  # two empty blocks
_COMPARE = "Compare it with MANIFEST.sha256."


class Frame(NamedTuple):
    """One sample of a shard.

    Attributes:
        document: what its json says.
        members: name -> bytes, as webdataset hands them over.
    """

    document: Mapping[str, Any]
    members: Mapping[str, Any]


def shard_paths(dest: Path, split: Split) -> list[Path]:
    """Return the shards of a split, by name.

    Raises:
        ConfigError: there are none, or webdataset is not installed.
        RefusedDataError: the export was never finished, or a shard of it is not here.
    """
    check_split(split)
    if re.match(r"\w+:/", str(dest)):
        raise ConfigError(
            f"{dest}: an address, and shards are read from a folder", "Fetch them, or mount where they lie."
        )
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
    if dest.is_file() or any(sign in dest.name for sign in "{*") and any(dest.parent.glob("*-[0-9]*.tar")):
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


def read_frames(path: str, split: str) -> Iterator[Frame]:
    """Yield the frames of a shard, scene by scene.

    Raises:
        CorruptInputError: the shard is damaged, or one of another split lies in it; names it.
    """
    return (_with_document(members, path, split) for members in _read_tar(path))


def _read_tar(path: str) -> Iterator[Mapping[str, Any]]:
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


def _with_document(members: Mapping[str, Any], path: str, split: str) -> Frame:
    try:
        document = dict(json.loads(members["json"]))
        of_split = document["split"]
    except (KeyError, ValueError) as error:
        raise CorruptInputError(f"{path}: {members.get('__key__')}: no readable json: {error!r}") from error
    if of_split != split:
        raise CorruptInputError(f"{path}: {members['__key__']} is of split {of_split!r}", _COMPARE)
    return Frame(document, members)


def scene_info(window: Mapping[int, Frame]) -> SceneInfo:
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


def has_moving_focus(window: Mapping[int, Frame], chosen: Sequence[int]) -> bool:
    """Say whether focus moves in any of the sets, in any scene; older exports say it of one only."""
    first = next(iter(window.values())).document
    here = [k for k, moves in enumerate(first["focus_moves"]) if moves]
    return any(k in first.get("moving_sets", here) for k in chosen)


def _set_lens(window: Mapping[int, Frame], first: Mapping[str, Any], k: int) -> SetLens:
    lens = first["lenses"][k]
    distances_m: tuple[float, ...] | None = None
    if first["focus_moves"][k]:
        by_frame = {number: frame.document["lenses"][k]["S_focus"] for number, frame in window.items()}
        distances_m = tuple(by_frame.get(frame, float("nan")) for frame in range(max(window) + 1))
    focused = Lens(float(lens["f"]), float(lens["N"]), float(lens["S_focus"]), first["formula"])
    breathes = bool(first.get("breathing", False))
    limits_m = dict(enumerate(first.get("coc_limits", ())))  # one 0.0 where other scenes alone have any
    return SetLens(focused, float(lens["max_coc"]), distances_m, limits_m.get(k) or None, breathes)


def array_of(
    kept: dict[str, npt.NDArray[Any]], frame: Frame, modality: Modality, set_index: int, path: str
) -> npt.NDArray[Any]:
    """Return one array of a frame; those in `kept`, of other sets of the window, are not decoded again.

    Raises:
        CorruptInputError: it is damaged or not in the shard; names both.
    """
    ending = "npz" if modality in ("depth", "focus") else "png"
    of_set = f"_{set_index:02d}" if modality in ("bokeh", "clean", "focus") else ""
    member = f"{modality}{of_set}.{ending}"
    place = f"{frame.members['__key__']}.{member}"
    if place not in kept:
        if member not in frame.members:
            if modality == "valid":  # no frame of the data set has a doubtful pixel
                return np.zeros((frame.document["height"], frame.document["width"]), np.uint8)
            raise CorruptInputError(
                f"{path}: {place} is not in the shard",
                "An export without labels needs recompute_labels=True.",
            )
        try:
            kept[place] = _decode(frame.members[member], modality)
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
