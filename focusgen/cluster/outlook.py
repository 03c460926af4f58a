"""Rate, time left, failures by class and what runs where: all from files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from focusgen.cluster.attempts import Attempt
from focusgen.config.graph import SCENE_PHASES, PhaseName
from focusgen.dataset.states import State
from focusgen.run.status import SceneStatus


@dataclass(frozen=True)
class PhaseOutlook:
    """One phase as a whole.

    Attributes:
        eta_s: time left at today's rate; None while nothing runs or nothing is left.
        failures: failure class -> scenes.
    """

    n_frames_left: int
    frames_per_s: float
    eta_s: float | None
    n_running: int
    failures: dict[str, int]


def outlook(statuses: Sequence[SceneStatus], attempts: Sequence[Attempt]) -> dict[PhaseName, PhaseOutlook]:
    """Return the outlook of each per-scene phase."""
    return {phase: _phase_outlook(phase, statuses, attempts) for phase in SCENE_PHASES}


def _phase_outlook(
    phase: PhaseName, statuses: Sequence[SceneStatus], attempts: Sequence[Attempt]
) -> PhaseOutlook:
    running = [a for a in attempts if a.phase == phase and a.is_running and not a.is_silent]
    left = [s for s in statuses if s.phases[phase].state is not State.COMPLETE]
    # Frames of the scene in hand are published already; they are few against the rest.
    n_left = sum(status.n_frames for status in left)
    rate = sum(attempt.frames_per_s for attempt in running)
    eta_s = n_left / rate if rate > 0 and n_left else None
    failed = (s.phases[phase] for s in statuses if s.phases[phase].state is State.FAILED)
    classes = Counter(state.reason.partition(":")[0] for state in failed)
    return PhaseOutlook(n_left, rate, eta_s, len(running), dict(sorted(classes.items())))


def duration_text(seconds: float) -> str:
    """Return a length of time for people."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min" if hours else f"{minutes} min"
