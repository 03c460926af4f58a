"""Submitting again: indices of a plan, or the scenes that failed, are missing or stale."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.base.names import listed
from focusgen.base.shipped import script_command
from focusgen.cluster.attempts import read_attempts
from focusgen.cluster.causes import losses
from focusgen.cluster.local import run_plan
from focusgen.cluster.plans import Plan, find_plan
from focusgen.cluster.resources import limits_for
from focusgen.cluster.resubmit import DueScenes, busy_scenes, due_phases, select_again
from focusgen.cluster.slurm import Limits, job_states, require_slurm
from focusgen.cluster.submission import Where, ask, hand_in
from focusgen.cluster.submit import absolute, make_plan, steps_of
from focusgen.config import GRAPH, SCENE_PHASES, Config, PhaseName
from focusgen.config.graph import scene_phases
from focusgen.config.sections import seed_matters
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.states import State
from focusgen.run.forecast import work_of
from focusgen.run.selection import Selection
from focusgen.run.settings import Expected, expected_by_status, said_keys, saved_config, with_overrides
from focusgen.run.status import all_status

DEFAULT_KINDS = frozenset({State.FAILED, State.PENDING, State.PARTIAL})


SECTIONS_OF: dict[PhaseName, tuple[str, ...]] = {
    "deblur": ("data", "deblur"),
    "depth": ("depth",),
    "render": ("optics", "lens", "render"),
}
"""Whose last run says a section, where nobody does now: a later phase may have run without a word of it."""


@dataclass(frozen=True)
class Again:
    """The settings to submit again with.

    Attributes:
        cfg: all of them, with one seed.
        seeds: phase -> the seed that it drew with; phases that are not named have that of `cfg`.
        said: settings that somebody says now.
    """

    cfg: Config
    seeds: Mapping[PhaseName, int] = field(default_factory=dict)
    said: frozenset[str] = frozenset()

    def expected(self) -> dict[PhaseName, Expected]:
        """Return what the record of each phase is compared with."""
        every = expected_by_status(DatasetLayout.of(self.cfg), self.cfg)
        return {
            phase: Expected(_with_seed(known.cfg, self.seeds.get(phase, self.cfg.seed)), self.said)
            for phase, known in every.items()
        }

    def of(self, phases: Sequence[PhaseName]) -> Config:
        """Return the settings of a plan of phases.

        Raises:
            ConfigError: two of them drew with different seeds, and a plan holds one.
        """
        drawn = {p: self.seeds[p] for p in phases if p in self.seeds and seed_matters(self.cfg, p)}
        if len(set(drawn.values())) > 1:
            seeds = ", ".join(f"phase {GRAPH[phase].number} with {seed}" for phase, seed in drawn.items())
            first, seed = next(iter(drawn.items()))
            raise ConfigError(
                f"made with different seeds ({seeds}): one plan cannot do both again",
                f"Run phase {GRAPH[first].number} first: {script_command(GRAPH[first].script)} --seed {seed}",
            )
        return _with_seed(self.cfg, next(iter(drawn.values()), self.cfg.seed))


def _with_seed(cfg: Config, seed: int) -> Config:
    return cfg.model_copy(update={"seed": seed})


def settings_of(given: str | None, plan_name: str | None, overrides: Mapping[str, object]) -> Again:
    """Return the settings of a configuration, else those that made the data set; overrides win.

    Of the phases of the plan, the newest or the one that is named, they are the plan's; of the others, and
    without a plan, those of each phase's last run.
    """
    cfg = config.load(given, overrides)
    dataset = DatasetLayout.of(cfg)
    plan = find_plan(dataset, plan_name) if given is None else None
    made_by = _made_by(dataset, plan) if given is None else {}
    if not made_by:
        return Again(absolute(cfg), said=frozenset(said_keys(cfg)))
    here: dict[str, object] = {"data.out_root": cfg.data.out_root}
    if plan is None:  # what the last run might redo, this one may not unasked
        here["run.on_stale"] = cfg.run.on_stale
    last = list(made_by.values())[-1] if plan is None else config.load(plan.settings_yaml)
    merged = with_overrides(_merged(last, made_by), {**here, **overrides})
    seeds = {} if "seed" in overrides else {phase: made.seed for phase, made in made_by.items()}
    return Again(absolute(merged), seeds, frozenset(overrides))


def _made_by(dataset: DatasetLayout, plan: Plan | None) -> dict[PhaseName, Config]:
    """Return phase -> the settings that it was made by, as far as they are known."""
    planned = config.load(plan.settings_yaml) if plan is not None else None
    found = {
        phase: planned if plan is not None and phase in plan.phases else saved_config(dataset, phase)
        for phase in SCENE_PHASES
    }
    return {phase: made for phase, made in found.items() if made is not None}


def _merged(last: Config, made_by: Mapping[PhaseName, Config]) -> Config:
    """Return settings in which every section is that of the phase which it makes."""
    owner = {name: made for phase, made in made_by.items() for name in SECTIONS_OF[phase]}
    return last.model_copy(update={name: getattr(made, name) for name, made in owner.items()})


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
    steps = steps_of(cfg, plan, chosen, limits_for(cfg, chosen), indices=indices)
    return hand_in(cfg, plan.plan_id, chosen, steps, dry_run=dry_run)


def resubmit_scenes(
    again: Again, kinds: Collection[State], where: Where, *, dry_run: bool, force: bool = False
) -> int:
    """Do again the scenes that are in one of the states, each from its first unfinished phase on.

    A dry run prints the scripts that Slurm would get, wherever the work would be done, and writes nothing.

    Returns:
        The exit status: 3 if nothing was done because every scene was refused.
    """
    index = read_index(DatasetLayout.of(again.cfg))
    chosen, phases, cfg = choose(again, kinds or DEFAULT_KINDS, index)
    for scene, reason in chosen.refused.items():
        print(f"not submitted: {scene}: {reason}")
    if chosen.stale:
        print(f"stale, left as they are: {listed(chosen.stale)} (--stale --on_stale redo makes them anew)")
    if not chosen.first:
        print("nothing to submit")
        return 3 if chosen.refused else 0
    works = [work for work in work_of(cfg, index) if work.scene_id in chosen.first]
    print(f"{len(works)} scenes from phase {phases[0]} on: {', '.join(work.scene_id for work in works[:10])}")
    ask(cfg, phases, Selection(scenes=list(chosen.first)), where, force=force, dry_run=dry_run)
    if where == "slurm" and not dry_run:
        require_slurm()  # before a plan is written that nobody runs
    limits = limits_for(cfg, phases) if where == "slurm" else Limits()
    plan = make_plan(cfg, phases, works, limits, kind="resubmit", write=not dry_run)
    if dry_run or where == "slurm":
        steps = steps_of(cfg, plan, phases, limits)
        return hand_in(cfg, plan.plan_id, phases, steps, dry_run=dry_run)
    return run_plan(cfg, plan, phases, in_this_process=where == "debug")


def choose(
    again: Again, kinds: Collection[State], index: Mapping[str, IndexEntry]
) -> tuple[DueScenes, list[PhaseName], Config]:
    """Return the scenes, their phases with the gates between, and the settings without nodes that failed.

    Raises:
        ConfigError: the phases were made with different seeds.
    """
    cfg, dataset = again.cfg, DatasetLayout.of(again.cfg)
    attempts = list(read_attempts(dataset))
    open_jobs = [attempt.job_id for attempt in attempts if attempt.state != "ended"]
    lost = losses(attempts, job_states(open_jobs))
    statuses = all_status(dataset, index, expected=again.expected())
    wanted = due_phases(cfg, statuses)
    chosen = select_again(cfg, statuses, wanted, kinds, busy_scenes(dataset, attempts, lost), lost)
    phases = chosen.phases(wanted)
    return chosen, _with_gates(dataset, phases), _without_nodes(again.of(phases), chosen.bad_nodes)


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
    excluded = [name for name in cfg.cluster.options.get("exclude", "").split(",") if name]
    excluded += sorted(set(bad_nodes) - set(excluded))
    options = {**cfg.cluster.options, "exclude": ",".join(excluded)}
    return cfg.model_copy(update={"cluster": cfg.cluster.model_copy(update={"options": options})})
