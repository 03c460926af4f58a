"""What one check found, and how the doctor asks other programs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Status(str, Enum):
    """How bad it is; only FAIL makes the doctor's exit status bad."""

    OK = "ok"
    INFO = "info"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report.

    Attributes:
        name: what was looked at.
        status: how bad it is.
        detail: what was found.
        advice: what to do now, as a sentence or a command; empty where nothing is to be done.
    """

    name: str
    status: Status
    detail: str
    advice: str = ""


def ask(command: Sequence[str], timeout_s: float = 20.0) -> str | None:
    """Return what a program prints, or None if it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
