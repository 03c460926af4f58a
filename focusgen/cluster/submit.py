"""A plan into linked jobs.

Per-scene phases are arrays with the same indices, linked by aftercorr: index 3 of the next phase waits for
index 3 only. Gates (phases 4 and 6) wait for the end of all arrays, good or bad, and say what is missing.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder, publish_json, remove
from focusgen.cluster import sbatch, slurm
from focusgen.cluster.packing import Packing, one_each, pack_within
from focusgen.cluster.plans import Kind, Plan, new_plan_id, plan_path, write_plan
from focusgen.cluster.slurm import Limits
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.config.graph import scene_phases
from focusgen.config.paths import with_paths
from focusgen.dataset.layout import DatasetLayout
from focusgen.run.forecast import SceneWork, cost_s
from focusgen.run.max_coc import with_max_coc


@dataclass(frozen=True)
class Step:
    """One job of a submission and what it waits for.

    Attributes:
        after: (kind of dependency, names of jobs).
        n_tasks: array tasks, 1 for a gate.
        then: a command that follows in the same job (phase 1: submit the phases that need its index).
    """

    job: sbatch.Job
    after: tuple[tuple[str, tuple[str, ...]], ...]
    n_tasks: int
    then: tuple[str, ...] = ()


def workers_for(
    cfg: Config, phases: Sequence[PhaseName], works: Sequence[SceneWork], limits: Limits | None = None
) -> Packing:
    """Return which scenes each worker gets.

    Raises:
        ConfigError: more tasks are needed than the cluster accepts.
    """
    cluster = cfg.cluster
    cost = cost_s(cfg, phases, works)
    at_most = None
    if limits is not None and limits.max_jobs is not None:
        at_most = max(1, limits.max_jobs // max(1, len(phases))) * cluster.workers_per_task
    if cluster.one_scene_per_task:
        if cluster.tasks is not None:
            print(
                f"note: cluster.tasks {cluster.tasks} packs no scenes: one_scene_per_task takes each alone",
                file=sys.stderr,
            )
        if at_most is not None and len(works) > at_most:
            raise ConfigError(
                f"{len(works)} scenes need {len(works)} workers, and the cluster accepts {at_most}",
                "Leave out --one_scene_per_task: scenes are then packed.",
            )
        return one_each(cost)
    return pack_within(
        cost,
        [cluster.time_h[phase] * 3600 * cluster.wall_share for phase in phases],
        wanted=(cluster.tasks or cluster.throttle) * cluster.workers_per_task,
        at_most=at_most,
        multiple=cluster.workers_per_task,
    )


def absolute(cfg: Config) -> Config:
    """Return the settings with every path absolute: jobs need not start in today's folder."""
    return with_paths(cfg, Path.absolute)


def make_plan(
    cfg: Config,
    phases: Sequence[PhaseName],
    works: Sequence[SceneWork],
    limits: Limits,
    *,
    kind: Kind = "submit",
    write: bool = True,
) -> Plan:
    """Pack scenes and write the plan (a dry run only makes one up)."""
    packing = workers_for(cfg, scene_phases(phases), works, limits)
    slots = [[works[position].scene_id for position in members] for members in packing.members]
    return write_plan(cfg, kind, phases, slots, new_plan_id(), write=write)


def steps_of(
    cfg: Config,
    plan: Plan,
    phases: Sequence[PhaseName],
    limits: Limits,
    *,
    indices: Sequence[int] | None = None,
    hold: bool = False,
) -> list[Step]:
    """Return the jobs of a plan in the order in which they are submitted."""
    steps: list[Step] = []
    chunks = chunks_of(plan.n_tasks, limits.max_array_size, indices)
    last: list[str] = []  # the arrays that the next per-scene phase follows, chunk by chunk
    gate: tuple[str, ...] = ()  # a calibration that the next phase waits for
    for phase in phases:
        if phase in SCENE_PHASES:
            arrays = list(arrays_of(cfg, plan, phase, chunks, last, gate, hold=hold))
            steps += arrays
            last = [step.job.name for step in arrays]
        else:
            waits = tuple(step.job.name for step in steps)
            job = gate_job(cfg, plan, phase, hold=hold)
            steps.append(Step(job, (("afterany", waits),) if waits else (), 1))
            gate = (job.name,)
    return steps


@dataclass(frozen=True)
class Chunk:
    """Indices of a plan that fit into one array: `indices` of the array, plus `offset`."""

    offset: int
    indices: tuple[int, ...]


