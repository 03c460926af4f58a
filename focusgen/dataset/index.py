"""scene_index.json: which scenes there are, in which order and split. Append-only."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from focusgen.base.checksums import checksum, file_checksum
from focusgen.base.errors import ConfigError, StorageError
from focusgen.base.files import broken_link
from focusgen.base.names import display, existing_form, known_as, near_name, shell_word
from focusgen.base.shipped import script_command
from focusgen.config.data import DataConfig
from focusgen.config.paths import found
from focusgen.dataset.layout import EXPORT_STATE, MANIFEST, DatasetLayout
from focusgen.dataset.records import parse_json, parse_object
from focusgen.dataset.scene_table import Original, SceneTable, TableWriter, open_table
from focusgen.media.brought import BroughtDepth, Camera
from focusgen.media.listing import Rejection
from focusgen.media.scenes import RawScene

MAX_INDEX_BYTES = 4 << 30
TABLE_FROM_SCENES = 1000
"""From so many on a table stands for the index: to read 100,000 entries takes 3 s and 0.7 GB."""


class Outline(NamedTuple):
    """What is asked of all scenes at once."""

    split: str
    n_frames: int
    width: int
    height: int
    n_notes: int


@dataclass(frozen=True)
class IndexEntry:
    """One scene of scene_index.json.

    Attributes:
        frames: raw file names; frame_0000... for a video.
        width, height: of the raw frames.
        source: {"path" relative to raw_root, "kind", "fps", "frame_times_s"}; where there are any also
            "notes" (what a person should know of the frames) and "decoding" (see `decoding`); of a scene that
            a layout found "layout", "depth", "camera" (fx, fy, cx, cy in raw pixels) and "group"; "part" (see
            `part`).
        shot_cuts: first frames of new shots.
        ingest_digest: digest of the raw checksums, which every record downstream depends on.
    """

    frames: tuple[str, ...]
    width: int
    height: int
    split: str
    source: Mapping[str, Any]
    shot_cuts: tuple[int, ...]
    ingest_digest: str

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.frames)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the raw frames."""
        return tuple(self.source.get("notes", ()))

    @property
    def decoding(self) -> tuple[str, ...]:
        """Rules of decoding that changed a pixel in phase 1; later phases apply these and no others."""
        return tuple(self.source.get("decoding", ()))

    @property
    def outline(self) -> Outline:
        """What is asked of all scenes at once."""
        return Outline(self.split, self.n_frames, self.width, self.height, len(self.notes))

    @property
    def part(self) -> Mapping[str, Any] | None:
        """Which part of its video it is, {"span_s", "first_frame"}; None for all of it."""
        return self.source.get("part")

    @property
    def layout(self) -> str | None:
        """Name of the layout that it was found by, None without one."""
        return self.source.get("layout")

    @property
    def camera(self) -> Camera | None:
        """The camera of its raw frames as its layout knows it, None where nobody does."""
        document = self.source.get("camera")
        return None if document is None else Camera(**document, size=(self.width, self.height))

    def brought_depth(self, raw_root: Path) -> BroughtDepth | None:
        """Return the depth that its layout brought, None where there is none."""
        document = self.source.get("depth")
        return None if document is None else BroughtDepth.of(document, raw_root)

    def document(self) -> dict[str, Any]:
        """Return the published JSON form."""
        return {
            "frames": list(self.frames),
            "width": self.width,
            "height": self.height,
            "split": self.split,
            "n_frames": self.n_frames,
            "source": dict(self.source),
            "shot_cuts": list(self.shot_cuts),
            "ingest_digest": self.ingest_digest,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> IndexEntry:
        """Return the entry of a published JSON form."""
        return cls(
            frames=tuple(map(sys.intern, document["frames"])),  # most scenes have the same names
            width=int(document["width"]),
            height=int(document["height"]),
            split=str(document["split"]),
            source=dict(document.get("source", {})),
            shot_cuts=tuple(document.get("shot_cuts", ())),
            ingest_digest=str(document.get("ingest_digest", "")),
        )

    def raw_scene(self, scene_id: str, raw_root: Path) -> RawScene:
        """Return where the raw frames lie."""
        path = existing_form(raw_root / self.source["path"])
        if self.source["kind"] == "video":
            names, first = (path.name,), int(self.part["first_frame"]) if self.part else 0
            return RawScene(scene_id, "video", path, names, self.notes, self.decoding, first_frame=first)
        return RawScene(scene_id, "images", path, self.frames, self.notes, self.decoding)


@dataclass
class IndexResult:
    """What phase 1 found.

    Attributes:
        index: all scenes, old and new.
        n_found: scenes that lie below the raw root now, old and new.
        added: new ones.
        looked_at: scenes that were decoded now and are in the index.
        rejected: scene id or name -> why not.
        remarks: what concerns the data set as a whole.
        renewed: scene -> what changed in the files of a scene that no phase had finished yet.
    """

    index: MutableMapping[str, IndexEntry]
    n_found: int = 0
    added: list[str] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    renewed: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, Rejection] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def read_index(dataset: DatasetLayout) -> Mapping[str, IndexEntry]:
    """Return the scenes in index order; of very many, each is read when it is asked for.

    Raises:
        ConfigError: there is no index, or it is damaged.
    """
    table = _whole_table(dataset)
    if table is not None:
        return table
    index = _read_json(dataset)
    if len(index) < TABLE_FROM_SCENES:
        return index
    with contextlib.suppress(StorageError):  # where one may only read, it stays in memory
        write_table(dataset, index)
        return _whole_table(dataset) or index
    return index


