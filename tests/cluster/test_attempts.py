"""What a task says of itself: which file, how fresh, how fast."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from focusgen.cluster import attempts
from focusgen.cluster.attempts import SILENT_S, AttemptObserver, read_attempts, slurm_job_id
from focusgen.dataset.layout import DatasetLayout
from focusgen.run.console import make_console
from tests.cluster.conftest import attempt


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetLayout:
    return DatasetLayout(tmp_path, tmp_path / "scene_index.json")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now_s = [1000.0]
    monkeypatch.setattr(attempts.time, "time", lambda: now_s[0])
    return now_s


def observer(dataset: DatasetLayout, slot: int = 3) -> AttemptObserver:
    return AttemptObserver(make_console(), dataset, "plan", slot, 1)


def test_frames_are_written_every_few_seconds_and_counted_all(dataset, clock):
    task = observer(dataset)
    task.phase_started("depth", 2, 50, 0)
    task.scene_started("a", 25)
    for _ in range(4):
        task.frame_done("a", 0)
    (seen,) = read_attempts(dataset)
    assert (seen.n_done, seen.scene_id, seen.n_frames, seen.slot) == (0, "a", 50, 3), "not a write per frame"
    clock[0] += 5
    task.frame_done("a", 4)
    (seen,) = read_attempts(dataset)
    assert seen.n_done == 5 and seen.frames_per_s == pytest.approx(1.0)


def test_a_task_that_waits_for_a_lock_is_heard_of(dataset, clock):
    task = observer(dataset)
    task.phase_started("depth", 1, 10, 0)
    clock[0] += SILENT_S + 1
    task.waiting("a", "pid 7 on n1")
    (seen,) = read_attempts(dataset)
    assert not seen.is_silent


def test_each_phase_of_a_slot_has_a_file_of_its_own_that_counts_from_zero(dataset, clock):
    task = observer(dataset)
    task.phase_started("deblur", 1, 10, 0)
    clock[0] += 60
    task.frame_done("a", 0)
    task.phase_started("depth", 1, 10, 0)
    deblur, depth = sorted(read_attempts(dataset), key=lambda seen: seen.phase)
    assert (deblur.state, deblur.n_done) == ("running", 1)
    assert (depth.state, depth.n_done, depth.started_s) == ("running", 0, 1060.0)


def test_what_ended_is_not_read_again_and_what_starts_after_it_is(dataset):
    task = observer(dataset)
    task.phase_started("depth", 1, 10, 0)
    task.say(state="ended", model_loads=1)
    assert list(read_attempts(dataset)) == []
    (kept,) = (dataset.attempts / "plan").iterdir()
    assert (kept.name, json.loads(kept.read_bytes())["model_loads"]) == ("depth-3.ended", 1)
    task.phase_started("depth", 1, 10, 0)
    assert [seen.state for seen in read_attempts(dataset)] == ["running"]


@pytest.mark.parametrize(
    ("age_s", "state", "is_silent"),
    [(SILENT_S - 5, "running", False), (SILENT_S + 5, "running", True), (SILENT_S + 5, "ended", False)],
)
def test_only_a_running_task_falls_silent(age_s, state, is_silent):
    assert attempt(state=state, updated_s=time.time() - age_s).is_silent == is_silent


def test_a_file_that_is_just_being_replaced_hides_no_other(dataset):
    observer(dataset, 0).say()
    for name, text in (("depth-1.json", '{"plan_id": '), ("depth-2.json", "[]"), ("depth-3.json", "{}")):
        (dataset.attempts / "plan" / name).write_text(text)
    assert [seen.slot for seen in read_attempts(dataset)] == [0]


def test_a_full_disk_is_told_and_does_not_end_the_task(dataset, capsys, monkeypatch):
    task = observer(dataset)
    (dataset.attempts.parent).mkdir(parents=True, exist_ok=True)
    dataset.attempts.write_text("in the way")
    task.say(state="running")
    assert "status file not written" in capsys.readouterr().err


def test_a_task_of_an_array_is_never_called_by_the_id_of_the_array(monkeypatch):
    for name in ("SLURM_ARRAY_JOB_ID", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    assert slurm_job_id() == ""
    monkeypatch.setenv("SLURM_JOB_ID", "40")
    assert slurm_job_id() == "40"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "40")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "9")
    assert slurm_job_id() == "40_9"
