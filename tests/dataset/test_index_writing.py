"""The index of very many scenes: same bytes, less memory, and never an older one than lies there."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import pytest

from focusgen.base import files
from focusgen.base.errors import ConfigError
from focusgen.base.files import json_bytes
from focusgen.dataset import index as index_module
from focusgen.dataset import index_writing, scene_table
from focusgen.dataset.index import IndexEntry, IndexResult, read_index
from focusgen.dataset.index_draft import IndexDraft, outline_of
from focusgen.dataset.index_writing import publish_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.scene_table import SceneTable


def entry(number: int, split: str = "train", n_frames: int = 3) -> IndexEntry:
    names = tuple(f"bild é {frame:04d}.png" for frame in range(n_frames))
    source = {"path": f"s{number}", "kind": "images", "fps": None, "notes": ["odd"] * (number == 2)}
    return IndexEntry(names, 64, 48, split, source, (1,), f"{number:032x}")


@pytest.fixture
def dataset(tmp_path, monkeypatch) -> DatasetLayout:
    """A data set in which three scenes are very many."""
    monkeypatch.setattr(index_module, "TABLE_FROM_SCENES", 3)
    monkeypatch.setattr(index_writing, "TABLE_FROM_SCENES", 3)
    return DatasetLayout(tmp_path, tmp_path / "scene_index.json")


def publish(dataset: DatasetLayout, entries: dict[str, IndexEntry]) -> None:
    draft = IndexDraft(read_index(dataset) if dataset.index_json.exists() else {})
    for scene_id, item in entries.items():
        draft[scene_id] = item
    publish_index(dataset, IndexResult(index=draft), raw_root=dataset.root / "raw")


@pytest.mark.parametrize("n_scenes", [0, 1, 5])
def test_the_bytes_are_those_of_the_whole_document(dataset, n_scenes):
    entries = {f"é {number}": entry(number) for number in range(n_scenes)}
    publish(dataset, entries)
    expected = json_bytes({name: item.document() for name, item in entries.items()})
    assert dataset.index_json.read_bytes() == dataset.index_copy_json.read_bytes() == expected
    assert isinstance(read_index(dataset), SceneTable) == (n_scenes == 5)
    assert dict(read_index(dataset)) == entries
    assert [dataset.scene(name).split_txt.read_text() for name in entries] == ["train\n"] * n_scenes


def test_a_newer_index_takes_over_and_old_scenes_keep_their_place(dataset):
    publish(dataset, {f"s{number}": entry(number) for number in range(4)})
    publish(dataset, {"s9": entry(9, "val"), "s1": entry(1, "test")})
    index = read_index(dataset)
    assert isinstance(index, SceneTable)
    assert list(index) == ["s0", "s1", "s2", "s3", "s9"] and index["s1"].split == "test"
    assert [outline_of(index, name) for name in index] == [item.outline for item in index.values()]
    assert outline_of(index, "s2").n_notes == 1


def test_an_index_edited_by_hand_is_refused_and_read_once_it_is_meant(dataset):
    publish(dataset, {f"s{number}": entry(number) for number in range(4)})
    assert read_index(dataset)["s3"].split == "train"
    document = json.loads(dataset.index_json.read_text())
    document["s3"]["split"] = "tests"  # longer by one
    dataset.index_json.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match="edited by hand"):
        read_index(dataset)
    dataset.index_checksum_json.unlink()
    index = read_index(dataset)
    assert index["s3"].split == outline_of(index, "s3").split == "tests"
    assert isinstance(index, SceneTable), "the table was made anew"


def test_an_index_of_an_older_release_gets_its_table_where_one_may_write(dataset):
    publish(dataset, {f"s{number}": entry(number) for number in range(4)})
    for path in dataset.index_table.iterdir():
        path.unlink()
    dataset.index_table.rmdir()
    dataset.index_table.write_text("in the way")
    assert isinstance(read_index(dataset), dict)
    dataset.index_table.unlink()
    assert isinstance(read_index(dataset), SceneTable)


@pytest.mark.usefixtures("usual_garbage")
def test_a_draft_never_holds_its_scenes_unpacked(dataset, monkeypatch):
    monkeypatch.setattr(scene_table, "BLOCK_SCENES", 10)
    monkeypatch.setattr(files, "COPY_BYTES", 4096)
    many = {f"s{number}": entry(number, n_frames=200) for number in range(100)}
    tracemalloc.start()
    draft = IndexDraft({})
    for scene_id in many:
        draft[scene_id] = replace(many[scene_id], split="val")
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    publish_index(dataset, IndexResult(index=draft), raw_root=dataset.root)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    size = dataset.index_json.stat().st_size
    assert before < 0.3 * size
    assert peak < 0.5 * size
    assert read_index(dataset)["s7"] == replace(many["s7"], split="val")
