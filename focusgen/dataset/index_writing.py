"""How scene_index.json is written: scene by scene, since very many of them do not fit into memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from focusgen.base.files import make_folder, publish, publish_copy, publish_json, publish_pieces
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
    """Write index, copy, checksum, table, splits and rejections; under the index lock."""
    make_folder(dataset.index_json.parent)
    for folder in (dataset.index_json.parent, dataset.internal, dataset.logs):
        for leftover in folder.glob(".*.json.*.tmp"):  # of a killed run; this one holds the lock
            leftover.unlink(missing_ok=True)
    if len(result.index) < TABLE_FROM_SCENES:
        _publish(dataset, result.index, raw_root, None)
        drop_table(dataset.index_table)
    else:
        with TableWriter(dataset.index_table) as table:
            digest = _publish(dataset, result.index, raw_root, table)
            table.publish(original_of(dataset, digest))
    rejected = {s: {"file": r.file, "reason": r.reason} for s, r in sorted(result.rejected.items())}
    publish_json(dataset.rejected_scenes_json, rejected)


def _publish(
    dataset: DatasetLayout, index: Mapping[str, IndexEntry], raw_root: Path, table: TableWriter | None
) -> str:
    """Write splits, copy, index and checksum, each scene's entry once, and return the checksum."""
    make_folder(dataset.index_copy_json.parent)
    entry = publish_pieces(dataset.index_copy_json, _pieces(dataset, index, table))
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


def _pieces(
    dataset: DatasetLayout, index: Mapping[str, IndexEntry], table: TableWriter | None
) -> Iterator[bytes]:
    """Yield the bytes that `json_bytes` gives for the whole index; each split.txt is written before."""
    if not index:
        yield b"{}\n"
        return
    before = "{\n"
    for scene_id, entry in index.items():
        _publish_split(dataset, scene_id, entry.split)
        if table is not None:
            add_to_table(table, scene_id, entry)
        text = json.dumps({scene_id: entry.document()}, indent=1, allow_nan=False)
        yield (before + text.removeprefix("{\n").removesuffix("\n}")).encode()
        before = ",\n"
    yield b"\n}\n"


def _publish_split(dataset: DatasetLayout, scene_id: str, split: str) -> None:
    scene = dataset.scene(scene_id)
    data = f"{split}\n".encode()
    if not scene.split_txt.exists() or scene.split_txt.read_bytes() != data:
        make_folder(scene.root)
        publish(scene.split_txt, data)
