"""What runs on a node: the phases of one array index over its scenes, drained and requeued in time."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from focusgen.base.errors import (
    ExitCode,
    FailureClass,
    FocusgenError,
    Interrupted,
    SceneError,
    SceneTimeoutError,
)
from focusgen.base.interpreter import module_command
from focusgen.base.names import rich_text
from focusgen.base.signals import StopFlag, deaf_to_warnings, stop_on_signals
from focusgen.cluster import slurm
from focusgen.cluster.attempts import AttemptObserver, restart_count, slurm_job_id
from focusgen.cluster.plans import Plan
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.states import read_failure
from focusgen.dataset.store import write_failure
from focusgen.run.console import make_console
from focusgen.run.outcomes import DAMAGED, STALE_UPSTREAM, RunSummary
from focusgen.run.phase_run import PhaseRun
from focusgen.run.selection import Selection, complete_scenes, select_scenes
from focusgen.run.table import PHASES

SETTLED = frozenset({"complete", "kept", "partial", "stale", STALE_UPSTREAM, DAMAGED})
"""Outcomes that leave no failure record."""


@dataclass(frozen=True)
class Task:
    """One array index, or one worker of it.

    Attributes:
        plan: None for a job submitted by hand on a data set without plans: the index is then the scene's.
        worker: None for the whole index; else the number of one of its workers.
        arguments: the command line, for the workers.
        names: scenes to work on, instead of those of the index.
    """

    cfg: Config
    plan: Plan | None
    phases: tuple[PhaseName, ...]
    index: int
    worker: int | None = None
    arguments: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None

    @property
    def plan_id(self) -> str:
        """Name of the folder of this task's status files."""
        return self.plan.plan_id if self.plan else "by-hand"

    @property
    def slots(self) -> range:
        """Slots that this process is to work on."""
        if self.plan is None or self.names is not None:
            return range(self.index, self.index + 1)
        slots = self.plan.slots_of(self.index)
        return slots if self.worker is None else slots[self.worker : self.worker + 1]

    @functools.cached_property
    def index_of_scenes(self) -> Mapping[str, IndexEntry]:
        """The scenes of the data set, read once; not for phase 1, which changes it."""
        return read_index(DatasetLayout.of(self.cfg))

    def scenes(self) -> list[str]:
        """Return the scenes of this process, in index order.

        Raises:
            ConfigError: no such index.
        """
        index = self.index_of_scenes
        if self.names is not None:
            return select_scenes(index, Selection(scenes=self.names))
        if self.plan is None:
            return select_scenes(index, Selection(scene_idx=self.index))
        names = [scene for slot in self.slots for scene in self.plan.slots[slot]]
        return select_scenes(index, Selection(scenes=names))


def run_task(task: Task) -> int:
    """Run a task to its end and return the exit status.

    0 once every scene is complete or has a recorded failure: one failed scene must not cut its pack-mates
    from the next phase; the gate jobs (phases 4 and 6) tell what is missing by theirs.
    """
    console = make_console()
    where = slurm_job_id() or "no job"
    console.print(f"focusgen task {task.plan_id} index {task.index} ({where}), start {restart_count() + 1}")
    if task.worker is None and len(task.slots) > 1:
        return _run_workers(task, console)
    try:
        with stop_on_signals() as stop:
            return _run_phases(task, console, stop)
    except Interrupted as error:
        with deaf_to_warnings(for_good=slurm.in_job()):
            return _after_signal(task, console, error)


def _run_phases(task: Task, console: Console, stop: StopFlag) -> int:
    dataset = DatasetLayout.of(task.cfg)
    observer = AttemptObserver(console, dataset, task.plan_id, task.slots.start, task.index)
    codes = [ExitCode.COMPLETE]
    with observer:
        for phase in task.phases:
            if phase not in SCENE_PHASES:
                codes.append(_run_gate(task, phase, observer, stop))
                continue
            try:
                codes.append(_run_scene_phase(task, phase, observer, stop))
            except Interrupted:
                raise
            except FocusgenError as error:  # of no scene, so no scene's record tells it
                observer.say(phase=phase, state="stopped", scene_id="", reason=error.message)
                raise
    return int(max(codes))


def _run_scene_phase(task: Task, phase: PhaseName, observer: AttemptObserver, stop: StopFlag) -> ExitCode:
    run = PhaseRun(PHASES[phase], task.cfg, task.scenes(), observer, stop, index=task.index_of_scenes)
    try:
        summary = run.run()
    except Interrupted:
        observer.say(state="interrupted")
        raise
    observer.say(state="ended", scene_id="", model_loads=summary.model_loads)
    return _task_status(task, phase, summary, observer.console)


def _task_status(task: Task, phase: PhaseName, summary: RunSummary, console: Console) -> ExitCode:
    dataset = DatasetLayout.of(task.cfg)
    bad = {scene: outcome for scene, outcome in summary.outcomes.items() if outcome not in SETTLED}
    lost = [scene for scene in bad if read_failure(dataset.scene(scene), phase) is None]
    if bad:
        console.print(f"  {len(bad)} of {len(summary.outcomes)} scenes failed; focusgen status tells why")
    n_stale = sum(outcome == STALE_UPSTREAM for outcome in summary.outcomes.values())
    if n_stale:
        console.print(f"  {n_stale} of {len(summary.outcomes)} scenes lack an upstream that is not stale")
    if lost:
        console.print(f"  [red]no failure record could be written for {rich_text(', '.join(lost))}[/red]")
    return ExitCode.INCOMPLETE if lost or n_stale else ExitCode.COMPLETE


