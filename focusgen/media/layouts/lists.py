"""Lists of names that come with a data set, and tables of them."""

from __future__ import annotations

import csv
from pathlib import Path

from focusgen.base.errors import ConfigError, reason_of
from focusgen.base.names import display


def read_names(path: Path) -> list[str]:
    """Return the names in a text file, one a line; empty lines and lines that begin with # are passed over.

    Raises:
        ConfigError: not readable as text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{display(str(path))}: {reason_of(error)}", "Give a text file with one name a line."
        ) from error
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file by the names in its first line.

    Raises:
        ConfigError: not readable as CSV.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [dict(row) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"{display(str(path))}: {reason_of(error)}", "Replace the file, or remove it."
        ) from error
