"""Run one array index of a submission plan: what every cluster job calls.

Ends 0 once each of its scenes is complete or has a recorded failure. At SIGUSR1 or SIGTERM the frame in hand
is published and the task requeues itself. Without --plan the newest plan with the phase is used; on a data
set without plans the index is that of the scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.commands.groups import DataSetFlags, RunSettings, SceneSettings, scenes_named
from focusgen.config import Config
from focusgen.config.flags import option, parse
from focusgen.config.graph import parse_phases, scene_phases
from focusgen.dataset.layout import DatasetLayout

if TYPE_CHECKING:
    from focusgen.cluster.plans import Plan


@dataclass(frozen=True)
class TaskFlags(RunSettings, SceneSettings, DataSetFlags):
    """Which index of which plan."""

    plan: str | None = option(None, "id or file of the plan; default: the newest with the phase")
    phases: str | None = option(
        None, "phases to run, e.g. 3 or 2-6; default: the per-scene phases of the plan"
    )
    index: int = option(0, "array index")
    offset: int = option(0, "added to the index: where an array was split at MaxArraySize")
    scenes: str | None = option(None, "these scenes, comma-separated, instead of those of the index")
    worker: int | None = option(None, "one worker of the index; default: all of them")


FLAGS = TaskFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen task`."""
    parsed = parse(FLAGS, argv, prog="focusgen task", doc=__doc__)
    given = parsed.flags
    from focusgen.cluster.plans import find_plan
    from focusgen.cluster.task import Task, run_task

    phases = parse_phases(given.phases) if given.phases is not None else None
    dataset = DatasetLayout.of(config.load(given.config, parsed.overrides))
    asked = scenes_named(given.scenes)
    names = None if asked is None else tuple(asked)
    # A task of phase 1 names its plan; so does one of the scene phases, or means the newest.
    wants_plan = phases is None or bool(scene_phases(phases)) or given.plan is not None
    needs_plan = names is None and wants_plan
    plan = find_plan(dataset, given.plan, scene_phases(phases or ())) if needs_plan else None
    if plan is None and phases is None:
        raise ConfigError(f"no plan in {dataset.plans}", "Give --phases, or submit with focusgen submit.")
    cfg = _settings(given.config, plan, parsed.overrides)
    if phases is None:  # the plan's phases 4 and 6 have jobs of their own
        phases = tuple(scene_phases(plan.phases if plan else ()))
    index = given.index + given.offset
    task = Task(cfg, plan, phases, index, given.worker, tuple(argv), names)
    try:
        return run_task(task)
    except ConfigError:
        from focusgen.run.ask_first import ask_first  # costly: only where a task could not do its work
        from focusgen.run.selection import Selection

        ask_first(cfg, phases, Selection(scenes=task.scenes()))  # names all that is missing, not the first
        raise


def _settings(given: str | None, plan: Plan | None, overrides: dict[str, Any]) -> Config:
    """Return the plan's own settings, or those of --config where one was given; flags win over both."""
    source = given if given is not None or plan is None else str(plan.settings_yaml)
    return config.load(source, overrides)
