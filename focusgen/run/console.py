"""What people see while it works: one bar with an ETA, one line per scene."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from focusgen.base.names import rich_text
from focusgen.config.graph import GRAPH, PhaseName
from focusgen.run.progress import Observer
from focusgen.run.run_clock import RunClock

QUIET_S = 30.0
"""Without a terminal there is no bar: after so long, a line says how far it is."""

GOOD = {"complete": "green", "kept": "yellow", "partial": "yellow"}


class _MessageConsole(Console):
    """Standard error; work goes on if nobody reads it any more."""

    def on_broken_pipe(self) -> None:
        """Be quiet from now on."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


class _ResultConsole(Console):
    """Standard output; a reader that leaves early ends the command as it ends every other."""

    def on_broken_pipe(self) -> None:
        """Leave it to whoever runs the command.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError


def make_console() -> Console:
    """Return the console for progress and messages: stderr, so that stdout stays for results."""
    return _MessageConsole(stderr=True, highlight=False, soft_wrap=True)


def passing_bar() -> Progress:
    """Return a bar on stderr that is gone when the work is done; none where there is no terminal."""
    console = make_console()
    return Progress(console=console, transient=True, disable=not console.is_interactive)


def result_console(*, soft_wrap: bool = False) -> Console:
    """Return the console for tables that a person asked for."""
    return _ResultConsole(highlight=False, soft_wrap=soft_wrap)


class ConsoleObserver(Observer):
    """Shows a phase: a live bar on a terminal, plain lines in a log file."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[of_run]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", visible=False, unit="frames", of_run="")
        self._run = RunClock({})
        self._started: dict[str, float] = {}
        self._waited: set[str] = set()
        self._said_s = time.monotonic()

    def __enter__(self) -> ConsoleObserver:
        self._progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._progress.stop()

    def expect(self, predicted_s: Mapping[PhaseName, float]) -> None:
        """From now on say, too, how long all phases of the run may take that are still to come."""
        self._run = RunClock(predicted_s)

    def begin(self, phase: PhaseName, total: int, unit: str) -> None:
        """Show a phase that counts in `unit`."""
        title = GRAPH[phase].title
        self._run.begin(phase)
        of_run = self._run.text(0.0)
        self.console.print(f"[bold]phase {title}[/bold]: {total} {unit}{of_run and f'; {of_run}'}")
        self._progress.reset(
            self._task, total=total, visible=True, description=title, unit=unit, of_run=of_run
        )
        self._said_s = time.monotonic()

    def advance(self) -> None:
        """Count one."""
        self._progress.advance(self._task)
        self._progress.update(self._task, of_run=self._run.text(self._share()))
        if not self.console.is_terminal and time.monotonic() - self._said_s >= QUIET_S:
            self._say_how_far()

    def _say_how_far(self) -> None:
        """Print a line for a log file: what is done, and how long the rest of this phase may take."""
        task, of_run = self._shown(), self._run.text(self._share())
        self._said_s = time.monotonic()
        left_s = task.time_remaining
        left = (
            "" if left_s is None else f", about {left_s / 60:.0f} min left" if left_s > 90 else ", soon done"
        )
        what = f"{task.completed:.0f} of {task.total or 0:.0f} {task.fields['unit']}"
        self.console.print(f"  {what}{left}{of_run and f'; {of_run}'}")

    def _shown(self) -> Task:
        return next(task for task in self._progress.tasks if task.id == self._task)

    def _share(self) -> float:
        task = self._shown()
        return task.completed / task.total if task.total else 1.0

    def phase_started(self, phase: PhaseName, n_scenes: int, n_frames: int, n_settled: int) -> None:
        """Show the work ahead."""
        settled = f", {n_settled} scenes need none" if n_settled else ""
        self.begin(phase, n_frames, f"frames in {n_scenes} scenes to do{settled}")
        self._progress.update(self._task, unit="frames")

    def scene_started(self, scene_id: str, n_frames: int) -> None:
        """Remember when."""
        self._started[scene_id] = time.monotonic()

    def frame_done(self, scene_id: str, frame: int) -> None:
        """Count a frame."""
        self.advance()

    def scene_note(self, scene_id: str, text: str) -> None:
        """Print a line about a scene."""
        self.console.print(f"    {rich_text(scene_id)}: {rich_text(text)}")

    def scene_ended(self, scene_id: str, outcome: str, message: str = "") -> None:
        """Print one line per scene, and the message of one that is not complete."""
        colour = GOOD.get(outcome, "red")
        since = self._started.get(scene_id)
        took = f"  {time.monotonic() - since:.1f} s" if since is not None else ""
        self.console.print(f"  [{colour}]{outcome:<16}[/{colour}] {rich_text(scene_id)}{took}")
        if message:
            for line in message.splitlines():
                self.console.print(f"    {rich_text(line)}")

    def waiting(self, scene_id: str, holder: str) -> None:
        """Say once which other process holds the scene."""
        if scene_id not in self._waited:
            self._waited.add(scene_id)
            self.console.print(f"  waiting: {rich_text(holder)} works on {rich_text(scene_id)}")
