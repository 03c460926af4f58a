"""Submit again just what failed, is missing or stale; everything that is complete stays as it is.

Settings are those of the newest plan unless --config is given. A scene that ran out of memory is submitted
again only with another setting; a node that failed is left out. Without a choice: failed and missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.commands.groups import DataSetFlags, RunSettings, SceneSettings
from focusgen.config import Config, PhaseName
from focusgen.config.flags import option, parse
from focusgen.config.graph import parse_phases, scene_phases
from focusgen.dataset.layout import DatasetLayout


@dataclass(frozen=True)
class ResubmitFlags(SceneSettings, RunSettings, DataSetFlags):
    """Which scenes again, and where they run."""

    failed: bool = option(False, "scenes with a failure record")
    missing: bool = option(False, "scenes that no running task works on and that are not complete")
    stale: bool = option(False, "scenes made with other settings; needs --on_stale redo or keep")
    indices: str | None = option(None, "array indices of a plan, e.g. 3,7")
    plan: str | None = option(None, "the plan of --indices; default: the newest")
    phases: str | None = option(None, "phases of --indices; default: all of the plan")
    cluster: Literal["slurm", "local", "debug"] = option(
        "slurm", "local: on this machine; debug: this process"
    )
    dry_run: bool = option(False, "print the exact sbatch scripts; submit and write nothing")


def main(argv: Sequence[str]) -> int:
    """Run `focusgen resubmit`."""
    parsed = parse(ResubmitFlags, argv, prog="focusgen resubmit", doc=__doc__)
    given = parsed.flags
    cfg = _settings(given, parsed.overrides)
    if given.indices:
        return _indices(cfg, given, given.indices)
    return _scenes(cfg, given)


def _settings(given: ResubmitFlags, overrides: dict[str, Any]) -> Config:
    from focusgen.cluster.plans import find_plan
    from focusgen.cluster.submit import absolute

    cfg = config.load(given.config, overrides)
    if given.config is None:
        plan = find_plan(DatasetLayout.of(cfg), given.plan)
        if plan is not None:
            cfg = config.load(plan.settings_yaml, overrides)
    return absolute(cfg)


def _indices(cfg: Config, given: ResubmitFlags, indices: str) -> int:
    from focusgen.cluster.plans import find_plan
    from focusgen.cluster.slurm import read_limits
    from focusgen.cluster.submit import steps_of
    from focusgen.commands.submit import hand_in

    phases = scene_phases(parse_phases(given.phases)) if given.phases else []
    plan = find_plan(DatasetLayout.of(cfg), given.plan, phases)
    if plan is None:
        raise ConfigError(f"no plan in {DatasetLayout.of(cfg).plans}", "focusgen submit writes plans.")
    if given.cluster != "slurm":
        raise ConfigError(
            "--indices submits to Slurm", f"Here: focusgen task --plan {plan.plan_id} --index I"
        )
    words = [word.strip() for word in indices.split(",")]
    if not all(word.isdecimal() for word in words):
        raise ConfigError(f"--indices {indices}: numbers, e.g. 3,7")
    chosen = phases or scene_phases(plan.phases)
    steps = steps_of(cfg, plan, chosen, read_limits(), indices=[int(word) for word in words])
    return hand_in(cfg, plan.plan_id, chosen, steps, dry_run=given.dry_run)


def _scenes(cfg: Config, given: ResubmitFlags) -> int:
    from focusgen.cluster.local import run_plan
    from focusgen.cluster.slurm import Limits, read_limits
    from focusgen.cluster.submit import make_plan, steps_of
    from focusgen.commands.submit import hand_in
    from focusgen.dataset.index import read_index
    from focusgen.run.forecast import work_of

    index = read_index(DatasetLayout.of(cfg))
    chosen, phases, cfg = _choose(cfg, given, index)
    for scene, reason in chosen.refused.items():
        print(f"not submitted: {scene}: {reason}")
    if not chosen.first:
        print("nothing to submit")
        return 3 if chosen.refused else 0
    works = [work for work in work_of(cfg, index) if work.scene_id in chosen.first]
    print(f"{len(works)} scenes from phase {phases[0]} on: {', '.join(work.scene_id for work in works[:10])}")
    limits = read_limits() if given.cluster == "slurm" else Limits()
    plan = make_plan(cfg, phases, works, limits, kind="resubmit", write=not given.dry_run)
    if given.cluster != "slurm":
        return run_plan(cfg, plan, phases, in_this_process=given.cluster == "debug")
    return hand_in(cfg, plan.plan_id, phases, steps_of(cfg, plan, phases, limits), dry_run=given.dry_run)


def _choose(cfg: Config, given: ResubmitFlags, index: Any) -> tuple[Any, list[PhaseName], Config]:
    from focusgen.cluster.attempts import read_attempts
    from focusgen.cluster.causes import losses
    from focusgen.cluster.resubmit import busy_scenes, due_phases, select_again
    from focusgen.cluster.slurm import job_states
    from focusgen.dataset.records import State
    from focusgen.run.status import all_status

    dataset = DatasetLayout.of(cfg)
    attempts = list(read_attempts(dataset))
    open_jobs = [attempt.job_id for attempt in attempts if attempt.state != "ended"]
    lost = losses(attempts, job_states(open_jobs))
    kinds = {State.FAILED} if given.failed else set()
    kinds |= {State.PENDING, State.PARTIAL} if given.missing else set()
    kinds |= {State.STALE} if given.stale else set()
    statuses = all_status(dataset, index, cfg)
    wanted = due_phases(cfg, statuses)
    chosen = select_again(
        cfg,
        statuses,
        wanted,
        kinds or {State.FAILED, State.PENDING, State.PARTIAL},
        busy_scenes(dataset, attempts, lost),
        lost,
    )
    phases = _with_gates(dataset, chosen.phases(wanted))
    if chosen.bad_nodes:
        excluded = {**cfg.cluster.options, "exclude": ",".join(sorted(chosen.bad_nodes))}
        cfg = cfg.model_copy(update={"cluster": cfg.cluster.model_copy(update={"options": excluded})})
    return chosen, phases, cfg


def _with_gates(dataset: DatasetLayout, phases: list[PhaseName]) -> list[PhaseName]:
    """Add the calibration if there is none yet, and the validation after renders."""
    found: list[PhaseName] = []
    for phase in phases:
        found.append(phase)
        if phase == "depth" and not dataset.coc_stats_json.exists():
            found.append("calibrate")
        if phase == "render":
            found.append("validate")
    return found
