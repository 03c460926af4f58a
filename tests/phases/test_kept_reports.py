"""What is kept of a scene comes back as it was, from whole lines only, and never of a scene that failed."""

from __future__ import annotations

import pytest

from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.phases.kept_reports import KeptReports
from focusgen.phases.scene_report import SceneReport


@pytest.fixture
def kept(rgbd, settled_files):
    """Two finished scenes, of which phase 6 kept reports."""
    for seed, name in enumerate("ab"):
        rgbd.add_scene(name, seed=seed)
    assert rgbd.run() == 0
    return DatasetLayout.of(rgbd.config()).kept_reports


def recalled(rgbd) -> list[str]:
    cfg = rgbd.config()
    reports = KeptReports(cfg, may_take_over=True)
    return [name for name, entry in read_index(DatasetLayout.of(cfg)).items() if reports.recall(name, entry)]


def test_a_damaged_line_costs_its_scene_a_reading_and_no_other(rgbd, kept):
    assert recalled(rgbd) == ["a", "b"]
    first, second = kept.read_bytes().splitlines(keepends=True)
    kept.write_bytes(first.replace(b'"n_frames":4', b'"n_frames":5') + second)
    assert recalled(rgbd) == ["b"]
    kept.write_bytes(first + second[:-7])
    assert recalled(rgbd) == ["a"]


def test_a_report_with_an_error_is_not_kept_and_takes_an_older_one_away(rgbd, kept):
    cfg = rgbd.config()
    reports, index = KeptReports(cfg, may_take_over=False), read_index(DatasetLayout.of(cfg))
    assert reports.recall("a", index["a"]) is None, "nothing is taken over where all is to be read"
    broken = SceneReport("a", "train")
    broken.error("a hole")
    reports.keep(broken)
    reports.publish()
    assert recalled(rgbd) == ["b"]
