"""A plan on this machine: the same tasks, side by side or one by one."""

from __future__ import annotations

import subprocess

import pytest
from submitit import Job

from focusgen.base.errors import ConfigError
from focusgen.cluster import local
from focusgen.cluster.plans import write_plan
from focusgen.cluster.task import Task
from focusgen.config import Config

PLAN_ID = "20260101T000000-000000-aaaa"


@pytest.fixture
def cfg(tmp_path) -> Config:
    cluster = {"workers_per_task": 2}
    data = {"out_root": tmp_path / "out"}
    return Config.model_validate({"data": data, "cluster": cluster, "run": {"workers": 2}})


@pytest.fixture
def ran(monkeypatch) -> list[Task]:
    tasks: list[Task] = []

    def run_task(task: Task) -> int:
        tasks.append(task)
        return 3 if task.worker == 1 else 0

    monkeypatch.setattr(local, "run_task", run_task)
    return tasks


def test_every_worker_of_every_index_runs_once_per_phase_and_gates_once(cfg, ran):
    plan = write_plan(cfg, "submit", ["deblur", "calibrate"], [["a"], ["b"], ["c"]], PLAN_ID)
    assert local.run_plan(cfg, plan, ["deblur", "calibrate"], in_this_process=True) == 3, "the worst status"
    assert [(task.phases, task.index, task.worker) for task in ran] == [
        (("deblur",), 0, 0),
        (("deblur",), 0, 1),
        (("deblur",), 1, 0),
        (("calibrate",), 0, None),
    ]


@pytest.mark.slow
def test_a_task_that_dies_on_this_machine_names_its_log(cfg, monkeypatch):
    plan = write_plan(cfg, "submit", ["deblur"], [["a"]], PLAN_ID)
    monkeypatch.setattr(local, "call_focusgen", _dies)
    monkeypatch.setattr(Job, "_results_timeout_s", 0.5)  # 15 s for file systems that show files late
    with pytest.raises(ConfigError, match=r"ended without a word: .*\.err tells why"):
        local.run_plan(cfg, plan, ["deblur"], in_this_process=False)


def _dies(argv: list[str]) -> int:
    subprocess.run(["bash", "-c", "kill -9 $PPID"], check=False)
    return 0
