"""Files of focus distances: JSON, plain numbers, tables of slices, and what exiftool prints."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from focusgen.base.errors import ConfigError
from focusgen.base.names import display, listed, same_form
from focusgen.focal.distance_tables import Said, focus_column, from_table, slice_of
from focusgen.focal.distance_units import said_unit
from focusgen.focal.distances import HOW_TO_GIVE, parse_distance
from focusgen.focal.lists import read_text

NOTHING = re.compile(r"[\s,;]*|sep=.", re.IGNORECASE)
"""Rows that spreadsheets leave behind the last one, and what tells them how cells are parted."""

UNIT_COMMENT = re.compile(r"focus|dist|unit|#\s*\S+$", re.IGNORECASE)
"""A comment above the numbers that is their heading: numpy.savetxt writes it so."""

COMMENT = re.compile(r"(^|\s)#.*")
JSON_KEYS = ("focus_distances", "focus_distance", "distances")
"""Of a list of distances, with or without `_m`, `_mm`, `_cm` or `_um` behind it."""

UNIT_KEY = re.compile(r"(.*_)?units?", re.IGNORECASE)


def read_distances(
    path: Path,
    names: Sequence[str],
    folder: str = "",
    taken: Sequence[str] | None = None,
    check_order: Callable[[str, Sequence[float]], object] = lambda where, distances_m: None,
) -> list[float]:
    """Return the distances in a file: JSON, lines of numbers, or lines of `slice name, distance`.

    Args:
        path: the file.
        names: file names of the slices, in order.
        folder: name of their folder: of lines that name several folders, those of this one count.
        taken: those of the slices that are asked for where they are named; None: all.
        check_order: told the file and its distances where these go by the order of the slices; raises where
            that is not sure.

    Raises:
        ConfigError: it cannot be read, or says something else; names file and line.
    """
    shown, text = display(str(path)), same_form(read_text(path, HOW_TO_GIVE))
    found = (_from_json if path.suffix.lower() == ".json" else _from_lines)(text, shown, names, folder)
    if isinstance(found, list):
        check_order(shown, found)
        return found
    wanted = names if taken is None else taken
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ConfigError(f"{shown}: no distance for {', '.join(map(display, missing))}", HOW_TO_GIVE)
    return [found[name] for name in wanted]


def _from_json(text: str, shown: str, names: Sequence[str], folder: str) -> Said:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{shown}: no JSON: {error}") from error
    found, unit = document, "m"
    if rows := _rows_of(document, names):
        return from_table(_table_of(rows, shown, names), shown, names, folder)
    if isinstance(document, dict):
        key = next((key for key in document if _without_unit(key) in JSON_KEYS), None)
        unit = _unit_of_document(document, key, shown)
        if key is not None and _are_paired(document.get("slices"), document[key]):
            document, key = dict(zip(document["slices"], document[key], strict=True)), None
        by_name = {slice_of(name, names): value for name, value in document.items()}
        named = {name: by_name[name] for name in names if name in by_name}
        if key is None and not named:
            raise ConfigError(f"{shown}: neither names slices nor has a key {', '.join(JSON_KEYS)}")
        if key is None:
            return {
                name: parse_distance(str(value), f"{shown}: {name}", unit) for name, value in named.items()
            }
        found = document[key]
    if not isinstance(found, list):
        raise ConfigError(f"{shown}: the focus distances are no list")
    return [parse_distance(str(value), f"{shown}: distance {n + 1}", unit) for n, value in enumerate(found)]


def _rows_of(document: object, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows: a list of them, by their slices, or as columns, as pandas writes them; else nothing."""
    parts = document.values() if isinstance(document, dict) else document
    if not isinstance(parts, Iterable) or not all(isinstance(part, dict) for part in parts):
        return []
    if not isinstance(document, dict):
        return list(parts)
    if any(slice_of(name, names) for name in document):
        return [{"file": name, **row} for name, row in document.items()]
    counts: Iterable[str] = next(iter(document.values()), ())
    return [{title: column.get(count) for title, column in document.items()} for count in counts]


