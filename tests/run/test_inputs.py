"""Provided depth is read again wherever nothing tells that it is what a record was made from."""

from __future__ import annotations

import pytest

from focusgen import config
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import Record
from focusgen.run import inputs
from tests.small import entry, identity, put_record


@pytest.mark.parametrize(
    ("run", "is_newer"),
    [
        ({"started": "2000-01-01T00:00:00Z"}, True),  # the file is younger
        ({"started": "2001-02-30T99:00:00Z"}, True),
        ({"started": None}, True),
        ({}, True),  # a stranger's record
    ],
)
def test_where_a_record_does_not_say_when_it_was_begun_files_count_as_newer(tmp_path, run, is_newer):
    (tmp_path / "depth_0000.npy").touch()
    record = Record({"run": run})
    assert inputs.is_newer(tmp_path.iterdir(), record) is is_newer


def test_files_that_are_older_than_a_record_are_not_newer(tmp_path, monkeypatch):
    (tmp_path / "depth_0000.npy").touch()
    monkeypatch.setattr(inputs, "CLOCK_SLACK_S", 0.0)
    monkeypatch.setattr(inputs.time, "time", lambda: 5e9)
    assert not inputs.is_newer(tmp_path.iterdir(), Record({"run": {"started": "2099-01-01T00:00:00Z"}}))


def test_depth_under_the_other_unicode_form_of_a_scenes_name_is_not_gone(tmp_path):
    cfg = config.load(None, {"data.out_root": tmp_path / "out", "depth.depth_root": tmp_path / "depth"})
    dataset, scene_id = DatasetLayout.of(cfg), "b\u00e4r"
    put_record(dataset.scene(scene_id), identity("depth", scene_id, weights={"provided_depth": "then"}))
    assert inputs.digest_of_gone_depth(cfg, dataset, scene_id, entry()) == "then"
    (tmp_path / "depth/ba\u0308r").mkdir(parents=True)  # as macOS writes it
    (tmp_path / "depth/ba\u0308r/depth_0000.npy").touch()
    assert inputs.digest_of_gone_depth(cfg, dataset, scene_id, entry()) is None
