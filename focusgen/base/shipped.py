"""Files that travel with focusgen beside its code: configurations, job and phase scripts, the citation.

In a checkout they lie at the top, where people look for them; `setup.py` puts them into a wheel's package.
"""

from __future__ import annotations

import shlex
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
FOLDER = "shipped"


def shipped(name: str, package: Path = PACKAGE) -> Path:
    """Return where a file or folder that travels along lies in this installation.

    Args:
        name: "configs", "jobs", "scripts" or "CITATION.cff".
    """
    in_wheel = package / FOLDER / name
    return in_wheel if in_wheel.exists() else package.parent / name


def script_command(name: str, package: Path = PACKAGE) -> str:
    """Return how the script of a phase is started from here; a wheel keeps it among its modules."""
    beside = Path("scripts") / name
    found = beside if beside.is_file() else shipped("scripts", package) / name
    return f"python {shlex.quote(str(found))}"


def is_checkout(package: Path = PACKAGE) -> bool:
    """Say whether this is a checkout, whose files lie beside the package."""
    return not (package / FOLDER).exists()
