"""Submitting again: indices of a plan, or the scenes that failed, are missing or stale."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.base.names import listed
from focusgen.cluster.attempts import read_attempts
from focusgen.cluster.causes import losses
from focusgen.cluster.local import run_plan
from focusgen.cluster.plans import find_plan
from focusgen.cluster.resubmit import Selection, busy_scenes, due_phases, select_again
from focusgen.cluster.slurm import Limits, job_states, read_limits, require_slurm
from focusgen.cluster.submission import Where, ask, hand_in
from focusgen.cluster.submit import absolute, make_plan, steps_of
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.config.graph import scene_phases
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import State
from focusgen.run.forecast import work_of
from focusgen.run.settings import saved_config, with_overrides
from focusgen.run.status import all_status

DEFAULT_KINDS = frozenset({State.FAILED, State.PENDING, State.PARTIAL})


def settings_of(given: str | None, plan_name: str | None, overrides: Mapping[str, object]) -> Config:
    """Return the settings of a configuration, else of a plan, else of the last run; overrides win."""
    cfg = config.load(given, overrides)
    if given is None:
        dataset = DatasetLayout.of(cfg)
        plan = find_plan(dataset, plan_name)
        made = None if plan is not None else _made_with(dataset)
        if plan is not None:
            cfg = config.load(plan.settings_yaml, overrides)
        elif made is not None:  # what the last run might redo, this one may not unasked
            here = {"data.out_root": cfg.data.out_root, "run.on_stale": cfg.run.on_stale}
            cfg = with_overrides(made, {**here, **overrides})
    return absolute(cfg)


def _made_with(dataset: DatasetLayout) -> Config | None:
    """Return the settings that made a data set: of the last phase that ran, each earlier one with its own."""
    saved = {phase: cfg for phase in SCENE_PHASES if (cfg := saved_config(dataset, phase)) is not None}
    if not saved:
        return None
    last = list(saved.values())[-1]
    return last.model_copy(update={phase: dict(cfg.sections())[phase] for phase, cfg in saved.items()})


def resubmit_indices(
    cfg: Config,
    plan_name: str | None,
    asked: Sequence[PhaseName],
    indices: Sequence[int],
    where: Where,
    *,
    dry_run: bool,
) -> int:
    """Submit array indices of a plan again, whatever became of their scenes.

    Raises:
        ConfigError: no such plan or index, or they shall not go to Slurm.
    """
    phases = scene_phases(asked)
    plan = find_plan(DatasetLayout.of(cfg), plan_name, phases)
    if plan is None:
        raise ConfigError(f"no plan in {DatasetLayout.of(cfg).plans}", "focusgen submit writes plans.")
    if where != "slurm":
        raise ConfigError(
            "--indices submits to Slurm", f"Here: focusgen task --plan {plan.plan_id} --index I"
        )
    chosen = phases or scene_phases(plan.phases)
    steps = steps_of(cfg, plan, chosen, read_limits(), indices=indices)
    return hand_in(cfg, plan.plan_id, chosen, steps, dry_run=dry_run)


def resubmit_scenes(
    cfg: Config, kinds: Collection[State], where: Where, *, dry_run: bool, force: bool = False
) -> int:
    """Do again the scenes that are in one of the states, each from its first unfinished phase on.

    A dry run prints the scripts that Slurm would get, wherever the work would be done, and writes nothing.

    Returns:
        The exit status: 3 if nothing was done because every scene was refused.
    """
    index = read_index(DatasetLayout.of(cfg))
    chosen, phases, cfg = choose(cfg, kinds or DEFAULT_KINDS, index)
    for scene, reason in chosen.refused.items():
        print(f"not submitted: {scene}: {reason}")
    if chosen.stale:
        print(f"stale, left as they are: {listed(chosen.stale)} (--stale --on_stale redo makes them anew)")
    if not chosen.first:
        print("nothing to submit")
        return 3 if chosen.refused else 0
    works = [work for work in work_of(cfg, index) if work.scene_id in chosen.first]
    print(f"{len(works)} scenes from phase {phases[0]} on: {', '.join(work.scene_id for work in works[:10])}")
    ask(cfg, phases, {"scenes": list(chosen.first), "split": None}, where, force=force, dry_run=dry_run)
    if where == "slurm" and not dry_run:
        require_slurm()  # before a plan is written that nobody runs
    limits = read_limits() if where == "slurm" else Limits()
    plan = make_plan(cfg, phases, works, limits, kind="resubmit", write=not dry_run)
    if dry_run or where == "slurm":
        steps = steps_of(cfg, plan, phases, limits)
        return hand_in(cfg, plan.plan_id, phases, steps, dry_run=dry_run)
    return run_plan(cfg, plan, phases, in_this_process=where == "debug")


def choose(
    cfg: Config, kinds: Collection[State], index: Mapping[str, IndexEntry]
) -> tuple[Selection, list[PhaseName], Config]:
    """Return the scenes, their phases with the gates between, and the settings without nodes that failed."""
    dataset = DatasetLayout.of(cfg)
    attempts = list(read_attempts(dataset))
    open_jobs = [attempt.job_id for attempt in attempts if attempt.state != "ended"]
    lost = losses(attempts, job_states(open_jobs))
    statuses = all_status(dataset, index, cfg)
    wanted = due_phases(cfg, statuses)
    chosen = select_again(cfg, statuses, wanted, kinds, busy_scenes(dataset, attempts, lost), lost)
    return chosen, _with_gates(dataset, chosen.phases(wanted)), _without_nodes(cfg, chosen.bad_nodes)


def _with_gates(dataset: DatasetLayout, phases: Sequence[PhaseName]) -> list[PhaseName]:
    """Add the calibration if there is none yet, and the validation after renders."""
    found: list[PhaseName] = []
    for phase in phases:
        found.append(phase)
        if phase == "depth" and not dataset.coc_stats_json.exists():
            found.append("calibrate")
        if phase == "render":
            found.append("validate")
    return found


def _without_nodes(cfg: Config, bad_nodes: Collection[str]) -> Config:
    if not bad_nodes:
        return cfg
    options = {**cfg.cluster.options, "exclude": ",".join(sorted(bad_nodes))}
    return cfg.model_copy(update={"cluster": cfg.cluster.model_copy(update={"options": options})})
