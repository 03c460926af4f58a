"""Which scenes to submit again, from which phase on, and which not, by the class of what went wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from focusgen.base.errors import ConfigError
from focusgen.cluster.attempts import Attempt
from focusgen.cluster.causes import Loss
from focusgen.cluster.plans import find_plan
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.states import State, read_failure
from focusgen.run.settings import saved_config
from focusgen.run.status import SceneStatus


@dataclass
class DueScenes:
    """What to submit again.

    Attributes:
        first: scene -> its first phase that is not complete.
        refused: scene -> why it is not submitted.
        stale: scenes that are stale, where such ones were not asked for.
        bad_nodes: nodes that failed under a task; left out.
    """

    first: dict[str, PhaseName] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)
    bad_nodes: set[str] = field(default_factory=set)

    def phases(self, wanted: Sequence[PhaseName]) -> list[PhaseName]:
        """Return the phases from the earliest that a chosen scene needs."""
        numbers = [wanted.index(phase) for phase in self.first.values()]
        return list(wanted[min(numbers) :]) if numbers else []


def select_again(
    cfg: Config,
    statuses: Sequence[SceneStatus],
    wanted: Sequence[PhaseName],
    kinds: Collection[State],
    busy: Mapping[str, str],
    lost: Sequence[Loss],
) -> DueScenes:
    """Choose among scenes whose first unfinished phase is in a state of `kinds`.

    Args:
        cfg: the settings of the new try.
        statuses: where every scene stands.
        wanted: per-scene phases that are due by now.
        kinds: states that are asked for.
        busy: scene -> task that works on it now.
        lost: tasks that ended without a word.
    """
    chosen = DueScenes(bad_nodes={loss.node for loss in lost if loss.cause == "node_failure"})
    out_of_memory = {(loss.attempt.scene_id, loss.attempt.phase) for loss in lost if loss.cause == "oom"}
    for status in statuses:
        unfinished = [p for p in wanted if status.phases[p].state is not State.COMPLETE]
        state = status.phases[unfinished[0]].state if unfinished else State.COMPLETE
        if state not in kinds:
            if state is State.STALE:
                chosen.stale.append(status.scene_id)
            continue
        phase = unfinished[0]
        if status.scene_id in busy:
            chosen.refused[status.scene_id] = f"{busy[status.scene_id]} works on it"
            continue
        reason = _why_not(cfg, status, phase, (status.scene_id, phase) in out_of_memory)
        if reason:
            chosen.refused[status.scene_id] = reason
        else:
            chosen.first[status.scene_id] = phase
    return chosen


def _why_not(cfg: Config, status: SceneStatus, phase: PhaseName, was_killed_for_memory: bool) -> str:
    state = status.phases[phase]
    if state.state is State.STALE and cfg.run.on_stale == "fail":
        return f"stale ({state.reason}): say --on_stale redo or keep"
    failure = read_failure(DatasetLayout.of(cfg).scene(status.scene_id), phase) or {}
    is_oom = state.state is State.FAILED and failure.get("class") == "oom"
    if (is_oom or was_killed_for_memory) and not _has_other_settings(cfg, phase):
        return f"out of memory in {phase}: it would be again; change {phase}.* or cluster.memory_gb"
    return ""


def _has_other_settings(cfg: Config, phase: PhaseName) -> bool:
    before = saved_config(DatasetLayout.of(cfg), phase)
    if before is None:
        return True
    same_memory = before.cluster.memory_gb[phase] == cfg.cluster.memory_gb[phase]
    return getattr(before, phase) != getattr(cfg, phase) or not same_memory


def due_phases(cfg: Config, statuses: Sequence[SceneStatus]) -> list[PhaseName]:
    """Return the per-scene phases that should be complete by now: render only once it was begun."""
    begun = any(status.phases["render"].state is not State.PENDING for status in statuses)
    return list(SCENE_PHASES if begun or cfg.render.max_coc is not None else SCENE_PHASES[:2])


def busy_scenes(dataset: DatasetLayout, attempts: Sequence[Attempt], lost: Sequence[Loss]) -> dict[str, str]:
    """Return scene -> job of every scene that belongs to a task that runs now."""
    gone = {id(loss.attempt) for loss in lost}
    scenes_of = tasks_scenes(dataset)
    busy: dict[str, str] = {}
    for attempt in attempts:
        if not attempt.is_running or id(attempt) in gone or attempt.is_silent:
            continue
        busy.update({scene: f"job {attempt.job_id or attempt.pid}" for scene in scenes_of(attempt) if scene})
    return busy


def tasks_scenes(dataset: DatasetLayout) -> Callable[[Attempt], Sequence[str]]:
    """Return what tells the scenes of a task: those of its plan, else the one in hand."""
    plan_of = functools.cache(functools.partial(find_plan, dataset))

    def scenes_of(attempt: Attempt) -> Sequence[str]:
        try:
            plan = plan_of(attempt.plan_id)
        except ConfigError:
            plan = None  # submitted by hand: no plan tells more
        slots = plan.slots if plan else ()
        return slots[attempt.slot] if attempt.slot < len(slots) else [attempt.scene_id]

    return scenes_of


def with_work_left(
    dataset: DatasetLayout, lost: Sequence[Loss], statuses: Sequence[SceneStatus]
) -> list[Loss]:
    """Return the lost tasks of which a scene is not complete; nobody has to do anything about the others."""
    states = {status.scene_id: status.phases for status in statuses} if lost else {}
    scenes_of = tasks_scenes(dataset)

    def is_done(attempt: Attempt) -> bool:
        phases = [states.get(scene, {}).get(attempt.phase) for scene in scenes_of(attempt)]
        return bool(phases) and all(p is not None and p.state is State.COMPLETE for p in phases)

    return [loss for loss in lost if not is_done(loss.attempt)]
