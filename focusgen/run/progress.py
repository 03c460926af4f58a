"""What a run tells the outside, and how the outside stops it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from focusgen.base.errors import ExitCode, Interrupted
from focusgen.config import PhaseName


class Observer:
    """What a run tells the outside; the silent default. `focusgen.run.console` shows it to people."""

    def phase_started(self, phase: PhaseName, n_scenes: int, n_frames: int, n_settled: int) -> None:
        """Called once per phase with the work ahead, and the scenes that need none."""

    def scene_started(self, scene_id: str, n_frames: int) -> None:
        """Called as a scene is taken up."""

    def frame_done(self, scene_id: str, frame: int) -> None:
        """Called after each frame."""

    def scene_ended(self, scene_id: str, outcome: str, message: str = "") -> None:
        """Called with complete, kept, partial, stale or a failure class."""

    def waiting(self, scene_id: str) -> None:
        """Called while another process holds the scene."""


@dataclass
class StopFlag:
    """Set by the first SIGTERM, SIGINT or SIGUSR1; the run ends after the frame in hand."""

    exit_code: ExitCode | None = None

    def check(self) -> None:
        """Raise if a signal came.

        Raises:
            Interrupted: a signal asked to stop.
        """
        if self.exit_code is not None:
            raise Interrupted("stopped by a signal after the frame in hand was published", self.exit_code)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """Turn the first signal into a request to stop; a second one ends the process at once."""
    flag = StopFlag()
    codes = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
    codes[signal.SIGUSR1] = ExitCode.TERMINATED
    before: dict[signal.Signals, Any] = {}

    def request(number: int, frame: object) -> None:
        flag.exit_code = codes[signal.Signals(number)]
        for other in before:
            signal.signal(other, signal.SIG_DFL)

    for number in codes:
        before[number] = signal.signal(number, request)
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