def chunks_of(n_tasks: int, max_array_size: int, indices: Sequence[int] | None = None) -> list[Chunk]:
    """Split the indices of a plan into arrays: an array's highest index is MaxArraySize - 1."""
    asked = sorted(set(indices)) if indices is not None else range(n_tasks)
    chunks: dict[int, list[int]] = {}
    for index in asked:
        if not 0 <= index < n_tasks:
            raise ConfigError(f"index {index}: the plan has 0..{n_tasks - 1}")
        chunks.setdefault(index // max_array_size, []).append(index % max_array_size)
    return [Chunk(number * max_array_size, tuple(local)) for number, local in sorted(chunks.items())]


def array_text(indices: Sequence[int], throttle: int) -> str:
    """Return indices as sbatch takes them: runs as a-b, and how many may run at once."""
    spans: list[list[int]] = []
    for index in indices:
        if spans and spans[-1][1] == index - 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    text = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
    return f"{text}%{throttle}" if throttle < len(indices) else text


def arrays_of(
    cfg: Config,
    plan: Plan,
    phase: PhaseName,
    chunks: Sequence[Chunk],
    last: Sequence[str] = (),
    gate: tuple[str, ...] = (),
    *,
    hold: bool = False,
) -> Iterator[Step]:
    """Yield the array of each chunk, after the chunk's array of the phase before and after a gate."""
    dataset = DatasetLayout.of(cfg)
    throttle = max(1, cfg.cluster.throttle // max(len(chunks), 1))
    for number, chunk in enumerate(chunks):
        after: list[tuple[str, tuple[str, ...]]] = [("aftercorr", (last[number],))] if last else []
        if gate:
            after.append(("afterany", gate))
        job = sbatch.Job(
            name=f"focusgen-{plan.plan_id}-{phase}-{number}",
            phase=phase,
            command=sbatch.task_command(cfg, plan_path(dataset, plan.plan_id), phase, chunk.offset),
            log=sbatch.log_pattern(dataset.slurm_logs / plan.plan_id, phase, is_array=True),
            array=array_text(chunk.indices, throttle),
            workers=plan.workers,
            hold=hold,
        )
        yield Step(job, tuple(after), len(chunk.indices))


def gate_job(cfg: Config, plan: Plan, phase: PhaseName, *, hold: bool) -> sbatch.Job:
    """Return the job of a phase that looks at the whole data set."""
    folder = DatasetLayout.of(cfg).slurm_logs / plan.plan_id
    return sbatch.Job(
        name=f"focusgen-{plan.plan_id}-{phase}",
        phase=phase,
        command=sbatch.gate_command(cfg, plan.settings_yaml, phase),
        log=sbatch.log_pattern(folder, phase, is_array=False),
        hold=hold,
    )


def dependency_text(step: Step, ids: dict[str, str]) -> str:
    """Return what a job waits for, as sbatch takes it; a job not submitted yet stands as its name."""
    parts = []
    for kind, names in step.after:
        parts.append(":".join([kind, *(ids.get(name, f"<{name}>") for name in names)]))
    return ",".join(parts)


def script_texts(cfg: Config, steps: Sequence[Step]) -> list[str]:
    """Return the exact text of every job; ids that only sbatch can give stand as <job name>."""
    return [
        sbatch.script_text(cfg, replace(step.job, dependency=dependency_text(step, {})), step.then)
        for step in steps
    ]


def submit_steps(
    cfg: Config, plan_id: str, phases: Sequence[PhaseName], steps: Sequence[Step]
) -> dict[str, Any]:
    """Hand all jobs to sbatch and return the submission's document, which is kept up to date on the way.

    Raises:
        ConfigError: sbatch refused one; those before it are cancelled, or named if even that is refused.
    """
    slurm.require_slurm()
    dataset = DatasetLayout.of(cfg)
    folder = dataset.slurm_logs / plan_id
    make_folder(dataset.submissions)
    document: dict[str, Any] = {
        "plan_id": plan_id,
        "phases": list(phases),
        "submitted": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "by_job": os.environ.get("SLURM_JOB_ID"),
        "jobs": [],
    }
    path = dataset.submissions / f"{new_plan_id()}.json"
    ids: dict[str, str] = {}
    for step in steps:
        job = replace(step.job, dependency=dependency_text(step, ids))
        try:
            ids[job.name] = sbatch.hand_over(cfg, job, folder, step.then)
        except ConfigError as error:
            raise _with_cancelled(error, dataset, plan_id, ids, path) from error
        document["jobs"].append(
            {
                "name": job.name,
                "phase": job.phase,
                "job_id": ids[job.name],
                "array": job.array,
                "n_tasks": step.n_tasks,
            }
        )
        publish_json(path, document)
    return document


def _with_cancelled(
    error: ConfigError, dataset: DatasetLayout, plan_id: str, ids: dict[str, str], submission: Path
) -> ConfigError:
    """Take back the jobs before the refused one, which would leave half a chain, and say so."""
    left = {name: job_id for name, job_id in ids.items() if not slurm.cancel(job_id, name)}
    if left:
        command = f"focusgen cancel --plan {plan_id} --out_root {shlex.quote(str(dataset.root))}"
        still = f"Still submitted: jobs {', '.join(left.values())}; {command} ends them."
        return ConfigError(f"{error.message}\n{still}", error.advice)
    if not ids:
        return error
    remove(submission)  # nothing is left of it
    gone = f"The {len(ids)} jobs submitted before it were cancelled again: {', '.join(ids.values())}."
    return ConfigError(f"{error.message}\n{gone}", f"{error.advice} Then start the same command again.")


def check_ready(cfg: Config, phases: Sequence[PhaseName]) -> None:
    """Refuse to submit phase 5 before somebody has approved the calibration.

    Raises:
        ApprovalError: nobody has.
    """
    if "render" in phases and not cfg.run.auto_approve:
        with_max_coc(cfg)