def _run_gate(task: Task, phase: PhaseName, observer: AttemptObserver, stop: StopFlag) -> ExitCode:
    """Run a phase that looks at the whole data set (or at the scenes that were named)."""
    from focusgen.run.pipeline import run_index_share, run_phase  # all phases: tasks need one

    if phase == "index" and task.plan is not None:
        share = [scene for slot in task.slots for scene in task.plan.slots[slot]]
        return run_index_share(task.cfg, share, observer, stop)
    if phase == "validate":
        return _validate(task, observer)
    code = run_phase(task.cfg, phase, Selection(), observer, stop)
    return max(code, _report_missing(task, observer.console)) if phase == "calibrate" else code


def _validate(task: Task, observer: AttemptObserver) -> ExitCode:
    from focusgen.run.validation import run_validate

    code = run_validate(task.cfg, observer, task.names)
    if task.cfg.store.pack == "none":
        return code
    from focusgen.tools.pack import pack_if_passed  # not before it is asked for: it imports torch

    return ExitCode(pack_if_passed(task.cfg, code))


def _report_missing(task: Task, console: Console) -> ExitCode:
    """Say which scenes the phases before the calibration have not finished."""
    index = read_index(DatasetLayout.of(task.cfg))
    if task.names is not None:
        index = {scene: index[scene] for scene in task.names}
    done = set(complete_scenes(task.cfg, "depth", index))
    missing = [scene for scene in index if scene not in done]
    for scene in missing:
        failure = read_failure(DatasetLayout.of(task.cfg).scene(scene), "depth") or {}
        why = f"{failure.get('class')}: {failure.get('message')}" if failure else "not run to its end"
        console.print(f"  missing: {rich_text(scene)}: {rich_text(why)}")
    if missing:
        console.print(f"  {len(missing)} of {len(index)} scenes miss depth: focusgen resubmit --failed")
    return ExitCode.INCOMPLETE if missing else ExitCode.COMPLETE


def _after_signal(task: Task, console: Console, error: Interrupted) -> int:
    """Requeue this very task if the time was short; end if somebody else decided so."""
    job_id = slurm_job_id()
    console.print(f"  {error.message}")
    if not job_id or not slurm.may_requeue(job_id):
        return int(error.exit_code)
    cap = task.cfg.cluster.max_requeues
    if restart_count() >= cap:
        console.print(f"  requeued {cap} times already: what is not complete counts as timed out")
        return _time_out(task)
    if task.worker is None:
        _requeue(job_id, console)
    return int(error.exit_code)


def _requeue(job_id: str, console: Console) -> None:
    if slurm.requeue(job_id):
        console.print(f"  requeued as {job_id}")
    else:
        console.print(
            f"  [red]scontrol requeue {job_id} was refused[/red]: focusgen resubmit --missing goes on"
        )


def _time_out(task: Task) -> int:
    """Record that the unfinished scenes ran out of time; frames already published stay."""
    dataset = DatasetLayout.of(task.cfg)
    cap = task.cfg.cluster.max_requeues
    phases = [phase for phase in task.phases if phase in SCENE_PHASES]
    index = read_index(dataset) if phases else {}  # phase 1 has none yet
    for phase in phases:
        done = set(complete_scenes(task.cfg, phase, {scene: index[scene] for scene in task.scenes()}))
        for scene in task.scenes():
            if scene in done or read_failure(dataset.scene(scene), phase) is not None:
                continue
            error = SceneTimeoutError(
                f"scene {scene!r}: phase {phase} was stopped at the time limit {cap + 1} times",
                "focusgen resubmit --failed goes on at its frame; raise cluster.time_h or cluster.tasks.",
            )
            try:
                write_failure(dataset.scene(scene), phase, error, FailureClass.TIMEOUT, "", time.time())
            except SceneError:
                return int(ExitCode.INCOMPLETE)
    return int(ExitCode.COMPLETE)


def _run_workers(task: Task, console: Console) -> int:
    """Run the workers of one index side by side, each with its own GPUs, and hand signals on."""
    shares = gpu_shares(os.environ.get("CUDA_VISIBLE_DEVICES", ""), len(task.slots))
    children = [_start_worker(task, worker, share) for worker, share in enumerate(shares)]

    def hand_on(number: int, frame: object) -> None:
        for child in children:
            child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, hand_on)
    codes = [child.wait() for child in children]
    job_id = slurm_job_id()
    with deaf_to_warnings(for_good=slurm.in_job()):
        if ExitCode.TERMINATED in codes and job_id and slurm.may_requeue(job_id):
            _requeue(job_id, console)
    return max(code if code >= 0 else 128 - code for code in codes)


def _start_worker(task: Task, worker: int, devices: str | None) -> subprocess.Popen[bytes]:
    environment = dict(os.environ)
    if devices is not None:
        environment["CUDA_VISIBLE_DEVICES"] = devices
    command = [*module_command("focusgen.cli"), "task", *task.arguments, "--worker", str(worker)]
    if task.plan is not None and "--plan" not in task.arguments:
        command += ["--plan", task.plan.plan_id]  # the newest may be another by now
    return subprocess.Popen(command, env=environment)


def gpu_shares(visible: str, n_workers: int) -> Sequence[str | None]:
    """Return CUDA_VISIBLE_DEVICES of each worker: equal shares of what the job was given.

    Where there are no GPUs, or fewer than workers, everyone sees what the job sees.
    """
    devices = [device for device in visible.split(",") if device]
    if len(devices) < n_workers:
        return [None] * n_workers
    share = len(devices) // n_workers
    return [",".join(devices[i * share : (i + 1) * share]) for i in range(n_workers)]
