"""Provided depth is read again wherever nothing tells that it is what a record was made from."""

from __future__ import annotations

import pytest

from focusgen.dataset.records import Record
from focusgen.run import inputs


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