def _whole_table(dataset: DatasetLayout) -> SceneTable[IndexEntry] | None:
    """Return the table of today's index, None if there is none or phase 1 does not vouch for the index."""
    opened = open_table(dataset.index_table, dataset.index_json, relative_index(dataset), IndexEntry.of)
    if opened is None or index_checksum(dataset) not in (None, opened[1]):
        return None
    return opened[0]


def write_table(dataset: DatasetLayout, index: Mapping[str, IndexEntry]) -> None:
    """Write the table of the index that lies there.

    Raises:
        StorageError: it cannot be written.
    """
    with TableWriter(dataset.index_table) as table:
        for scene_id, entry in index.items():
            add_to_table(table, scene_id, entry)
        table.publish(original_of(dataset, file_checksum(dataset.index_json)))


def add_to_table(table: TableWriter, scene_id: str, entry: IndexEntry) -> None:
    """Write a scene's line of the table."""
    columns = {**entry.outline._asdict(), "ingest_digest": entry.ingest_digest}
    table.add(scene_id, entry.document(), columns)


def ingest_digest_of(table: SceneTable[IndexEntry], scene_id: str) -> str:
    """Return a scene's digest of raw checksums, without reading its line where that can be spared."""
    if "ingest_digest" in table.columns:
        return str(table.column("ingest_digest", scene_id))
    return table[scene_id].ingest_digest  # a table from before the column


def original_of(dataset: DatasetLayout, digest: str) -> Original:
    """Return the index of that checksum as the original of a table."""
    return Original(dataset.index_json, relative_index(dataset), digest)


def _read_json(dataset: DatasetLayout) -> dict[str, IndexEntry]:
    path = dataset.index_json
    try:
        if path.stat().st_size > MAX_INDEX_BYTES:
            raise ConfigError(f"{path}: too large for a scene index")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: {broken_link(path) or 'no such file'}", _way_to_index(dataset)) from error
    except PermissionError as error:
        way_out = (
            "Check its owner and mode, and those of its folder: somebody else may have made the data set."
        )
        raise ConfigError(f"{path}: {error.strerror}", way_out) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "Give --out_root the folder of a data set.") from error
    expected = index_checksum(dataset)
    if expected not in (None, checksum(data)) and not _is_last_written(dataset, data):
        raise ConfigError(
            f"{path}: damaged or edited by hand: its checksum is not the one that phase 1 took",
            "focusgen repair restores it from its copy; "
            f"or delete {dataset.index_checksum_json} if you meant the edit.",
        )
    try:
        document = parse_json(data, each_once=expected is None)  # a person may have edited it
        return {scene_id: IndexEntry.of(entry) for scene_id, entry in document.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        way_out = "Mend it, or let focusgen repair restore it from its copy."
        raise ConfigError(f"{path}: not a scene index: {error!r}", way_out) from error


def _way_to_index(dataset: DatasetLayout) -> str:
    """Return what to do where there is no index."""
    if any((dataset.root / name).exists() for name in (MANIFEST, EXPORT_STATE)):
        return (
            f"{dataset.root} is an export: focusgen.data.FocusShards reads its shards, datasets.load_dataset "
            "its tables. Name the data set that it was made of."
        )
    is_there = dataset.root.is_dir() or broken_link(dataset.root)
    return (
        f"{'' if is_there else 'There is no such folder. '}Run phase 1 first: "
        f"{script_command('01_validate_dataset.py')} --raw_root ... --out_root {shell_word(dataset.root)}"
    )


def known_scene(index: Mapping[str, IndexEntry], name: str) -> str:
    """Return the id of a scene that a person named, whatever the Unicode form of its accents.

    Raises:
        ConfigError: no such scene.
    """
    scene_id = name if name in index else known_as(name, index)
    if scene_id not in index:
        near = near_name(name, index)
        meant = f"Did you mean {display(near)}? " if near else ""
        raise ConfigError(f"no scene {name!r} in the index", f"{meant}focusgen status lists them.")
    return scene_id


def _is_last_written(dataset: DatasetLayout, data: bytes) -> bool:
    """Say whether the index is the one of a run that was killed before it took the checksum."""
    copy = dataset.index_copy_json
    return copy.exists() and copy.read_bytes() == data


def relative_index(dataset: DatasetLayout) -> str:
    """Return where the index lies as seen from the data set, so that both may move together."""
    return os.path.relpath(dataset.index_json.resolve(), dataset.root.resolve())


def index_checksum(dataset: DatasetLayout) -> str | None:
    """Return the checksum that phase 1 took of the index, None if it took none.

    Raises:
        ConfigError: the file that holds it is damaged.
    """
    try:
        document = parse_json(dataset.index_checksum_json.read_bytes())
        return str(document["xxh3_128"]) if document.get("index") == relative_index(dataset) else None
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"{dataset.index_checksum_json}: damaged: {error}", "Delete it to go on."
        ) from error


def recorded_raw_root(dataset: DatasetLayout, said: Path) -> Path:
    """Return where raw frames lie, for steps that only look back: as said, else where phase 1 saw them."""
    if said != DataConfig().raw_root and said.exists():
        return said
    try:
        recorded = found(
            Path(parse_object(dataset.index_checksum_json.read_bytes())["raw_root"]), dataset.root
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return said
    return recorded if recorded.exists() else said
