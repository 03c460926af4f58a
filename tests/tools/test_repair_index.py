"""A scene index comes back from its copy, if the copy is the right one; else nothing is written."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import pytest

from focusgen.base.checksums import checksum
from focusgen.base.errors import ConfigError
from focusgen.dataset.index import read_index, relative_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.tools.repair_index import restore_index
from tests.small import entry, finish_scene, write_index


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetLayout:
    """Two scenes, an index with its copy, and the checksum of both."""
    dataset = DatasetLayout(tmp_path, tmp_path / "scene_index.json")
    scenes = {name: finish_scene(dataset, name, entry(2, width=32, height=16)) for name in ("a", "ü")}
    write_index(tmp_path, scenes)
    data = dataset.index_json.read_bytes()
    dataset.index_copy_json.parent.mkdir(parents=True, exist_ok=True)
    dataset.index_copy_json.write_bytes(data)
    document = {"index": relative_index(dataset), "xxh3_128": checksum(data)}
    dataset.index_checksum_json.write_text(json.dumps(document))
    return dataset


def test_a_whole_index_is_left_alone(dataset):
    before = dataset.index_json.stat().st_ino
    assert restore_index(dataset) is None
    assert dataset.index_json.stat().st_ino == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"train", b"tests")),
    ],
)
def test_a_damaged_or_lost_one_comes_back_byte_for_byte(dataset, damage):
    data = dataset.index_json.read_bytes()
    damage(dataset.index_json)
    assert restore_index(dataset) == f"{dataset.index_json}: restored from its copy"
    assert dataset.index_json.read_bytes() == data and list(read_index(dataset)) == ["a", "ü"]
    assert restore_index(dataset) is None


def test_without_a_copy_the_damage_itself_is_told(dataset):
    dataset.index_json.write_bytes(b"{")
    dataset.index_copy_json.unlink()
    with pytest.raises(ConfigError, match="damaged or edited by hand"):
        restore_index(dataset)
    assert dataset.index_json.read_bytes() == b"{"


def test_an_index_that_phase_1_published_while_the_lock_was_awaited_is_left_alone(dataset, monkeypatch):
    dataset.index_json.write_bytes(b"{")

    @contextmanager
    def after_phase_1(lock):
        data = json.dumps({"a": json.loads(dataset.index_copy_json.read_bytes())["a"]}).encode()
        dataset.index_json.write_bytes(data)
        document = {"index": relative_index(dataset), "xxh3_128": checksum(data)}
        dataset.index_checksum_json.write_text(json.dumps(document))
        yield

    monkeypatch.setattr("focusgen.tools.repair_index.exclusive", after_phase_1)
    assert restore_index(dataset) is None
    assert list(read_index(dataset)) == ["a"] and dataset.index_checksum_json.exists()


def test_a_damaged_checksum_is_removed_where_the_raw_checksums_vouch_for_the_copy(dataset):
    dataset.index_checksum_json.write_text("[]")
    assert restore_index(dataset) is not None
    assert not dataset.index_checksum_json.exists()
    assert list(read_index(dataset)) == ["a", "ü"]


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"null", b"{", b'{"a": {}}', b'{"a": null}', b'{"gone": {"frames": [], "width": 1}}'],
)
def test_a_copy_that_does_not_fit_either_replaces_nothing(dataset, text):
    dataset.index_json.write_bytes(b"{")
    dataset.index_copy_json.write_bytes(text)
    with pytest.raises(ConfigError, match="its copy .* does not fit either") as caught:
        restore_index(dataset)
    assert "--split_seed" in caught.value.advice
    assert dataset.index_json.read_bytes() == b"{"


def test_an_old_copy_whose_scenes_are_all_known_is_not_the_index_that_was_vouched_for(dataset):
    """It lacks a scene: by its raw checksums it fits, by the checksum of the index it does not."""
    old = {"a": json.loads(dataset.index_copy_json.read_bytes())["a"]}
    dataset.index_copy_json.write_text(json.dumps(old))
    dataset.index_json.unlink()
    restore_index(dataset)
    assert list(read_index(dataset)) == ["a"]  # better than none; phase 1 finds the other again


def test_a_copy_of_which_a_scene_has_other_raw_checksums_is_not_believed(dataset):
    document = json.loads(dataset.index_copy_json.read_bytes())
    document["ü"]["ingest_digest"] = "0" * 32
    dataset.index_copy_json.write_text(json.dumps(document))
    dataset.index_json.unlink()
    with pytest.raises(ConfigError, match="does not fit either"):
        restore_index(dataset)
