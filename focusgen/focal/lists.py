"""File lists: CSV, plain lines and JSON lines; quotes, comments, `${VAR}` and fallback roots.

    scene_01 depth_01.png 9                    a folder of slices, its depth, how many slices
    "a b.png" depth.npy f=50 # comment         one picture with depth
    {"focal_stack": "s", "depth": "d.npy"}     JSON lines, all keys

Relative paths are looked for below each root in turn, then beside the list. A root with an unset variable is
skipped. Environment: FOCALDIFFUSION_DATA_ROOT, <SOURCE>_DATA_ROOT, and <TYPE>_DATA_ROOT (ALL_IN_FOCUS, DEPTH,
FOCAL_STACK).
"""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusgen.base.errors import ConfigError, reason_of
from focusgen.base.names import display
from focusgen.focal.distances import with_point
from focusgen.focal.records import (
    ALIASES,
    CAMERA_KEYS,
    FLAT_CAMERA,
    KEYS,
    StackRecord,
    record_of,
    unknown_key,
)
from focusgen.media.picture_files import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from focusgen.focal.presets import Preset

DEPTH_SUFFIXES = (".npy", ".npz", ".png", ".exr", ".h5", ".hdf5", ".pfm")
FILE_SUFFIXES = (*PICTURE_SUFFIXES, *DEPTH_SUFFIXES)
SEVERAL_NUMBERS = re.compile(r"(?<![^\s,])((?:focus_distances|focus_range|depth_range)=[^\s\"']+)")
"""What a plain line says of keys that have several values: commas part numbers there, not words."""

NO_TITLE = ""
"""Of the column in which pandas counts lines."""

INNER_HASH = re.compile(r"(?<=[^\s,\"'])#")
"""A part of a name; a comment begins a word."""


Refused = Callable[[ConfigError], object]
"""Gets the error of a line that says what it may not, or raises it."""


def _raise(error: ConfigError) -> None:
    raise error


def read_list(path: Path, preset: Preset | None = None, refused: Refused = _raise) -> list[StackRecord]:
    """Return the records of a file list.

    Args:
        path: the list.
        preset: what a record takes where it does not say it itself.
        refused: gets the error of a line that says what it may not; the others are read.

    Raises:
        ConfigError: it cannot be read, or a line says what it may not; names file and line.
    """
    shown, text = display(str(path)), read_text(path)
    errors: list[ConfigError] = []

    def refuse(error: ConfigError) -> None:
        errors.append(error)
        refused(error)

    records = _json_document(text, shown, refuse) if path.suffix.lower() == ".json" else None
    if records is None:
        records = list(_records(text, shown, refuse))
    if not records and not errors:
        raise ConfigError(f"{shown}: holds no record")
    return records if preset is None else [preset.completed(record) for record in records]


def read_text(path: Path, advice: str = "") -> str:
    """Return what stands in a file that a person or a spreadsheet wrote.

    Raises:
        ConfigError: it cannot be read, and then `advice` is given, or it is no UTF-8.
    """
    shown = display(str(path))
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {reason_of(error)}", advice) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown}: cannot be read: it is no UTF-8 text", "Save it as UTF-8.") from error


def _json_document(text: str, shown: str, refuse: Refused) -> list[StackRecord] | None:
    """Return the records of an array, or of one record over several lines; None if these are JSON lines."""
    try:
        document = json.loads(text)
    except ValueError as error:
        if text.lstrip().startswith("["):
            raise ConfigError(f"{shown}: no JSON: {error}") from error
        return None
    if isinstance(document, dict):
        return list(_tried(partial(record_of, document, shown), refuse))
    items = document if isinstance(document, list) else [document]
    stranger = next((n for n, item in enumerate(items, 1) if not isinstance(item, dict)), None)
    if stranger is not None:
        raise ConfigError(f"{shown}: item {stranger} is no object with the keys of a stack")
    openers = (partial(record_of, item, f"{shown}: item {n}") for n, item in enumerate(items, 1))
    return [record for opener in openers for record in _tried(opener, refuse)]


def _tried(opener: Callable[[], StackRecord], refuse: Refused) -> Iterator[StackRecord]:
    """Yield a record, or nothing where it is refused."""
    try:
        yield opener()
    except ConfigError as error:
        refuse(error)


def _records(text: str, shown: str, refuse: Refused) -> Iterator[StackRecord]:
    heading: list[str] | None = None
    mark = ","
    for number, line in enumerate(text.splitlines(), 1):
        where, content = f"{shown}:{number}", line.strip()
        if not content.strip(" ,\t") or content.startswith("#"):
            continue
        found = _heading(content, where) if heading is None else None
        if found is not None:
            heading, mark = found, _mark_of(content)
        else:
            yield from _tried(partial(_record, line, where, heading, mark), refuse)


