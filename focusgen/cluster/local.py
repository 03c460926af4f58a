"""The tasks of a plan on this machine: side by side through submitit, or one by one in this process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder
from focusgen.base.interpreter import module_command
from focusgen.cluster.plans import Plan, plan_path
from focusgen.cluster.task import Task, run_task
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.dataset.layout import DatasetLayout

if TYPE_CHECKING:
    from submitit import Job


def run_plan(cfg: Config, plan: Plan, phases: Sequence[PhaseName], *, in_this_process: bool) -> int:
    """Run all tasks of a plan, phase by phase; return the worst exit status."""
    codes = [0]
    for phase in phases:
        if in_this_process or phase not in SCENE_PHASES:
            codes += [run_task(task) for task in _tasks(cfg, plan, phase)]
        else:
            codes += _run_side_by_side(cfg, plan, phase)
    return max(codes)


def _tasks(cfg: Config, plan: Plan, phase: PhaseName) -> Iterator[Task]:
    if phase not in SCENE_PHASES:
        yield Task(cfg, None, (phase,), 0)
        return
    for index in range(plan.n_tasks):
        for worker in range(len(plan.slots_of(index))):
            yield Task(cfg, plan, (phase,), index, worker)


def _run_side_by_side(cfg: Config, plan: Plan, phase: PhaseName) -> list[int]:
    from submitit import LocalExecutor

    dataset = DatasetLayout.of(cfg)
    folder = dataset.slurm_logs / plan.plan_id
    make_folder(folder)
    waiting = [
        [
            *("task", "--plan", str(plan_path(dataset, plan.plan_id)), "--phases", phase),
            *("--index", str(task.index), "--worker", str(task.worker)),
        ]
        for task in _tasks(cfg, plan, phase)
    ]
    executor = LocalExecutor(folder=Path(folder))
    executor.update_parameters(timeout_min=round(cfg.cluster.time_h[phase] * 60))
    running: list[Job[int]] = []
    codes: list[int] = []
    try:
        for argv in waiting:
            if len(running) >= cfg.run.workers:
                codes.append(_status(running.pop(0)))
            running.append(executor.submit(call_focusgen, argv))
        while running:
            codes.append(_status(running.pop(0)))
    finally:
        for job in running:
            job.cancel()
    return codes


def _status(job: Job[int]) -> int:
    """Return the exit status of a task, once it is there.

    Raises:
        ConfigError: its process died or could not be started; names its log.
    """
    from submitit.core.utils import FailedJobError, UncompletedJobError

    try:
        return int(job.result())
    except (FailedJobError, UncompletedJobError) as error:
        raise ConfigError(
            f"a task on this machine ended without a word: {job.paths.stderr} tells why",
            "Mend the cause and submit again: finished work is kept. --cluster debug runs it here.",
        ) from error


def call_focusgen(argv: list[str]) -> int:
    """Run a command as a job would, from a process that submitit started."""
    return subprocess.run([*module_command("focusgen.cli"), *argv], check=False).returncode
