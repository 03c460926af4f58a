"""How scene_index.json is written: scene by scene, since very many of them do not fit into memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from focusgen.base.files import make_folder, publish, publish_copy, publish_json, publish_pieces
from focusgen.base.names import display
from focusgen.config.paths import kept
from focusgen.dataset.index import (
    TABLE_FROM_SCENES,
    IndexEntry,
    IndexResult,
    add_to_table,
    original_of,
    relative_index,
)
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.scene_table import TableWriter, drop_table


def publish_index(dataset: DatasetLayout, result: IndexResult, *, raw_root: Path) -> None:
    """Write index, copy, checksum, table, splits and rejections; under the index lock.

    A split.txt that says something else than the index is written anew, which the result remarks.
    """
    make_folder(dataset.index_json.parent)
    for folder in (dataset.index_json.parent, dataset.internal, dataset.logs):
        for leftover in folder.glob(".*.json.*.tmp"):  # of a killed run; this one holds the lock
            leftover.unlink(missing_ok=True)
    splits = _Splits(dataset)
    if len(result.index) < TABLE_FROM_SCENES:
        _publish(dataset, result.index, raw_root, None, splits)
        drop_table(dataset.index_table)
    else:
        with TableWriter(dataset.index_table) as table:
            digest = _publish(dataset, result.index, raw_root, table, splits)
            table.publish(original_of(dataset, digest))
    rejected = {s: {"file": r.file, "reason": r.reason} for s, r in sorted(result.rejected.items())}
    publish_json(dataset.rejected_scenes_json, rejected)
    result.remarks += splits.remarks()


def _publish(
    dataset: DatasetLayout,
    index: Mapping[str, IndexEntry],
    raw_root: Path,
    table: TableWriter | None,
    splits: _Splits,
) -> str:
    """Write splits, copy, index and checksum, each scene's entry once, and return the checksum."""
    make_folder(dataset.index_copy_json.parent)
    entry = publish_pieces(dataset.index_copy_json, _pieces(index, table, splits))
    publish_copy(dataset.index_json, dataset.index_copy_json, entry)
    publish_json(
        dataset.index_checksum_json,
        {
            "index": relative_index(dataset),
            "xxh3_128": entry.xxh3_128,
            "raw_root": str(kept(raw_root, dataset.root)),
        },
    )
    return entry.xxh3_128


def _pieces(index: Mapping[str, IndexEntry], table: TableWriter | None, splits: _Splits) -> Iterator[bytes]:
    """Yield the bytes that `json_bytes` gives for the whole index; each split.txt is written before."""
    if not index:
        yield b"{}\n"
        return
    before = "{\n"
    for scene_id, entry in index.items():
        splits.publish(scene_id, entry.split)
        if table is not None:
            add_to_table(table, scene_id, entry)
        text = json.dumps({scene_id: entry.document()}, indent=1, allow_nan=False)
        yield (before + text.removeprefix("{\n").removesuffix("\n}")).encode()
        before = ",\n"
    yield b"\n}\n"


class _Splits:
    """Writes the split.txt of scenes, and keeps which of them said something else."""

    def __init__(self, dataset: DatasetLayout) -> None:
        self._dataset = dataset
        self._overruled: list[str] = []

    def publish(self, scene_id: str, split: str) -> None:
        """Let split.txt say what the index says."""
        scene, data = self._dataset.scene(scene_id), f"{split}\n".encode()
        before = scene.split_txt.read_bytes() if scene.split_txt.exists() else None
        if before == data:
            return
        make_folder(scene.root)
        publish(scene.split_txt, data)
        if before is not None and before.strip() != data.strip():
            said = display(before[:20].decode("ascii", "replace").strip())
            self._overruled.append(f"{display(scene_id)} ({said!r}, now {split})")

    def remarks(self) -> list[str]:
        """Return what to say of those that were written anew."""
        if not self._overruled:
            return []
        more = f" and {len(self._overruled) - 1} more" if len(self._overruled) > 1 else ""
        return [
            f"split.txt said otherwise than the index and is written anew: {self._overruled[0]}{more}; "
            "splits are given once, when a scene is indexed (--split_file)"
        ]
