"""log.csv of a training: one line per step and what it says, cut where a training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.base.files import publish
from focusgen.base.names import display


def check_kind(path: Path, columns: Sequence[str]) -> None:
    """Refuse the log of a training of another kind: both would write to it.

    Raises:
        ConfigError: names the log.
    """
    head = _lines(path)[:1]
    if head and head[0].split(",")[:2] != list(columns[:2]):
        raise ConfigError(
            f"{display(str(path))}: another kind of network was trained here", "Give another --output-dir."
        )


def cut_log(path: Path, columns: Sequence[str], step: int) -> None:
    """Begin a log, or drop what will be done again, and a line that a kill cut short."""
    head, *lines = _lines(path) if step > 0 and _lines(path) else [",".join(columns)]
    kept = [line for line in lines if _is_whole(line, head) and int(line.split(",")[0]) <= step]
    publish(path, ("\n".join([head, *kept]) + "\n").encode())


def _is_whole(line: str, head: str) -> bool:
    return line.count(",") == head.count(",") and line.split(",")[0].isdecimal()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
