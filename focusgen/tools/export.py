"""Writes a validated data set as shards: WebDataset tars or Parquet files, split-pure, with a manifest.

Killed anywhere, a shard is whole or not there; started again, whole shards are kept and the rest is made to
the same bytes. Every source is compared with its record while it is read.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from focusgen.base.checksums import FileEntry, file_sha256
from focusgen.base.errors import ConfigError, CorruptInputError, RefusedDataError
from focusgen.base.files import make_folder, publish, publish_json, remove, replacing, storage_error
from focusgen.base.locks import exclusive
from focusgen.base.names import INTERNAL
from focusgen.config.data import SPLITS
from focusgen.dataset.layout import EXPORT_LOCK, EXPORT_STATE, MANIFEST
from focusgen.dataset.packs import read_published
from focusgen.dataset.records import parse_json
from focusgen.tools.export_parquet import ParquetWriter, require_pyarrow
from focusgen.tools.export_plan import (
    EVERYTHING,
    ExportPlan,
    Shard,
    Wanted,
    frames_of,
    into_shards,
    plan_samples,
)
from focusgen.tools.export_samples import ExportScene

Kind = Literal["webdataset", "parquet"]
ENDINGS: Mapping[Kind, str] = {"webdataset": "tar", "parquet": "parquet"}
ROW_GROUP_FRAMES = 16
_SHARD_NAME = re.compile(rf"({'|'.join(SPLITS)})-\d{{5,}}\.({'|'.join(ENDINGS.values())})")
_META_NAME = re.compile("__.*__")
_STATE_DRAFTS = f".{EXPORT_STATE}.*.tmp"


@dataclass(frozen=True)
class Exported:
    """What an export came to."""

    plan: ExportPlan
    n_kept: int
    n_bytes: int


class ShardWriter(Protocol):
    """Writes the samples of one shard to a file that is not in its place yet."""

    def add(self, scene: ExportScene, frame: int, members: Mapping[str, bytes]) -> None:
        """Write one sample."""

    def close(self) -> None:
        """Write what ends the file."""


def export(
    root: Path,
    dest: Path,
    kind: Kind,
    *,
    shard_mb: int = 1024,
    wanted: Wanted = EVERYTHING,
    on_start: Callable[[int], None] = lambda n_frames: None,
    on_frame: Callable[[], None] = lambda: None,
) -> Exported:
    """Write the shards of a data set, and MANIFEST.sha256 last.

    Args:
        dest: a folder of its own; what another export left there is refused.
        kind: "webdataset" or "parquet".
        shard_mb: about how large a shard is to be, in 10^6 bytes.
        wanted: what of the data set.
        on_start: called with the number of frames to write.
        on_frame: called after each.

    Raises:
        FocusgenError: the data set may not be exported; nothing of the scene is published.
    """
    _check_asked(root, dest, kind, shard_mb)
    samples = plan_samples(root, wanted)
    if kind == "webdataset":
        _check_names(samples)
    plan = into_shards(samples, shard_mb * 10**6, ENDINGS[kind])
    make_folder(dest)
    _read_state(dest, kind)  # nothing of ours in a stranger's folder, not even a lock
    with exclusive(dest / EXPORT_LOCK):
        state = _read_state(dest, kind)
        todo = [shard for shard in plan.shards if not _is_whole(dest, plan, shard, state)]
        _remove_leftovers(dest, plan, kind)
        on_start(frames_of(todo))
        _write_shards(dest, plan, todo, kind, state, on_frame)
    n_bytes = sum((dest / shard.name).stat().st_size for shard in plan.shards)
    return Exported(plan, len(plan.shards) - len(todo), n_bytes)


def _check_asked(root: Path, dest: Path, kind: Kind, shard_mb: int) -> None:
    here, there = root.resolve(), dest.resolve()
    if there == here or there.is_relative_to(here):
        raise ConfigError(f"{dest}: lies inside the data set", "Give --dest a folder of its own.")
    if dest.exists() and not dest.is_dir():
        raise ConfigError(f"{dest}: is no folder", "Give --dest a folder of its own.")
    if shard_mb < 1:
        raise ConfigError(f"--shard_mb {shard_mb}: a shard has at least 10^6 bytes", "Give 1 or more.")
    if kind == "parquet":
        require_pyarrow()


def _check_names(plan: ExportPlan) -> None:
    """Refuse a scene that readers of WebDataset would pass over without a word."""
    unread = next((name for name in plan.scenes if _META_NAME.fullmatch(name)), None)
    if unread is not None:
        raise RefusedDataError(
            f"scene {unread!r}: readers of WebDataset pass over folders between double underscores",
            "focusgen export parquet takes it; or leave it out: --leave_out SCENE.",
        )


def _read_state(dest: Path, kind: Kind) -> dict[str, dict[str, str]]:
    """Return shard -> {"plan", "sha256"} of an export that was begun here.

    Raises:
        ConfigError: the folder holds something else.
    """
    path = dest / EXPORT_STATE
    try:
        document = parse_json(path.read_bytes())
        if document["kind"] != kind:
            raise ConfigError(f"{dest}: holds an export as {document['kind']}", "Give another --dest.")
        return {
            str(name): {key: str(known[key]) for key in ("plan", "sha256")}
            for name, known in document["shards"].items()
        }
    except FileNotFoundError:
        # A kill while the state was first written leaves a draft of it alone; another may begin just now.
        drafts = {path.name for path in dest.glob(_STATE_DRAFTS)}
        names = {path.name for path in dest.iterdir() if not path.name.startswith(INTERNAL)}
        strangers = sorted(names - drafts)
        if strangers:
            raise ConfigError(
                f"{dest}: not empty, and no export of ours ({strangers[0]})", "Give an empty --dest."
            ) from None
        publish_json(path, {"kind": kind, "shards": {}})
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: damaged: {error!r}", "Delete that folder and export again.") from error


def _is_whole(dest: Path, plan: ExportPlan, shard: Shard, state: Mapping[str, Mapping[str, str]]) -> bool:
    known, path = state.get(shard.name), dest / shard.name
    if known is None or known["plan"] != plan.digest(shard) or not path.is_file():
        return False
    return file_sha256(path) == known["sha256"]


def _remove_leftovers(dest: Path, plan: ExportPlan, kind: Kind) -> None:
    """Delete half-written files, shards of an older plan, and the manifest, which is written last."""
    names = {shard.name for shard in plan.shards}
    remove(dest / MANIFEST)
    for path in (*dest.glob(".*.tmp"), *dest.glob(f"*.{ENDINGS[kind]}")):
        is_ours = path.suffix == ".tmp" or _SHARD_NAME.fullmatch(path.name)
        if is_ours and path.name not in names:
            remove(path)


def _write_shards(
    dest: Path,
    plan: ExportPlan,
    todo: list[Shard],
    kind: Kind,
    state: dict[str, dict[str, str]],
    on_frame: Callable[[], None],
) -> None:
    """Write shards beside their places; each is put there once every scene in it was read whole."""
    last_shard = {scene_id: shard.name for shard in plan.shards for scene_id, _ in shard.samples}
    written: dict[str, dict[str, str]] = {}
    with contextlib.ExitStack() as waiting:
        for shard in todo:
            temporary = waiting.enter_context(replacing(dest / shard.name))
            _write_shard(temporary, plan, shard, kind, on_frame)
            written[shard.name] = {"plan": plan.digest(shard), "sha256": file_sha256(temporary)}
            if last_shard[shard.samples[-1][0]] == shard.name:  # else its last scene goes on in the next
                waiting.close()
                state.update(written)
                publish_json(dest / EXPORT_STATE, {"kind": kind, "shards": state})
    state.update(written)
    publish_json(dest / EXPORT_STATE, {"kind": kind, "shards": state})


def _write_shard(
    path: Path, plan: ExportPlan, shard: Shard, kind: Kind, on_frame: Callable[[], None]
) -> None:
    try:
        with path.open("wb") as file:
            writer = _writer(kind, file)
            for scene_id, frame in shard.samples:
                scene = plan.scenes[scene_id]
                writer.add(scene, frame, dict(read_members(plan, scene, frame)))
                on_frame()
            writer.close()
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(error, path) from error


def read_members(plan: ExportPlan, scene: ExportScene, frame: int) -> Iterator[tuple[str, bytes]]:
    """Yield the published bytes of a sample, compared with the scene's records."""
    for member in plan.members(scene.vetted.scene_id, frame):
        if member.source is None:
            yield member.name, _no_flags(scene)
            continue
        path = scene.vetted.layout.root / member.source
        try:
            data = read_published(path)
        except FileNotFoundError as error:
            raise CorruptInputError(f"{path}: no such file", "focusgen repair redoes it.") from error
        if FileEntry.of(data) != scene.files[member.source]:
            raise CorruptInputError(
                f"{path}: not the file that its record vouches for", "focusgen repair redoes it."
            )
        yield member.name, data
    document = plan.document(scene, frame)
    yield "json", (json.dumps(document, sort_keys=True, allow_nan=False) + "\n").encode()


