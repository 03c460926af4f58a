"""Which scenes a task works on, what its end means, and what it does at a signal."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from focusgen.base.errors import ConfigError, ExitCode, Interrupted
from focusgen.cluster import slurm, task
from focusgen.cluster.plans import Plan, write_plan
from focusgen.cluster.task import Task, gpu_shares, run_task
from focusgen.config import Config
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.run import phase_run
from focusgen.run.outcomes import RunSummary
from focusgen.run.phase_run import PhaseRun

PLAN_ID = "20260101T000000-000000-aaaa"


@pytest.fixture
def cfg(rgbd, monkeypatch) -> Config:
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    for seed, name in enumerate("abc"):
        rgbd.add_scene(name, n_frames=2, seed=seed)
    cfg = rgbd.config(cluster__workers_per_task=2, cluster__max_requeues=1)
    from focusgen.phases.index import index_dataset

    index_dataset(cfg)
    return cfg


def plan_of(cfg: Config, *slots: list[str]) -> Plan:
    return write_plan(cfg, "submit", ["deblur", "depth"], slots, PLAN_ID)


def test_an_index_means_all_its_workers_a_worker_its_own_slot_and_names_win(cfg):
    plan = plan_of(cfg, ["c"], ["a"], ["b"])
    assert Task(cfg, plan, ("deblur",), 0).scenes() == ["a", "c"], "in index order"
    assert Task(cfg, plan, ("deblur",), 0, worker=1).scenes() == ["a"]
    assert Task(cfg, plan, ("deblur",), 1, worker=0).scenes() == ["b"]
    assert Task(cfg, plan, ("deblur",), 0, names=("c",)).scenes() == ["c"]
    assert Task(cfg, None, ("deblur",), 1).scenes() == ["b"], "without a plan the index is the scene's"
    with pytest.raises(ConfigError):
        Task(cfg, None, ("deblur",), 3).scenes()


def test_the_index_is_read_once_for_all_phases_of_a_task(cfg, outcomes, monkeypatch):
    n_read = 0

    def read(dataset: DatasetLayout) -> object:
        nonlocal n_read
        n_read += 1
        return read_index(dataset)

    for module in (task, phase_run):
        monkeypatch.setattr(module, "read_index", read)
    assert run_task(Task(cfg, plan_of(cfg, ["a"]), ("deblur", "depth"), 0)) == 0
    assert n_read == 1


@pytest.fixture
def outcomes(monkeypatch) -> dict[str, str]:
    """What a phase is made to end with, scene by scene; nothing is computed."""
    given: dict[str, str] = {}

    def run(self: PhaseRun) -> RunSummary:
        self.summary.outcomes.update({scene: given.get(scene, "complete") for scene in self.scene_ids})
        return self.summary

    monkeypatch.setattr(PhaseRun, "run", run)
    return given


def fail(cfg: Config, scene: str) -> None:
    path = DatasetLayout.of(cfg).scene(scene).failed("deblur")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"class": "oom", "message": "m", "advice": "", "traceback": "", "attempt": 1}))


def test_a_recorded_failure_cuts_nobody_off_and_an_unrecorded_one_is_told(cfg, outcomes, capsys):
    only = Task(cfg, plan_of(cfg, ["a", "b"]), ("deblur",), 0)
    assert run_task(only) == 0
    outcomes["b"] = "oom"
    assert run_task(only) == ExitCode.INCOMPLETE
    assert "no failure record could be written for b" in capsys.readouterr().err
    fail(cfg, "b")
    assert run_task(only) == 0
    assert "1 of 2 scenes failed" in capsys.readouterr().err
    outcomes["b"] = "stale"
    assert run_task(only) == 0, "a stale scene is left as it is; resubmit names it"


@pytest.fixture
def interrupted(cfg, monkeypatch) -> list[str]:
    """A task of array 40 that a signal stops; what it asks to be requeued."""
    requeued: list[str] = []

    def stop(self: PhaseRun) -> RunSummary:
        raise Interrupted("stopped", ExitCode.TERMINATED)

    monkeypatch.setattr(PhaseRun, "run", stop)
    monkeypatch.setattr(slurm, "requeue", lambda job_id: requeued.append(job_id) or True)
    monkeypatch.setattr(slurm, "may_requeue", lambda job_id: True)
    for name, value in (("JOB_ID", "45"), ("ARRAY_JOB_ID", "40"), ("ARRAY_TASK_ID", "0")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    before = {number: task.signal.getsignal(number) for number in (task.signal.SIGTERM, task.signal.SIGUSR1)}
    yield requeued
    for number, handler in before.items():
        task.signal.signal(number, handler)


def test_below_the_cap_it_comes_back_at_the_cap_its_unfinished_scenes_timed_out(
    cfg, interrupted, monkeypatch
):
    fail(cfg, "a")
    only = Task(cfg, plan_of(cfg, ["a", "b"]), ("deblur",), 0)
    assert run_task(only) == ExitCode.TERMINATED and interrupted == ["40_0"]
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert run_task(only) == 0 and interrupted == ["40_0"], "not again"
    scene = DatasetLayout.of(cfg).scene
    assert json.loads(scene("a").failed("deblur").read_bytes())["class"] == "oom", "the first reason stays"
    late = json.loads(scene("b").failed("deblur").read_bytes())
    assert late["class"] == "timeout" and "2 times" in late["message"]


def test_a_worker_leaves_the_requeue_to_its_parent_and_outside_a_job_there_is_none(
    cfg, interrupted, monkeypatch
):
    plan = plan_of(cfg, ["a"], ["b"])
    assert run_task(Task(cfg, plan, ("deblur",), 0, worker=1)) == ExitCode.TERMINATED
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID"):
        monkeypatch.delenv(name)
    assert run_task(Task(cfg, plan, ("deblur",), 0, worker=1)) == ExitCode.TERMINATED
    assert interrupted == []


def test_gpus_are_shared_evenly_and_never_twice():
    assert gpu_shares("0,1,2,3", 2) == ["0,1", "2,3"]
    assert gpu_shares("4,5,6", 2) == ["4", "5"]
    assert gpu_shares("GPU-a,GPU-b", 2) == ["GPU-a", "GPU-b"]
    assert gpu_shares("0", 2) == [None, None] and gpu_shares("", 1) == [None]


@pytest.mark.slow
def test_a_task_starts_without_torch():
    """A hundred array tasks of a weight-free phase need not load it: 1 s and 200 MB each."""
    code = "import sys, focusgen.cluster.task; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
