"""The last lines that logs hold about one scene: its own, and those of the tasks that it was dealt to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from focusgen.base.names import display
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import object_if_readable

MAX_LOG_BYTES = 1 << 18
MAX_LOG_LINES = 20
MAX_LOG_FILES = 8


def log_tail(dataset: DatasetLayout, scene_id: str) -> Iterator[str]:
    """Yield the last lines that logs hold about a scene, newest file last."""
    for folder in sorted((dataset.internal / "scene_logs").glob("*")):
        path = folder / scene_id
        if path.is_file():
            yield from (f"{folder.name}: {line}" for line in _last_lines(path)[-MAX_LOG_LINES:])
    is_about = re.compile(rf"(?<![\w-]){re.escape(scene_id)}(?![\w-])").search
    for path in _task_logs(dataset, scene_id):
        lines = [line for line in _last_lines(path) if is_about(line)]
        yield from (f"{path.name}: {line}" for line in lines[-MAX_LOG_LINES:])


def _task_logs(dataset: DatasetLayout, scene_id: str) -> list[Path]:
    """Return the logs of a scene's own tasks, and the newest of all: tasks on this machine name no job."""
    modified_s = {path: path.stat().st_mtime for path in _files_of_tasks(dataset)}
    in_order = sorted(modified_s, key=modified_s.__getitem__)
    wanted = {*_logs_by_plan(dataset, scene_id), *in_order[-MAX_LOG_FILES:]}
    return [path for path in in_order if path in wanted]


def _files_of_tasks(dataset: DatasetLayout) -> Iterator[Path]:
    for ending in ("out", "err", "log"):
        yield from (path for path in dataset.slurm_logs.glob(f"*/*.{ending}") if path.is_file())


def _logs_by_plan(dataset: DatasetLayout, scene_id: str) -> Iterator[Path]:
    """Yield where the logs of the tasks lie that plans dealt a scene to, by what each says of its job."""
    for plan in dataset.plans.glob("*.json"):
        slots = (object_if_readable(plan) or {}).get("slots", [])
        for slot in (number for number, scenes in enumerate(slots) if scene_id in scenes):
            for attempt in (dataset.attempts / plan.stem).glob(f"*-{slot}.*"):
                said = object_if_readable(attempt) or {}
                yield dataset.slurm_logs / plan.stem / f"{said.get('phase')}_{said.get('job_id')}.out"


def _last_lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - MAX_LOG_BYTES))
        text = file.read().decode("utf-8", "backslashreplace")
    return [display(line) for line in text.splitlines()]