def _no_flags(scene: ExportScene) -> bytes:
    import cv2

    shape = (scene.vetted.height, scene.vetted.width)
    return bytes(cv2.imencode(".png", np.zeros(shape, np.uint8))[1].tobytes())


def _writer(kind: Kind, file: io.BufferedWriter) -> ShardWriter:
    if kind == "webdataset":
        return TarWriter(file)
    return ParquetWriter(file, row_group_frames=ROW_GROUP_FRAMES)


class TarWriter:
    """USTAR without dates, owners or links: equal samples, equal bytes. Members: SCENE/FRAME.name.

    Only a name that USTAR has no room for (100 bytes, 155 of folder) gets a header of POSIX's extension.
    """

    def __init__(self, file: io.BufferedWriter) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT, encoding="utf-8")

    @property
    def n_bytes(self) -> int:
        """Bytes written so far, each member filled up to whole blocks."""
        return int(self._tar.offset)

    def add(self, scene: ExportScene, frame: int, members: Mapping[str, bytes]) -> None:
        """Write one sample; its members stand side by side."""
        for name, data in members.items():
            info = tarfile.TarInfo(f"{scene.vetted.scene_id}/{frame:04d}.{name}")
            info.size, info.mode = len(data), 0o644
            self._tar.format = tarfile.USTAR_FORMAT if _fits_ustar(info) else tarfile.PAX_FORMAT
            self._tar.addfile(info, io.BytesIO(data))

    def close(self) -> None:
        """Write the two empty blocks that end a tar."""
        self._tar.close()


def _fits_ustar(info: tarfile.TarInfo) -> bool:
    try:
        info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "surrogateescape")
    except ValueError:
        return False
    return True


def finish(dest: Path) -> None:
    """Write MANIFEST.sha256 over the shards and the card, for `sha256sum -c`; last of all.

    What else lies there is its owner's, and none of what is passed on.
    """
    there = sorted(path.name for path in dest.iterdir() if path.is_file())
    names = [name for name in there if name == "README.md" or _SHARD_NAME.fullmatch(name)]
    lines = [f"{file_sha256(dest / name)}  {name}\n" for name in names]
    publish(dest / MANIFEST, "".join(lines).encode())
