"""Whose task it is to put the scenes' lines together."""

from __future__ import annotations

import pytest

from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.store import publish_scene_log
from focusgen.run import scene_logs
from focusgen.run.scene_logs import merge_after_share, merge_what_tasks_left

INDEX = ("b", "a", "c")


@pytest.fixture
def dataset(tmp_path) -> DatasetLayout:
    dataset = DatasetLayout(tmp_path, tmp_path / "scene_index.json")
    for scene in "abc":
        publish_scene_log(dataset.internal, "deblur_psnr.csv", scene, f"{scene}\n")
    return dataset


def scenes_in_log(dataset: DatasetLayout) -> list[str]:
    path = dataset.logs / "deblur_psnr.csv"
    return path.read_text().splitlines()[1:] if path.exists() else []


@pytest.mark.parametrize(("n_many", "n_asked", "is_merged"), [(4, 1, True), (3, 1, False), (3, 3, True)])
def test_of_very_many_scenes_a_task_leaves_the_log_to_the_phase_that_looks_at_all(
    dataset, monkeypatch, n_many, n_asked, is_merged
):
    monkeypatch.setattr(scene_logs, "MERGED_LATER_FROM_SCENES", n_many)
    merge_after_share(dataset, INDEX, "deblur", INDEX[:n_asked])
    assert scenes_in_log(dataset) == (list(INDEX) if is_merged else [])
    merge_what_tasks_left(dataset, INDEX, ["deblur"])
    assert scenes_in_log(dataset) == list(INDEX)
