"""Submission plans: which scenes belong to which array index, written once and never changed.

A scene that is indexed later, or a second submission, changes no plan: a pending task of the first one still
finds its own scenes at its own index.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder, publish, publish_json
from focusgen.base.names import display
from focusgen.config import Config, PhaseName
from focusgen.config.paths import keep_paths
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import parse_json

PLAN_VERSION = 1
PLAN_ID = re.compile(r"\d{8}T\d{6}-\d{6}-[0-9a-f]{4}")

Kind = Literal["submit", "resubmit", "index"]
"""Only plans of the first kind are found without being named; those of phase 1 deal out raw scenes."""


@dataclass(frozen=True)
class Plan:
    """One submission.

    Attributes:
        slots: scenes of each worker.
        workers: workers of one array task: task i runs slots [i * workers, (i + 1) * workers).
        settings_yaml: the resolved settings that every task of the plan runs with.
    """

    plan_id: str
    kind: Kind
    phases: tuple[PhaseName, ...]
    slots: tuple[tuple[str, ...], ...]
    workers: int
    settings_yaml: Path

    @property
    def n_tasks(self) -> int:
        """Array indices of the plan."""
        return -(-len(self.slots) // self.workers)

    def slots_of(self, index: int) -> range:
        """Return the slots of one array index.

        Raises:
            ConfigError: the plan has no such index.
        """
        if not 0 <= index < self.n_tasks:
            raise ConfigError(
                f"plan {self.plan_id} has indices 0..{self.n_tasks - 1}, not {index}",
                "focusgen status names scenes; give PLAN the plan that you mean.",
            )
        first = index * self.workers
        return range(first, min(first + self.workers, len(self.slots)))


def new_plan_id() -> str:
    """Return an id whose name order is its time order, to the microsecond."""
    now_s, now_ns = divmod(time.time_ns(), 10**9)
    date = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now_s))
    return f"{date}-{now_ns // 1000:06d}-{secrets.token_hex(2)}"


def write_plan(
    cfg: Config,
    kind: Kind,
    phases: Sequence[PhaseName],
    slots: Sequence[Sequence[str]],
    plan_id: str,
    workers: int | None = None,
    *,
    write: bool = True,
) -> Plan:
    """Write a plan and its settings, and return it (a dry run only makes one up).

    Args:
        phases: that it is for.
        slots: scenes of each worker.
        plan_id: from `new_plan_id`.
        workers: of one array task; None for what the settings say.

    Raises:
        ConfigError: a plan of that id exists; plans never change.
    """
    dataset = DatasetLayout.of(cfg)
    path, settings_yaml = plan_path(dataset, plan_id), dataset.plans / f"{plan_id}.yaml"
    workers = workers or cfg.cluster.workers_per_task
    if not write:
        frozen = tuple(tuple(scenes) for scenes in slots)
        return Plan(plan_id, kind, tuple(phases), frozen, workers, settings_yaml)
    if path.exists():
        raise ConfigError(f"{path} exists, and plans are never changed")
    make_folder(dataset.plans)
    publish(settings_yaml, config.dump(keep_paths(cfg)).encode())
    document = {
        "plan_version": PLAN_VERSION,
        "plan_id": plan_id,
        "kind": kind,
        "phases": list(phases),
        "workers_per_task": workers,
        "settings": settings_yaml.name,
        "slots": [list(scenes) for scenes in slots],
    }
    publish_json(path, document)
    return read_plan(path)


def plan_path(dataset: DatasetLayout, plan_id: str) -> Path:
    """Return where a plan lies.

    Raises:
        ConfigError: that is no plan id.
    """
    if not PLAN_ID.fullmatch(plan_id):
        raise ConfigError(f"{display(plan_id)} is no plan id", f"Plans lie in {dataset.plans}.")
    return dataset.plans / f"{plan_id}.json"


def read_plan(path: Path) -> Plan:
    """Return the plan at `path`.

    Raises:
        ConfigError: missing, or no plan of this version.
    """
    try:
        document: dict[str, Any] = parse_json(path.read_bytes())
        if document["plan_version"] != PLAN_VERSION:
            raise ConfigError(f"{path}: plan version {document['plan_version']} is not {PLAN_VERSION}")
        return Plan(
            plan_id=str(document["plan_id"]),
            kind=cast(Kind, document["kind"]),
            phases=tuple(document["phases"]),
            slots=tuple(tuple(scenes) for scenes in document["slots"]),
            workers=int(document["workers_per_task"]),
            settings_yaml=path.with_name(Path(document["settings"]).name),
        )
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such plan", "focusgen submit writes plans.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: damaged plan: {error}", "Submit again: finished work is kept.") from error


def find_plan(dataset: DatasetLayout, name: str | None, phases: Collection[PhaseName] = ()) -> Plan | None:
    """Return the plan of an id or path, or without a name the newest whole submission that has the phases.

    A resubmission is found by name only: its indices are not those of the plan that people know.
    """
    if name is not None:
        return read_plan(Path(name) if name.endswith(".json") else plan_path(dataset, name))
    for path in sorted(dataset.plans.glob("*.json"), reverse=True):
        plan = read_plan(path)
        if plan.kind == "submit" and plan.slots and set(phases) <= set(plan.phases):
            return plan
    return None
