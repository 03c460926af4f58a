"""Where a phase of a scene stands, by what its record, its journal and its failure say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from focusgen.base.errors import CorruptInputError
from focusgen.config.graph import PhaseName
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import Identity, Record, parse_json, read_record


class State(str, Enum):
    """Where one phase of one scene stands."""

    COMPLETE = "complete"
    STALE = "stale"
    PARTIAL = "partial"
    FAILED = "failed"
    PENDING = "pending"


LABELS_GONE = "focus_maps/ is gone: focusgen repair makes it anew"


@dataclass(frozen=True)
class PhaseState:
    """A state with its reason: the differing key, the failure's message."""

    state: State
    reason: str = ""
    record: Record | None = field(default=None, compare=False)


def phase_state(
    scene: SceneLayout, identity: Identity, read: Callable[[Path], Record | None] = read_record
) -> PhaseState:
    """Return where a phase of a scene stands under today's settings, from its files alone."""
    phase = identity.phase
    try:
        record = read(scene.done(phase))
        if record is not None:
            key = identity.difference(record.document)
            if key:
                return PhaseState(State.STALE, key, record)
            if phase == "render" and scene.lacks_labels():
                return PhaseState(State.PARTIAL, LABELS_GONE, record)
            return PhaseState(State.COMPLETE, "", record)
    except CorruptInputError as error:
        return PhaseState(State.STALE, error.message)
    return state_without_record(scene, phase)


def state_without_record(scene: SceneLayout, phase: PhaseName) -> PhaseState:
    """Return where a phase stands that has no completion record: failed, begun, rehearsed, or nothing yet."""
    failure = read_failure(scene, phase)
    if failure is not None:
        return PhaseState(State.FAILED, f"{failure['class']}: {failure['message']}")
    try:
        rehearsal = read_record(scene.partial(phase))
    except CorruptInputError as error:
        return PhaseState(State.STALE, error.message)
    if rehearsal is not None:
        reason = f"rehearsal of {rehearsal.n_frames} frames"
        return PhaseState(State.PARTIAL, reason, rehearsal)
    if scene.journal(phase).exists():
        return PhaseState(State.PARTIAL, "begun")
    if has_published(scene, phase):
        return PhaseState(State.PARTIAL, "record missing: focusgen repair or adopt may write it anew")
    return PhaseState(State.PENDING)


def has_published(scene: SceneLayout, phase: PhaseName) -> bool:
    """Say whether the first file of a phase lies there, with or without a record."""
    first = {"deblur": scene.sharp(0), "depth": scene.depth(0), "render": scene.bokeh(0, 0)}
    return first[phase].exists()


def read_failure(scene: SceneLayout, phase: PhaseName) -> dict[str, Any] | None:
    """Return the failure record of a phase, None if there is none or it cannot be read as one."""
    try:
        document = parse_json(scene.failed(phase).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return {"class": "bug", "message": f"unreadable failure record: {error}", "advice": "", "attempt": 0}
    return document if isinstance(document, dict) and "class" in document else None
