"""How a phase ended, scene by scene: kept for the exit status, told to the observer, failures on disk."""

from __future__ import annotations

import errno
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from focusgen.base.errors import ExitCode, FailureClass, FocusgenError, SceneError
from focusgen.base.files import STORAGE_ERRNOS, storage_error
from focusgen.config.graph import PhaseName
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.states import LABELS_GONE, PhaseState, State
from focusgen.dataset.store import write_failure
from focusgen.run.progress import Observer

MAX_EQUAL_BUGS = 3
STALE_UPSTREAM = "stale upstream"
"""Outcome of a scene that was not touched, since what it would be made from is itself stale."""
DAMAGED = "damaged"
"""Outcome of a finished scene whose labels are gone: `focusgen repair` makes them again."""


SHORTER = (
    "The scene is finished, and --max_frames never replaces it by a rehearsal: rehearse in another "
    "--out_root, or leave it as it is by --on_stale keep."
)


def outcome_without_work(state: PhaseState, on_stale: str, *, is_shorter: bool) -> tuple[str, str] | None:
    """Return the outcome of a scene that nothing is to be done for, and what to say of it, else None.

    Args:
        state: of its phase.
        on_stale: fail, redo or keep.
        is_shorter: a rehearsal would take the place of the finished scene.
    """
    if state.state is State.COMPLETE:
        return "complete", ""
    if state.reason == LABELS_GONE:
        return DAMAGED, LABELS_GONE
    if is_shorter and on_stale != "keep":
        return "stale", f"{state.reason}. {SHORTER}"
    if state.state is not State.STALE or on_stale == "redo":
        return None
    if state.record is None:
        return (
            "stale",
            f"nothing to keep: {state.reason}. focusgen repair restores what it has a copy of; "
            "--on_stale redo makes all anew.",
        )
    if on_stale == "keep":
        return "kept", f"made with other settings: {state.reason}"
    return "stale", f"{state.reason}. --on_stale redo makes it anew, --on_stale keep leaves it."


@dataclass
class RunSummary:
    """How a phase ended, scene by scene."""

    outcomes: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    model_loads: int = 0

    @property
    def exit_code(self) -> ExitCode:
        """0 only if every asked scene is complete (or kept, or rehearsed as asked)."""
        good = {"complete", "kept", "partial"}
        return ExitCode.COMPLETE if set(self.outcomes.values()) <= good else ExitCode.INCOMPLETE


def _is_out_of_memory(error: Exception) -> bool:
    """Say whether no memory was left, of the machine or of `ulimit -v`: an import maps libraries."""
    if isinstance(error, ImportError):
        return "failed to map segment" in str(error) or "cannot allocate memory" in str(error).lower()
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)


class Outcomes:
    """Takes down how the scenes of one phase end."""

    def __init__(self, phase: PhaseName, dataset: DatasetLayout, observer: Observer) -> None:
        self.phase, self.dataset, self.observer = phase, dataset, observer
        self.summary = RunSummary()
        self._bugs: list[str] = []

    def note(self, scene_id: str, outcome: str, message: str = "") -> None:
        """Keep an outcome that is told later."""
        self.summary.outcomes[scene_id] = outcome
        self.summary.messages[scene_id] = message

    def end(self, scene_id: str, outcome: str, message: str = "") -> None:
        """Keep an outcome and tell it."""
        self.note(scene_id, outcome, message)
        self.observer.scene_ended(scene_id, outcome, message)

    def tell(self, scene_id: str) -> None:
        """Tell the outcome that was kept of a scene."""
        self.observer.scene_ended(scene_id, self.summary.outcomes[scene_id], self.summary.messages[scene_id])

    def tell_settled(self) -> None:
        """Tell what is known before any work: all but the complete scenes."""
        for scene_id, outcome in self.summary.outcomes.items():
            if outcome != "complete":
                self.tell(scene_id)

    def take(self, scene_id: str, error: Exception, started_s: float) -> None:
        """Record what ended a scene.

        Raises:
            FocusgenError: it concerns more than this scene, or is a bug that was met too often.
        """
        if isinstance(error, SceneError):
            self.fail(scene_id, error, error.failure_class, started_s)
        elif isinstance(error, FocusgenError):
            raise error  # a signal, or nothing can go on
        elif isinstance(error, OSError) and error.errno in STORAGE_ERRNOS:
            named = Path(error.filename) if isinstance(error.filename, str) else None
            located = storage_error(error, named or self.dataset.scene(scene_id).root)
            located.__cause__ = error  # or the failure record would not say where it happened
            self.fail(scene_id, located, located.failure_class, started_s)
        elif _is_out_of_memory(error):
            self.fail(scene_id, error, FailureClass.OOM, started_s)
        else:
            self.fail(scene_id, error, FailureClass.BUG, started_s)
            self._count_bug(error)

    def fail(self, scene_id: str, error: Exception, failure_class: FailureClass, started_s: float) -> None:
        """Write `.failed` for a scene and tell it."""
        text = "".join(traceback.format_exception(error))
        message = str(error) or type(error).__name__
        try:
            write_failure(self.dataset.scene(scene_id), self.phase, error, failure_class, text, started_s)
        except SceneError as second:
            message = f"{message}\n(and the failure could not be recorded: {second.message})"
        self.end(scene_id, failure_class.value, message)

    def fail_now(self, scene_id: str, error: SceneError) -> None:
        """Write `.failed` for a scene that was not begun."""
        self.fail(scene_id, error, error.failure_class, time.time())

    def _count_bug(self, error: Exception) -> None:
        if isinstance(error, OSError):
            return  # of the machine, not of the code: another scene may meet another
        frame = traceback.extract_tb(error.__traceback__)[-1]
        self._bugs.append(f"{type(error).__name__} at {frame.filename}:{frame.lineno}")
        if self._bugs.count(self._bugs[-1]) >= MAX_EQUAL_BUGS:
            raise FocusgenError(
                f"the same bug in {MAX_EQUAL_BUGS} scenes ({self._bugs[-1]}): stopped",
                "focusgen explain SCENE shows the traceback; please report it.",
            ) from error
