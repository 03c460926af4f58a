"""What was asked of a cluster, and the three ways to meet it: Slurm, this machine, or only the scripts."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from focusgen.base.errors import ApprovalError, ConfigError
from focusgen.cluster.attempts import forget_stopped
from focusgen.cluster.index_jobs import index_steps
from focusgen.cluster.local import run_plan
from focusgen.cluster.report import forecast_lines
from focusgen.cluster.resources import limits_for
from focusgen.cluster.slurm import Limits, require_slurm
from focusgen.cluster.submit import (
    Step,
    check_ready,
    make_plan,
    script_texts,
    steps_of,
    submit_steps,
)
from focusgen.cluster.task import Task, run_task
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.config.graph import scene_phases
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.states import State
from focusgen.run.ask_first import ask_before_jobs, ask_first
from focusgen.run.forecast import SceneWork, forecast, survey, work_of
from focusgen.run.max_coc import warning_before_renders, with_max_coc
from focusgen.run.selection import Selection, select_scenes
from focusgen.run.status import all_status

Where = Literal["slurm", "local", "debug"]


@dataclass(frozen=True)
class Submission:
    """What is asked for.

    Attributes:
        names: only these scenes; None for all.
        split: only scenes of this split.
        hold: submit held.
        force: submit although something is missing on this machine.
    """

    cfg: Config
    phases: tuple[PhaseName, ...]
    names: Sequence[str] | None = None
    split: str | None = None
    hold: bool = False
    force: bool = False

    @property
    def later(self) -> tuple[PhaseName, ...]:
        """The phases that need the index."""
        return tuple(phase for phase in self.phases if phase != "index")

    @property
    def selection(self) -> Selection:
        """Which scenes are asked for."""
        return Selection(scenes=self.names, split=self.split)

    def works(self) -> list[SceneWork]:
        """Return the scenes that are not complete in one of the asked phases.

        Raises:
            ConfigError: phase 1 found no scene.
        """
        dataset = DatasetLayout.of(self.cfg)
        index = read_index(dataset)
        if not index:
            raise ConfigError(
                f"{dataset.index_json}: no scene is indexed: there is nothing to submit",
                f"{dataset.rejected_scenes_json} says why; mend that, then run phase 1 again.",
            )
        chosen = select_scenes(index, self.selection)
        pending = set(unfinished(self.cfg, index, self.later, chosen))
        return [work for work in work_of(self.cfg, index) if work.scene_id in pending]

    def due(self, works: Sequence[SceneWork]) -> tuple[PhaseName, ...]:
        """Return the phases to do: without scenes only the gates are left."""
        return tuple(phase for phase in self.later if works or phase not in scene_phases(self.later))


def unfinished(
    cfg: Config,
    index: Mapping[str, IndexEntry],
    phases: Sequence[PhaseName],
    scenes: Sequence[str] | None = None,
) -> list[str]:
    """Return the scenes of which a phase is not complete under today's settings, in index order.

    Most scenes of a first submission have no record at all: those are told by one look, without reading.
    """
    dataset = DatasetLayout.of(cfg)
    wanted = [phase for phase in phases if phase in SCENE_PHASES]
    scenes = list(index) if scenes is None else scenes
    begun = [scene for scene in scenes if all(dataset.scene(scene).done(phase).exists() for phase in wanted)]
    complete = {
        status.scene_id
        for status in all_status(dataset, index, cfg, begun)
        if all(status.phases[phase].state is State.COMPLETE for phase in wanted)
    }
    return [scene for scene in scenes if scene not in complete]


def next_phases(cfg: Config) -> tuple[PhaseName, ...]:
    """Return what to submit where nothing is said: phases 1-4, or 5-6 once the calibration is approved."""
    before: tuple[PhaseName, ...] = ("index", "deblur", "depth", "calibrate")
    if not DatasetLayout.of(cfg).index_json.exists():
        return before
    try:
        with_max_coc(cfg)
    except ApprovalError:
        return before
    return ("render", "validate")


def submit(asked: Submission, where: Where, *, dry_run: bool) -> int:
    """Meet a submission and return the exit status; a dry run prints what Slurm would get and writes nothing.

    Raises:
        ApprovalError: phase 5 is asked for, and nobody has approved the calibration.
        ConfigError: something is missing that every task would miss.
    """
    check_ready(asked.cfg, asked.phases)
    ask(asked.cfg, asked.phases, asked.selection, where, force=asked.force or asked.hold, dry_run=dry_run)
    if dry_run:
        return _show(asked)
    return _to_slurm(asked) if where == "slurm" else _here(asked, in_this_process=where == "debug")


def ask(
    cfg: Config,
    phases: Sequence[PhaseName],
    selection: Selection,
    where: Where,
    *,
    force: bool,
    dry_run: bool,
) -> None:
    """Say what the tasks would miss, or do with an odd max_coc, before there are a thousand of them.

    Of a dry run only warn.

    Held jobs start nothing until somebody releases them: a submission that holds them passes `force`.

    Raises:
        ConfigError: something is missing.
    """
    is_calibrated = "render" in phases and "calibrate" not in phases
    warning = warning_before_renders(cfg) if is_calibrated or cfg.render.max_coc is not None else None
    if warning and "render" in phases:
        print(f"warning: {warning}", file=sys.stderr)
    if where == "slurm" or dry_run:
        ask_before_jobs(cfg, phases, selection, force=force or dry_run)
    else:
        ask_first(cfg, phases, selection)


def _show(asked: Submission) -> int:
    limits = limits_for(asked.cfg, asked.phases)
    steps = index_steps(asked.cfg, asked.later, limits, write=False)[1] if "index" in asked.phases else []
    has_index = DatasetLayout.of(asked.cfg).index_json.exists()
    works = asked.works() if has_index else survey(asked.cfg)
    steps += _steps(asked, works, limits, write=False)[1]
    for text in script_texts(asked.cfg, steps):
        print(text)
    if not has_index:
        print("# the arrays follow from phase 1's index; here they are planned from file headers\n")
    n_workers = max([step.n_tasks * step.job.workers for step in steps], default=1)
    expected = forecast(asked.cfg, works, asked.phases)
    lines = forecast_lines(asked.cfg, expected, asked.phases, n_workers)
    print("\n".join(f"# {line}" for line in lines))
    return 0


def _steps(
    asked: Submission, works: Sequence[SceneWork], limits: Limits, *, write: bool
) -> tuple[str, list[Step]]:
    """Return a plan's id and jobs."""
    phases = asked.due(works)
    if not phases:
        return "", []
    plan = make_plan(asked.cfg, phases, works, limits, write=write)
    return plan.plan_id, steps_of(asked.cfg, plan, phases, limits, hold=asked.hold)


