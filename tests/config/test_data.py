"""What a data set is made from, how a run behaves, and the limits of phase 6: edges and refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.config import settings_for


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("train.txt", (Path("train.txt"),)),
        (Path("my splits/ü.csv"), (Path("my splits/ü.csv"),)),
        (["train.txt", "val.txt"], (Path("train.txt"), Path("val.txt"))),
    ],
)
def test_one_split_file_or_several(given, read):
    assert config.load(None, {"data.split_file": given}).data.split_file == read


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.min_frames", 0),
        ("data.max_frames", 0),
        ("data.layout", "DAVIS"),
        ("data.split_by", "clip"),
        ("data.shot_cut_threshold", 0.0),
        ("data.shot_cut_threshold", 1.01),
        ("data.split_seed", 1.5),
        ("run.workers", 0),
        ("run.on_stale", "ask"),
        ("store.pack", "all"),
        ("validate.min_spearman", 1.5),
        ("validate.min_spearman", -2),
        ("validate.temporal_pairs", -1),
        ("validate.max_e_warp_ratio", 0),
        ("validate.min_sharpness_ratio", float("inf")),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(key, value):
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        config.load(None, {key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.min_frames", 1),
        ("data.max_frames", 1),
        ("data.shot_cut_threshold", 1.0),
        ("validate.min_spearman", -1),
        ("validate.min_spearman", 1),
        ("validate.temporal_pairs", 0),
    ],
)
def test_the_ends_of_a_range_belong_to_it(key, value):
    section, _, name = key.partition(".")
    loaded = dict(config.load(None, {key: value}).sections())[section]
    assert getattr(loaded, name) == value


@pytest.mark.parametrize("value", [4, 16, None])
def test_a_rehearsal_may_be_shorter_than_the_shortest_scene(value):
    assert config.load(None, {"data.max_frames": value}).data.max_frames == value


def test_a_table_of_groups_counts_only_where_groups_do():
    alone = config.load(None, {"data.groups_csv": "g.csv"})
    by_group = config.load(None, {"data.groups_csv": "g.csv", "data.split_by": "group"})
    assert "data.groups_csv" not in settings_for(alone, "index")
    assert settings_for(by_group, "index")["data.groups_csv"] == "g.csv"


@pytest.mark.parametrize(
    "overrides",
    [
        {"run.device": "cpu", "run.workers": 9, "run.on_stale": "keep", "run.strict": True},
        {"data.group_writable": True, "store.pack": "scene"},
        {"data.raw_root": "elsewhere", "data.out_root": "out"},
        {"validate.min_spearman": 0.9, "validate.report": "r.json"},
    ],
)
@pytest.mark.parametrize("phase", ["index", "deblur", "depth", "calibrate", "render"])
def test_how_a_run_behaves_makes_no_scene_stale(overrides, phase):
    assert settings_for(config.load(None, overrides), phase) == settings_for(config.load(None), phase)


def test_what_older_records_do_not_know_is_not_recorded_at_its_default():
    assert {"data.layout", "data.clips", "data.split_file"}.isdisjoint(
        settings_for(config.load(None), "index")
    )
    assert settings_for(config.load(None, {"data.layout": "davis"}), "index")["data.layout"] == "davis"
