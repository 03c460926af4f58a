"""Which scenes a run is about: in the order of the index, and never an empty success by a slip."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.dataset.layout import DatasetLayout
from focusgen.run.selection import Selection, complete_scenes, select_scenes
from tests.small import entry, identity, put_record

INDEX = {"b": entry(), "a": entry(split="val"), "für 'x'": entry(split="train")}
NFD = unicodedata.normalize("NFD", "für 'x'")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["b", "a", "für 'x'"]),
        ({"scene_idx": 0}, ["b"]),
        ({"scene_idx": 2}, ["für 'x'"]),
        ({"scenes": ["a", "b"]}, ["b", "a"]),  # the order of the index
        ({"scenes": ["a", "a"]}, ["a"]),
        ({"scenes": [NFD]}, ["für 'x'"]),
        ({"scenes": []}, []),
        ({"split": "train"}, ["b", "für 'x'"]),
        ({"split": "val"}, ["a"]),
        ({"scenes": ["a", "b"], "split": "train"}, ["b"]),
        ({"scene_idx": 1, "split": "val"}, ["a"]),
        ({"scenes": ["b", "a"], "scene_idx": 1}, ["a"]),
    ],
)
def test_what_was_asked_comes_in_the_order_of_the_index(asked, found):
    assert select_scenes(INDEX, Selection(**asked)) == found


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"scene_idx": 3}, r"--scene_idx 3: the index has scenes 0\.\.2"),
        ({"scene_idx": -1}, "--scene_idx -1"),
        ({"scenes": ["c"]}, "no scene 'c'"),
        ({"scenes": ["A"]}, "no scene 'A'"),
        ({"split": "test"}, "--split test: none of 3 scenes"),
        ({"split": "Train"}, "--split Train: no such split"),
        ({"scenes": ["a"], "split": "train"}, "none of 1 scenes"),
        ({"scenes": ["b"], "scene_idx": 1}, "--scene_idx 1 is 'a', and other scenes are named"),
    ],
)
def test_a_slip_is_refused_by_its_flag(asked, message):
    with pytest.raises(ConfigError, match=message):
        select_scenes(INDEX, Selection(**asked))


def test_an_index_without_scenes_has_none_and_no_place_0():
    assert select_scenes({}, Selection()) == [] and select_scenes({}, Selection(split="val")) == []
    with pytest.raises(ConfigError, match="--scene_idx 0: the index has no scenes"):
        select_scenes({}, Selection(scene_idx=0))


def test_an_unknown_split_is_refused_even_where_no_scene_is():
    with pytest.raises(ConfigError, match="Choose from train, val, test") as caught:
        select_scenes({}, Selection(split="dev"))
    assert "no such split" in caught.value.message


def test_finished_scenes_are_those_with_a_record_that_can_be_trusted(tmp_path: Path):
    cfg = config.load(None, {"data.out_root": tmp_path})
    dataset = DatasetLayout.of(cfg)
    assert complete_scenes(cfg, "depth", INDEX) == []
    for name in INDEX:
        put_record(dataset.scene(name), identity("depth", name))
    assert complete_scenes(cfg, "depth", INDEX) == list(INDEX)
    assert complete_scenes(cfg, "render", INDEX) == []
    dataset.scene("a").done("depth").write_bytes(b"{}")
    dataset.scene("b").done("depth").rename(dataset.scene("b").partial("depth"))
    assert complete_scenes(cfg, "depth", INDEX) == ["für 'x'"]