def _without_unit(key: str) -> str:
    return re.sub(r"_(um|mm|cm|m)$", "", key.lower())


def _unit_of_document(document: Mapping[str, Any], key: str | None, shown: str) -> str:
    """Return the unit that the key of the distances says, or a key `unit`; metres where none says it."""
    titles = [str(value) for name, value in document.items() if UNIT_KEY.fullmatch(name)]
    return _one_unit([(shown, title) for title in (*titles, key or "")], f"{shown}: it names")


def _one_unit(told: Iterable[tuple[str, str]], who_names: str) -> str:
    """Return the one unit that titles, each behind where it stands, say; metres where none says it.

    Raises:
        ConfigError: they say several, or another than metres or parts of them.
    """
    units = {said_unit(title, where) for where, title in told} - {None}
    if len(units) > 1:
        raise ConfigError(f"{who_names} {listed(sorted(map(str, units)))}", HOW_TO_GIVE)
    return next(iter(units), None) or "m"


def _table_of(
    entries: Sequence[Mapping[str, Any]], shown: str, names: Sequence[str]
) -> list[tuple[str, str]]:
    """Return a heading, and a line per object of its file and focus distance: `exiftool -j` lists such.

    Raises:
        ConfigError: nothing, or more than one thing, is called a focus distance.
    """
    flat = [_flat(entry) for entry in entries]
    titles = list(dict.fromkeys(title for entry in flat for title in entry))
    focus = focus_column([title.lower() for title in titles], shown)
    if focus is None:
        raise ConfigError(f"{shown}: no FocusDistance in {listed(titles, 4)}", HOW_TO_GIVE)
    lines = [(shown, _line("file", titles[focus]))]
    for number, entry in enumerate(flat, 1):
        first = next(iter(entry.values()), "")
        file = next((value for value in entry.values() if slice_of(value, names)), first)
        lines.append((f"{shown}: object {number}", _line(file, entry.get(titles[focus], ""))))
    return lines


def _line(*cells: str) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().strip()


def _flat(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of an object by names without groups (exiftool's -G says EXIF:..., -g nests)."""
    found: dict[str, str] = {}
    for title, value in entry.items():
        below = _flat(value) if isinstance(value, Mapping) else {title.rpartition(":")[2]: str(value)}
        for name, text in below.items():
            found.setdefault(name, text)
    return found


def _are_paired(slices: object, distances: object) -> bool:
    return isinstance(slices, list) and isinstance(distances, list) and len(slices) == len(distances)


def _from_lines(text: str, shown: str, names: Sequence[str], folder: str) -> Said:
    numbered = ((f"{shown}:{n}", line.strip()) for n, line in enumerate(text.splitlines(), 1))
    filled = [(where, line) for where, line in numbered if not NOTHING.fullmatch(line)]
    lines = _without_counter(_without_empty_columns(filled))
    above = itertools.takewhile(lambda line: line[1].startswith("#"), lines)
    told = [(where, content.lstrip("# ")) for where, content in above if UNIT_COMMENT.search(content)]
    usual = _one_unit(told, f"{shown}: its comments name")
    said = [(where, COMMENT.sub("", content).strip()) for where, content in lines]
    return from_table([line for line in said if line[1]], shown, names, folder, usual)


def _without_empty_columns(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return lines without the separators that all of them end in."""
    n_empty = min((len(line) - len(line.rstrip(";,")) for _, line in lines), default=0)
    return [(where, line[: len(line) - n_empty]) for where, line in lines]


def _without_counter(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return lines without the column that has no title and counts them, as pandas puts it first."""
    if not lines or lines[0][1][:1] not in tuple(",;"):
        return lines
    parted = [(where, *line.partition(lines[0][1][0])) for where, line in lines]
    is_counter = [first for _, first, _, _ in parted] == ["", *map(str, range(len(lines) - 1))]
    return [(where, rest) for where, _, _, rest in parted] if is_counter else lines
