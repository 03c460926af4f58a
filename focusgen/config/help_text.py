"""The text of `--help`: paragraphs as their authors laid them out, wrapped at the terminal's width."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import TextIO

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BOX = ("│", "╭", "╰")  # tyro fits its boxes to the width itself, but neither usage nor description
_HANGING = 4
_SECOND_COLUMN = re.compile(r" *\S.*? {2,}(?=\S)")


def paragraphs(doc: str) -> str:
    """Keep lines apart that are commands, or a script's Reads, Writes and Usage: tyro joins others."""
    doc = re.sub(r"\n(focusgen \w)", r"\n    \1", doc.strip())
    return re.sub(r"\n(Reads|Writes|Usage) +", r"\n\n\1: ", doc)


class _HeldBack(io.TextIOWrapper):
    """What is printed meanwhile; it says of colours and letters what the terminal would."""

    def __init__(self, terminal: TextIO) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding=terminal.encoding, errors=terminal.errors, newline="")
        self._is_terminal = terminal.isatty()

    def isatty(self) -> bool:
        return self._is_terminal

    def text(self) -> str:
        self.flush()
        return self._bytes.getvalue().decode(self.encoding, self.errors or "strict")


@contextlib.contextmanager
def wrapped_output() -> Iterator[None]:
    """Wrap at the terminal's width what is printed on the standard output."""
    terminal = sys.stdout
    held = _HeldBack(terminal)
    try:
        with contextlib.redirect_stdout(held):
            yield
    finally:
        if text := held.text():
            print(wrapped(text, shutil.get_terminal_size().columns), end="", file=terminal)


def wrapped(text: str, columns: int) -> str:
    """Break the lines that are wider than the terminal between words; what goes on stands further in."""
    return "".join(f"{_fitted(line, columns)}\n" for line in text.splitlines())


def _fitted(line: str, columns: int) -> str:
    seen = _COLOUR.sub("", line)
    if len(seen) <= columns or seen.startswith(_BOX):
        return line
    hanging = " " * _hanging(seen, columns)
    return textwrap.fill(
        seen, columns, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )


def _hanging(line: str, columns: int) -> int:
    """Return where a line goes on: in its second column, where it has one that leaves room."""
    second = _SECOND_COLUMN.match(line)
    if second and second.end() <= 2 * columns // 3:
        return second.end()
    indent = len(line) - len(line.lstrip())
    return indent + _HANGING if indent or line.startswith("usage:") else 0
