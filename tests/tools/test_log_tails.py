"""What logs hold about a scene is found among those of thousands of tasks, and is of no other scene."""

from __future__ import annotations

import json
import os

import pytest

from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.store import publish_scene_log
from focusgen.tools.log_tails import MAX_LOG_FILES, log_tail

PLAN = "20260101T000000-000000-abcd"


@pytest.fixture
def dataset(tmp_path) -> DatasetLayout:
    """Return a data set whose plan dealt clip_1 to the first of many tasks, in arrays that were split."""
    dataset = DatasetLayout(tmp_path, tmp_path / "scene_index.json")
    n_tasks = MAX_LOG_FILES + 5
    slots = [[f"clip_{number + 1}"] for number in range(n_tasks)]
    for folder in (dataset.plans, dataset.attempts / PLAN, dataset.slurm_logs / PLAN):
        folder.mkdir(parents=True)
    (dataset.plans / f"{PLAN}.json").write_text(json.dumps({"slots": slots}))
    for slot in range(n_tasks):
        job = f"7_{slot}" if slot < 4 else f"8_{slot - 4}"
        attempt = {"phase": "depth", "slot": slot, "job_id": job}
        (dataset.attempts / PLAN / f"depth-{slot}.json").write_text(json.dumps(attempt))
        log = dataset.slurm_logs / PLAN / f"depth_{job}.out"
        log.write_text(f"scene clip_{slot + 1}: 4 frames\nclip_{slot + 1}\u001b[2J done\n")
        os.utime(log, (slot, slot))
    return dataset


def test_the_log_of_a_scenes_own_task_is_told_though_many_are_newer(dataset):
    said = ["depth_7_0.out: scene clip_1: 4 frames", "depth_7_0.out: clip_1\\x1b[2J done"]
    assert list(log_tail(dataset, "clip_1")) == said, "and nothing of clip_10"
    assert list(log_tail(dataset, "clip_5"))[0] == "depth_8_0.out: scene clip_5: 4 frames"
    publish_scene_log(dataset.internal, "depth_sanity_warnings.txt", "clip_1", "clip_1: odd\n")
    assert list(log_tail(dataset, "clip_1")) == ["depth_sanity_warnings.txt: clip_1: odd", *said]


def test_newest_logs_are_looked_at_where_no_task_says_its_job(dataset):
    log = dataset.slurm_logs / PLAN / "4711_0_log.err"
    log.write_text("clip_1 on this machine\n")
    (dataset.plans / f"{PLAN}.json").write_text("{")
    assert list(log_tail(dataset, "clip_1")) == ["4711_0_log.err: clip_1 on this machine"]


def test_folders_of_other_scenes_are_not_walked(dataset, monkeypatch):
    (dataset.internal / "records" / "clip_2").mkdir(parents=True)
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path=".": listed.append(str(path)) or scandir(path))
    list(log_tail(dataset, "clip_1"))
    assert listed and not any("records" in path for path in listed)
