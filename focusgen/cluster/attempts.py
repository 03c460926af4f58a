"""What each cluster task says of itself while it runs: one small file per task and phase, for status."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from rich.console import Console

from focusgen.base.errors import StorageError
from focusgen.base.files import publish_json, remove
from focusgen.config.graph import PhaseName
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import parse_json
from focusgen.run.console import ConsoleObserver

BEAT_S = 5.0
SILENT_S = 300.0
"""A running task that said nothing for this long is called silent; a FLUX frame takes less."""


@dataclass(frozen=True)
class Attempt:
    """The last try of one worker at one phase.

    Attributes:
        state: running, ended, interrupted (by a signal; requeued where the scheduler was asked), or stopped
            (by an error that concerns no single scene: weights, GPU, approval).
        reason: of a task that stopped.
        n_done: frames published by this try; frames kept from earlier tries are not counted.
    """

    plan_id: str
    phase: PhaseName
    slot: int
    index: int
    job_id: str
    host: str
    pid: int
    started_s: float
    updated_s: float
    restarts: int
    state: str
    scene_id: str
    n_done: int
    n_frames: int
    n_scenes: int
    model_loads: int = 0
    reason: str = ""

    @property
    def is_running(self) -> bool:
        """True if it runs as far as it says itself."""
        return self.state == "running"

    @property
    def is_silent(self) -> bool:
        """True if it says that it runs and has not been heard of for too long."""
        return self.is_running and time.time() - self.updated_s > SILENT_S

    @property
    def frames_per_s(self) -> float:
        """Frames per second of this try."""
        return self.n_done / max(1e-3, self.updated_s - self.started_s)


def slurm_job_id() -> str:
    """Return the name by which Slurm knows this very task, "" outside a job.

    Never $SLURM_JOB_ID within an array: that of the last task is the id of the whole array.
    """
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    if array:
        return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    return os.environ.get("SLURM_JOB_ID", "")


def restart_count() -> int:
    """Return how often Slurm has started this task again."""
    return int(os.environ.get("SLURM_RESTART_COUNT") or 0)


class AttemptObserver(ConsoleObserver):
    """Shows a phase in the task's log, and keeps the task's file fresh."""

    def __init__(self, console: Console, dataset: DatasetLayout, plan_id: str, slot: int, index: int) -> None:
        super().__init__(console)
        self._folder = dataset.attempts / plan_id
        now_s = time.time()
        self.attempt = Attempt(
            plan_id=plan_id,
            phase="index",
            slot=slot,
            index=index,
            job_id=slurm_job_id(),
            host=os.environ.get("SLURMD_NODENAME") or socket.gethostname(),
            pid=os.getpid(),
            started_s=now_s,
            updated_s=now_s,
            restarts=restart_count(),
            state="running",
            scene_id="",
            n_done=0,
            n_frames=0,
            n_scenes=0,
        )

    def phase_started(self, phase: PhaseName, n_scenes: int, n_frames: int, n_settled: int) -> None:
        """Begin the file of this phase."""
        super().phase_started(phase, n_scenes, n_frames, n_settled)
        self.attempt = replace(
            self.attempt,
            phase=phase,
            started_s=time.time(),
            scene_id="",
            n_done=0,
            n_frames=n_frames,
            n_scenes=n_scenes,
        )
        self.say(state="running")

    def scene_started(self, scene_id: str, n_frames: int) -> None:
        """Say which scene is in hand."""
        super().scene_started(scene_id, n_frames)
        self.say(scene_id=scene_id)

    def frame_done(self, scene_id: str, frame: int) -> None:
        """Count a frame; write at most every few seconds."""
        super().frame_done(scene_id, frame)
        self.attempt = replace(self.attempt, n_done=self.attempt.n_done + 1)
        if time.time() - self.attempt.updated_s >= BEAT_S:
            self.say()

    def waiting(self, scene_id: str, holder: str) -> None:
        """Say that the task lives although it only waits."""
        super().waiting(scene_id, holder)
        if time.time() - self.attempt.updated_s >= BEAT_S:
            self.say()

    def say(self, **changes: object) -> None:
        """Publish the file; a full disk is the scene's failure to tell, not this file's."""
        self.attempt = replace(self.attempt, updated_s=time.time(), **changes)  # type: ignore[arg-type]
        path = self._folder / f"{self.attempt.phase}-{self.attempt.slot}.json"
        try:
            if self.attempt.state == "ended":  # out of sight of who asks what runs, of all tasks of all plans
                publish_json(path.with_suffix(".ended"), asdict(self.attempt))
                remove(path)
            else:
                publish_json(path, asdict(self.attempt))
        except (StorageError, OSError) as error:
            self.console.print(f"  status file not written: {error}", markup=False)


def forget_stopped(dataset: DatasetLayout, phases: Sequence[PhaseName]) -> None:
    """Forget tasks of some phases that stopped: they are submitted anew."""
    for attempt in list(read_attempts(dataset)):
        if attempt.state == "stopped" and attempt.phase in phases:
            remove(dataset.attempts / attempt.plan_id / f"{attempt.phase}-{attempt.slot}.json")


def read_attempts(dataset: DatasetLayout) -> Iterator[Attempt]:
    """Yield what tasks say that have not ended; a file that is just being replaced is passed over."""
    for path in sorted(dataset.attempts.glob("*/*.json")):
        try:
            yield Attempt(**parse_json(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            continue
