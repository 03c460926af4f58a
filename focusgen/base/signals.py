"""Signals as requests: the first one asks a run or a wait to stop, the second ends the process at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

from focusgen.base.errors import ExitCode, Interrupted

EXIT_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGUSR1: ExitCode.TERMINATED,  # Slurm's, some minutes before the time limit
}
Handler = Callable[[int, FrameType | None], object] | int | None


WARNINGS = (signal.SIGTERM, signal.SIGUSR1)
"""What Slurm sends before it ends a job."""


@contextlib.contextmanager
def warnings_handled_by(handler: Handler, *, for_good: bool = False) -> Iterator[None]:
    """Let a handler have SIGTERM and SIGUSR1; unless it keeps them, give them back to whom they belonged."""
    before = {number: signal.signal(number, handler) for number in WARNINGS}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, handler if for_good else former)


def deaf_to_warnings(*, for_good: bool) -> contextlib.AbstractContextManager[None]:
    """Ignore SIGTERM and SIGUSR1: `scontrol requeue` signals the very job that asks for it.

    Args:
        for_good: they stay ignored afterwards, since they may come late; of a process that is about to end.
    """
    return warnings_handled_by(signal.SIG_IGN, for_good=for_good)


@contextlib.contextmanager
def told_to_stop() -> Iterator[list[int]]:
    """Yield a list that SIGTERM, SIGUSR1 and the first Ctrl-C fill: what is under way is finished first."""
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)  # who asks again does not want to wait

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # started in the background of a script, where Ctrl-C is not for it
        signal.signal(signal.SIGINT, note)
    try:
        with warnings_handled_by(note):
            yield seen
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass
class StopFlag:
    """Set by the first SIGTERM, SIGINT or SIGUSR1; the run ends after the frame in hand."""

    exit_code: ExitCode | None = None

    def check(self, message: str = "stopped by a signal after the frame in hand was published") -> None:
        """Raise if a signal came.

        Raises:
            Interrupted: a signal asked to stop.
        """
        if self.exit_code is not None:
            raise Interrupted(message, self.exit_code)


_installed: list[StopFlag] = []


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """Turn the first signal into a request to stop; a second one ends the process at once.

    Inside of another one it gives the same flag. Off the main thread, which alone may handle signals, the
    flag is never set.
    """
    if _installed or threading.current_thread() is not threading.main_thread():
        yield _installed[-1] if _installed else StopFlag()
        return
    flag = StopFlag()
    before: dict[signal.Signals, Handler] = {}

    def request(number: int, frame: FrameType | None) -> None:
        flag.exit_code = EXIT_CODES[signal.Signals(number)]
        for other in before:
            signal.signal(other, signal.SIG_DFL)

    for number in EXIT_CODES:
        before[number] = signal.signal(number, request)
    _installed.append(flag)
    try:
        yield flag
    finally:
        _installed.pop()
        for number, handler in before.items():
            signal.signal(number, handler)
