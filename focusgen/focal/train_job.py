"""What `focusgen focal train` was asked for, whichever network it trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Say = Callable[[str], object]
DEBUGGED_STEPS = 40


@dataclass(frozen=True)
class TrainJob:
    """What was asked for.

    Attributes:
        config: file of settings.
        overrides: dotted key -> value.
        resume: "auto", "none" or a checkpoint.
        is_rehearsal: learn a little in a folder that is thrown away, and say what all would take.
        debugs: few steps, every one in the log.
    """

    config: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    resume: str = "auto"
    is_rehearsal: bool = False
    debugs: bool = False


def debugged(steps: int) -> dict[str, int]:
    """Return what debugging changes of a schedule of so many steps."""
    return {"steps": min(DEBUGGED_STEPS, steps), "log_every": 1}
