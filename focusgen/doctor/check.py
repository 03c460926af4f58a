"""What one check found."""

from __future__ import annotations

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
