"""Where every scene stands in every phase, how fast it goes, what runs where: read from files only.

States: complete, partial, stale (with the key that differs), failed (with its reason), pending.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from focusgen import config
from focusgen.base.errors import ConfigError
from focusgen.base.names import rich_text
from focusgen.commands.groups import DataSetFlags
from focusgen.config import SCENE_PHASES, Config, PhaseName
from focusgen.config.flags import option, parse
from focusgen.dataset.layout import DatasetLayout
from focusgen.run.console import result_console

if TYPE_CHECKING:
    from focusgen.cluster.attempts import Attempt
    from focusgen.cluster.causes import Loss
    from focusgen.cluster.outlook import PhaseOutlook
    from focusgen.dataset.states import PhaseState
    from focusgen.run.status import SceneStatus, Verdict

COLOURS = {"complete": "green", "partial": "yellow", "stale": "magenta", "failed": "red", "pending": "dim"}
MAX_ROWS = 200
LEAST_WATCH_S, MOST_WATCH_S = 1.0, 86_400.0
MIN_TABLE_COLUMNS = 40
"""In fewer the table loses its words; a terminal that is narrower breaks its lines."""
MAX_INDENTED = 5000
INPUTS_UNSEEN = (
    "of so many scenes, raw files, provided depth, masks and weights that changed since are not noticed "
    "here; focusgen explain SCENE and every run look at them"
)


@dataclass(frozen=True)
class StatusFlags(DataSetFlags):
    """How to look."""

    json: bool = option(False, "print machine-readable JSON")
    all: bool = option(False, f"list every scene, not only the first {MAX_ROWS} that need attention")
    watch: float | None = option(None, "look again every so many seconds, until interrupted")
    slurm: bool = option(False, "ask sacct once why tasks ended without a word")


FLAGS = StatusFlags


def main(argv: Sequence[str]) -> int:
    """Run `focusgen status`."""
    parsed = parse(FLAGS, argv, prog="focusgen status", doc=__doc__)
    given = parsed.flags
    _check_watch(given.watch)
    cfg = config.load(given.config, parsed.overrides)
    # Without a configuration of today's, each phase is compared with the settings of its own last run.
    today = cfg if given.config or parsed.dotted else None
    console = result_console()
    while True:
        view = _look(cfg, today, ask_slurm=given.slurm)
        if given.json:
            is_long = len(view.statuses) > MAX_INDENTED  # json indents in Python, a hundred times slower
            print(json.dumps(_document(view), indent=None if is_long else 1))
        else:
            if given.watch is not None:
                console.clear()
            _print(console, view, show_all=given.all)
        if given.watch is None:
            return 0
        time.sleep(max(LEAST_WATCH_S, given.watch))


def _check_watch(watch_s: float | None) -> None:
    if watch_s is not None and not 0.0 <= watch_s <= MOST_WATCH_S:
        raise ConfigError(f"--watch {watch_s:g}: seconds between two looks are 0 to {MOST_WATCH_S:g}, a day")


@dataclass(frozen=True)
class _View:
    """One look at the files."""

    statuses: list[SceneStatus]
    running: Sequence[Attempt]
    lost: Sequence[Loss]
    outlook: Mapping[PhaseName, PhaseOutlook]
    verdict: Verdict | None


def _look(cfg: Config, today: Config | None, *, ask_slurm: bool) -> _View:
    from focusgen.cluster.attempts import read_attempts
    from focusgen.cluster.causes import losses
    from focusgen.cluster.outlook import outlook
    from focusgen.cluster.resubmit import with_work_left
    from focusgen.cluster.slurm import job_states
    from focusgen.dataset.index import read_index
    from focusgen.dataset.index_edits import edits_text
    from focusgen.run.status import all_status, last_verdict

    dataset = DatasetLayout.of(cfg)
    statuses = all_status(dataset, read_index(dataset), today)
    edits = edits_text(dataset)
    if edits:
        print(f"warning: {edits}", file=sys.stderr)
    attempts = list(read_attempts(dataset))
    states = job_states([a.job_id for a in attempts if a.state != "ended"]) if ask_slurm else None
    if ask_slurm and states is None:
        print("note: sacct does not answer: a task counts as lost only once it is silent", file=sys.stderr)
    lost = losses(attempts, states)
    gone = {id(loss.attempt) for loss in lost}
    running = [attempt for attempt in attempts if attempt.is_running and id(attempt) not in gone]
    verdict = last_verdict(dataset, statuses)
    lost = with_work_left(dataset, lost, statuses)
    return _View(statuses, running, lost, outlook(statuses, running), verdict)


def _document(view: _View) -> dict[str, Any]:
    from focusgen.run.status import sees_inputs, status_document

    return {
        **status_document(view.statuses),
        "sees_inputs": sees_inputs(len(view.statuses)),
        "phases": {phase: asdict(expected) for phase, expected in view.outlook.items()},
        "validate": asdict(view.verdict) if view.verdict is not None else None,
        "running": [asdict(attempt) for attempt in view.running],
        "lost": [{"cause": loss.cause, "node": loss.node, **asdict(loss.attempt)} for loss in view.lost],
    }


def _print(console: Console, view: _View, *, show_all: bool) -> None:
    from focusgen.run.status import sees_inputs, status_counts

    shown = _shown(view.statuses, show_all=show_all)
    table = _table(shown, len(view.statuses))
    if console.width < MIN_TABLE_COLUMNS:
        table.width = MIN_TABLE_COLUMNS
    console.print(table, crop=False)
    for status in shown:
        for phase in SCENE_PHASES:
            if _matters(status.phases[phase]):
                state = status.phases[phase]
                text = f"{status.scene_id}: {phase} {state.state.value}: {state.reason}"
                console.print(rich_text(text), soft_wrap=True)
    _print_tasks(console, view)
    for phase, counts in status_counts(view.statuses).items():
        console.print(f"{phase:<7} " + ", ".join(f"{n} {state}" for state, n in counts.items()))
        _print_outlook(console, view.outlook[phase])
    console.print(rich_text(_verdict_text(view.verdict)), soft_wrap=True)
    if not sees_inputs(len(view.statuses)):
        console.print(INPUTS_UNSEEN, soft_wrap=True)


def _verdict_text(verdict: Verdict | None) -> str:
    """Return what phase 6 said last, and whether it still holds: complete does not mean right."""
    if verdict is None:
        return "phase 6 never run: nothing says that the files are right"
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(verdict.made_s))
    text = f"phase 6 {verdict.verdict}: {verdict.passing_scenes} of {verdict.total_scenes} scenes, {made}"
    return f"{text}; {verdict.doubt}: run phase 6 again" if verdict.doubt else text


def _print_tasks(console: Console, view: _View) -> None:
    """Print what runs where, and what ended with its work undone."""
    from focusgen.cluster.causes import TREATMENT

    for task in view.running[:MAX_ROWS]:
        job = f"job {task.job_id}" if task.job_id else f"process {task.pid}"
        text = (
            f"running: {task.phase} index {task.index} ({job} on {task.host}): "
            f"{task.scene_id or 'starting'}, {task.n_done} of {task.n_frames} frames, "
            f"{task.frames_per_s:.2f} frames/s" + (f", start {task.restarts + 1}" if task.restarts else "")
        )
        console.print(rich_text(text), soft_wrap=True)
    for loss in view.lost[:MAX_ROWS]:
        task = loss.attempt
        where = f"{task.phase} index {task.index} (job {task.job_id or task.pid} on {loss.node})"
        what = task.reason or f"{task.scene_id or 'no scene'} in hand"
        text = f"{loss.cause}: {where}: {what}; {TREATMENT[loss.cause]}"
        console.print(rich_text(text), soft_wrap=True)


def _print_outlook(console: Console, expected: PhaseOutlook) -> None:
    from focusgen.cluster.outlook import duration_text

    if expected.n_running:
        left = f"{expected.n_frames_left:,} frames to go"
        eta = f", {duration_text(expected.eta_s)} left" if expected.eta_s is not None else ""
        console.print(
            f"        {expected.n_running} workers, {expected.frames_per_s:.2f} frames/s, {left}{eta}"
        )
    if expected.failures:
        console.print("        failed: " + ", ".join(f"{n} {kind}" for kind, n in expected.failures.items()))


def _shown(statuses: Sequence[SceneStatus], *, show_all: bool) -> list[SceneStatus]:
    if show_all or len(statuses) <= MAX_ROWS:
        return list(statuses)
    return [s for s in statuses if any(p.state.value != "complete" for p in s.phases.values())][:MAX_ROWS]


def _table(shown: Sequence[SceneStatus], n_scenes: int) -> Table:
    table = Table(title=f"{len(shown)} of {n_scenes} scenes")
    for column in ("scene", "split", "frames", *SCENE_PHASES):
        table.add_column(column, overflow="fold")
    for status in shown:
        states = [status.phases[phase] for phase in SCENE_PHASES]
        cells = [f"[{COLOURS[s.state.value]}]{s.state.value}[/]" for s in states]
        table.add_row(rich_text(status.scene_id), status.split, str(status.n_frames), *cells)
    return table


def _matters(state: PhaseState) -> bool:
    return state.state.value not in ("complete", "pending") and bool(state.reason)