def _heading(content: str, where: str) -> list[str] | None:
    """Return the columns that a line names, None if it is no heading.

    Raises:
        ConfigError: it names one that is unknown.
    """
    if content.startswith("{"):
        return None
    words = [word.strip() for word in content.split(";")]
    if not _is_heading(words):
        try:
            words = ([NO_TITLE] if content.startswith(",") else []) + _words(content, where)
        except ConfigError:  # of a line that is no heading: said where that is read
            return None
    return _checked_heading(words, where) if _is_heading(words) else None


def _mark_of(heading: str) -> str:
    """Return what parts columns: tabs, semicolons or commas."""
    return next((mark for mark in "\t;" if mark in heading), ",")


def _record(line: str, where: str, heading: list[str] | None, mark: str) -> StackRecord:
    """Return what a line says that is no heading."""
    content = line.strip()
    if content.startswith("{"):
        return record_of(_json_line(content, where), where)
    if heading is not None:
        return record_of(_row(heading, line, where, mark), where)
    return record_of(_plain(_words(content, where), where), where)


def _json_line(content: str, where: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        advice = "A line is one object and nothing after it; commas stand only between its keys."
        raise ConfigError(f"{where}: no JSON: {error}", advice) from error
    if not isinstance(document, dict):
        raise ConfigError(f"{where}: a JSON line is one object")
    return document


def _words(content: str, where: str) -> list[str]:
    marked = INNER_HASH.sub("\0", SEVERAL_NUMBERS.sub(r'"\1"', content))
    lexer = shlex.shlex(marked, posix=True, punctuation_chars="")
    lexer.whitespace, lexer.whitespace_split, lexer.escape = " \t,", True, ""
    try:
        return [word.replace("\0", "#") for word in lexer]
    except ValueError as error:
        raise ConfigError(
            f"{where}: {error}: a quote is not closed", "Put paths with spaces in quotes."
        ) from error


def _row(heading: list[str], line: str, where: str, mark: str) -> dict[str, Any]:
    rows = csv.reader(io.StringIO(line), delimiter=mark, skipinitialspace=mark == ",")
    cells = [cell.strip() for cell in next(rows)]
    if len(cells) != len(heading):
        raise ConfigError(f"{where}: {len(cells)} cells, the heading has {len(heading)}")
    values: dict[str, Any] = {}
    for key, cell in zip(heading, cells, strict=True):
        if cell and key != NO_TITLE:
            values[key] = with_point(cell) if mark == ";" else cell
    return values


def _is_heading(words: list[str]) -> bool:
    """Say whether words are names of columns: at least half are known, none is a file or says anything.

    Spreadsheets like to begin them with a capital.
    """
    if len(words) < 2 or any("=" in word or "/" in word for word in words):
        return False
    is_file = any(Path(word).suffix.lower() in FILE_SUFFIXES for word in words)
    return not is_file and 2 * sum(_is_column(word.lower()) for word in words) >= len(words)


def _is_column(word: str) -> bool:
    head, dot, tail = word.partition(".")
    return (
        ALIASES.get(word, word) in KEYS or word in FLAT_CAMERA or (head == "camera" and tail in CAMERA_KEYS)
    )


def _checked_heading(words: list[str], where: str) -> list[str]:
    words = [word.lower() for word in words]
    unknown = [word for word in words if not _is_column(word) and word != NO_TITLE]
    if unknown:
        known = (*KEYS, *ALIASES, *FLAT_CAMERA, *(f"camera.{key}" for key in CAMERA_KEYS))
        raise ConfigError(unknown_key(where, unknown[0], unknown[0], known))
    return words


def _plain(words: list[str], where: str) -> dict[str, Any]:
    """Return what a plain line says: picture or folder, depth, then k=v, a count, or a folder of slices."""
    if not words:
        raise ConfigError(f"{where}: says nothing", "A comment begins its line.")
    first, *rest = words
    is_picture = Path(first).suffix.lower() in PICTURE_SUFFIXES
    values: dict[str, Any] = {"all_in_focus" if is_picture else "focal_stack": first}
    for word in rest:
        key, equals, value = word.partition("=")
        if equals:
            values[key] = value
        elif word.isdigit():
            values["num_images"] = int(word)
        elif "depth" not in values:
            values["depth"] = word
        elif "focal_stack" not in values:
            values["focal_stack"] = word
        else:
            raise ConfigError(
                f"{where}: what is {display(word)}?", "A line is: picture-or-folder depth [key=value]."
            )
    if is_picture and "focal_stack" not in values:
        values.setdefault("generate_focal_stack", True)
    return values