def _to_slurm(asked: Submission) -> int:
    """Submit; with phase 1 asked for, its job submits the rest from the index that it makes."""
    require_slurm()
    if "index" in asked.phases:
        words = _later_words(asked)
        plan_id, steps = index_steps(
            asked.cfg, asked.later, limits_for(asked.cfg, ["index"]), words, hold=asked.hold
        )
        return hand_in(asked.cfg, plan_id, asked.phases, steps, dry_run=False)
    plan_id, steps = _steps(asked, asked.works(), limits_for(asked.cfg, asked.phases), write=True)
    if not steps:
        print("every asked scene is complete: nothing to submit")
        return 0
    return hand_in(asked.cfg, plan_id, asked.later, steps, dry_run=False)


def _later_words(asked: Submission) -> list[str]:
    words = ["--hold"] if asked.hold else []
    words += ["--force"] if asked.force else []
    words += ["--scenes", ",".join(asked.names)] if asked.names else []
    return words + (["--split", asked.split] if asked.split else [])


def _here(asked: Submission, *, in_this_process: bool) -> int:
    """Run all tasks on this machine."""
    code = run_task(Task(asked.cfg, None, ("index",), 0)) if "index" in asked.phases else 0
    works = asked.works() if asked.later else []
    if code or not asked.later:
        return code
    phases = asked.due(works)
    plan = make_plan(asked.cfg, phases, works, Limits())
    return run_plan(asked.cfg, plan, phases, in_this_process=in_this_process)


def hand_in(
    cfg: Config, plan_id: str, phases: Sequence[PhaseName], steps: Sequence[Step], *, dry_run: bool
) -> int:
    """Submit jobs and say what they are, or print their scripts."""
    if dry_run:
        print("\n".join(script_texts(cfg, steps)))
    else:
        forget_stopped(DatasetLayout.of(cfg), phases)
        _tell(submit_steps(cfg, plan_id, phases, steps), cfg)
    return 0


def _tell(document: dict[str, object], cfg: Config) -> None:
    jobs = document["jobs"]
    assert isinstance(jobs, list)
    if not jobs:
        raise ConfigError("nothing was submitted")
    for job in jobs:
        array = f" [{job['array']}]" if job["array"] else ""
        print(f"{job['job_id']}  {job['phase']}{array}")
    dataset = DatasetLayout.of(cfg)
    print(f"plan {document['plan_id']}; logs in {dataset.slurm_logs / str(document['plan_id'])}")
    print(f"focusgen status --out_root {shlex.quote(str(dataset.root))}")
