"""Asking other programs, with patience and without trust."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


def ask(command: Sequence[str], timeout_s: float = 60.0) -> str | None:
    """Return what a program prints; None if it is missing, fails or does not answer in time."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
