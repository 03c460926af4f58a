"""Why a task ended without a word: node failure, kill, memory, time, eviction, told apart by accounting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from focusgen.cluster.attempts import Attempt
from focusgen.cluster.slurm import JobState

CAUSE_OF_STATE = {
    "OUT_OF_MEMORY": "oom",
    "TIMEOUT": "timeout",
    "DEADLINE": "timeout",
    "NODE_FAIL": "node_failure",
    "BOOT_FAIL": "node_failure",
    "PREEMPTED": "preempted",
    "CANCELLED": "cancelled",
    "REVOKED": "cancelled",
}
TREATMENT = {
    "oom": "give it another setting: more cluster.memory_gb, smaller tiles, fewer frames at once",
    "timeout": "focusgen resubmit --missing goes on at its frame",
    "node_failure": "focusgen resubmit --missing leaves the node out",
    "preempted": "Slurm starts it again",
    "cancelled": "focusgen resubmit --missing goes on at its frame",
    "killed": "focusgen resubmit --missing goes on at its frame",
    "crashed": "its log tells why",
    "stopped": "mend that, and give the same command that submitted it again",
    "lost": "focusgen resubmit --missing goes on at its frame",
}


@dataclass(frozen=True)
class Loss:
    """A task that says it runs, and does not, or that could not do its work."""

    attempt: Attempt
    cause: str
    node: str


def losses(attempts: Iterable[Attempt], states: Mapping[str, JobState] | None) -> list[Loss]:
    """Return the tasks that ended without a word, or stopped before their scenes were done.

    Args:
        attempts: what the tasks say of themselves.
        states: what accounting says; None where there is none: a task silent for long is then lost.
    """
    found = []
    for attempt in attempts:
        if attempt.state == "ended":
            continue
        if attempt.state == "stopped":
            found.append(Loss(attempt, "stopped", attempt.host))
            continue
        known = states.get(attempt.job_id) if states is not None else None
        if known is None:
            if attempt.is_silent:
                found.append(Loss(attempt, "lost", attempt.host))
        elif not known.is_alive:
            found.append(Loss(attempt, cause_of(known), known.node))
    return found


def cause_of(state: JobState) -> str:
    """Return the class of an ended job's state."""
    if state.state in CAUSE_OF_STATE:
        return CAUSE_OF_STATE[state.state]
    return "killed" if state.signal == 9 else "crashed"
