"""Files of focus distances: JSON, plain numbers, tables of slices, and what exiftool prints."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from focusgen.base.errors import ConfigError
from focusgen.base.names import display, listed
from focusgen.focal.distance_units import said_unit
from focusgen.focal.distances import (
    DETACHED_UNIT,
    HOW_TO_GIVE,
    parse_distance,
    parse_distances,
    with_point,
)
from focusgen.focal.lists import read_text

SUFFIX = re.compile(r"\.[a-z]\w*$")
UNIT_COMMENT = re.compile(r"focus|dist|unit|#\s*\S+$", re.IGNORECASE)
"""A comment above the numbers that is their heading: numpy.savetxt writes it so."""

COMMENT = re.compile(r"(^|\s)#.*")
JSON_KEYS = ("focus_distances", "focus_distance", "distances")
"""Of a list of distances, with or without `_m`, `_mm`, `_cm` or `_um` behind it."""

UNIT_KEY = re.compile(r"(.*_)?units?", re.IGNORECASE)


Said = list[float] | dict[str, float]
"""Metres in the order of the slices, or of slices by their names."""


def read_distances(
    path: Path, names: Sequence[str], folder: str = "", taken: Sequence[str] | None = None
) -> list[float]:
    """Return the distances in a file: JSON, lines of numbers, or lines of `slice name, distance`.

    Args:
        path: the file.
        names: file names of the slices, in order.
        folder: name of their folder: of lines that name several folders, those of this one count.
        taken: those of the slices that are asked for where they are named; None: all.

    Raises:
        ConfigError: it cannot be read, or says something else; names file and line.
    """
    shown, text = display(str(path)), read_text(path, HOW_TO_GIVE)
    found = (_from_json if path.suffix.lower() == ".json" else _from_lines)(text, shown, names, folder)
    if isinstance(found, list):
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
    if isinstance(document, list) and document and all(isinstance(entry, dict) for entry in document):
        return _from_table(_table_of(document, shown, names), shown, names, folder)
    found, unit = document, "m"
    if isinstance(document, dict):
        key = next((key for key in document if _without_unit(key) in JSON_KEYS), None)
        unit = _unit_of_document(document, key, shown)
        if key is not None and _are_paired(document.get("slices"), document[key]):
            document, key = dict(zip(document["slices"], document[key], strict=True)), None
        by_name = {_slice_of(name, names): value for name, value in document.items()}
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
        file = next((value for value in entry.values() if _slice_of(value, names)), first)
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
    lines = [(f"{shown}:{n}", line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    above = itertools.takewhile(lambda line: line[1].startswith("#"), lines)
    told = [(where, content.lstrip("# ")) for where, content in above if UNIT_COMMENT.search(content)]
    usual = _one_unit(told, f"{shown}: its comments name")
    said = [(where, COMMENT.sub("", content).strip()) for where, content in lines]
    return _from_table([line for line in said if line[1]], shown, names, folder, usual)


def _from_table(
    lines: list[tuple[str, str]], shown: str, names: Sequence[str], folder: str, usual: str = "m"
) -> Said:
    """Return the distances that lines say, each with where it stands; `usual` where no heading has one."""
    heading = _heading_of(lines[0][1], lines[0][0], names) if lines else None
    unit = (heading and heading.unit) or usual
    numbers: list[float] = []
    by_name: dict[str, float] = {}
    for where, content in _of_folder(lines if heading is None else lines[1:], folder):
        found = _named_distance(content, where, names, heading or Heading(), unit)
        if found is None:
            numbers += parse_distances(content, where, unit)
        elif found[0] in by_name:
            raise ConfigError(f"{where}: a distance of {display(found[0])} for the second time")
        else:
            by_name[found[0]] = found[1]
    if by_name and numbers:
        raise ConfigError(f"{shown}: some lines name a slice and some do not")
    return by_name or numbers


def _of_folder(lines: list[tuple[str, str]], folder: str) -> list[tuple[str, str]]:
    """Return the lines that name files of a folder, all where none does: `exiftool -r` lists many."""
    directly_in = re.compile(rf"(^|[/\\\",;\t]){re.escape(folder)}[/\\][^/\\]*$")
    own = [line for line in lines if directly_in.search(line[1])] if folder else []
    return own or lines


class Heading(NamedTuple):
    """What the first line of a file of distances says of the others.

    Attributes:
        n_columns: as it has; 0 without a heading.
        focus: number of the column with the distances, None if none is called so.
        unit: of the distances; None where it says none.
    """

    n_columns: int = 0
    focus: int | None = None
    unit: str | None = None


def _heading_of(content: str, where: str, names: Sequence[str]) -> Heading | None:
    """Return what the first line says, None if it is no heading.

    Raises:
        ConfigError: distances are told in something else than metres or parts of them.
    """
    cells = _cells(content)
    if any(_slice_of(cell, names) for cell in cells) or _is_distance(cells[-1]):
        return None
    focus = focus_column([cell.lower() for cell in cells], where)
    return Heading(len(cells), focus, said_unit(cells[focus if focus is not None else -1], where))


def focus_column(titles: Sequence[str], where: str) -> int | None:
    """Return the number of the column that is called a focus distance, None if none is.

    Raises:
        ConfigError: several are, such as the nearest and the farthest that is sharp.
    """
    for words in (("focus", "dist"), ("focus",), ("dist",)):
        found = [n for n, title in enumerate(titles) if all(word in title for word in words)]
        plain = [n for n in found if re.sub(r"[^a-z]", "", titles[n]) == "focusdistance"]
        if len(found) == 1 or plain:
            return (plain or found)[0]
        if found:
            named = ", ".join(display(titles[n]) for n in found)
            raise ConfigError(f"{where}: which of {named} is the focus distance?", "Leave one of them.")
    return None


def _is_distance(cell: str) -> bool:
    try:
        parse_distances(with_point(cell), "")
    except ConfigError:
        return False
    return True


def _named_distance(
    content: str, where: str, names: Sequence[str], heading: Heading, unit: str
) -> tuple[str, float] | None:
    """Return the slice that a line names and its distance, None if it names none."""
    cells = _cells(content)
    if len(cells) == 1 and _slice_of(cells[0], names) and not _is_distance(cells[0]):
        raise ConfigError(f"{where}: names {display(cells[0])} and no distance", HOW_TO_GIVE)
    if heading.n_columns < 2 and len(cells) != 2:
        return None
    at = next((n for n, cell in enumerate(cells) if _slice_of(cell, names)), None)
    has_a_name = heading.focus is not None and heading.n_columns > 1
    if at is None and (has_a_name or (_is_distance(cells[-1]) and not _is_distance(cells[0]))):
        raise ConfigError(
            f"{where}: names no slice of the stack ({listed(names, 4)})",
            HOW_TO_GIVE,
        )
    if at is None or (heading.n_columns < 2 and at != 0):
        return None
    focus = heading.focus if len(cells) != 2 else 1 - at
    if focus is None or focus >= len(cells):
        raise ConfigError(f"{where}: which of {len(cells)} cells is the distance?", HOW_TO_GIVE)
    name = _slice_of(cells[at], names)
    assert name is not None, "it was found there"
    return name, parse_distance(with_point(cells[focus]), where, unit)


def _cells(content: str) -> list[str]:
    """Return what a line holds: between tabs, else semicolons, else commas, else a name and a distance."""
    mark = next((mark for mark in "\t;," if mark in content), None)
    if mark is None:
        words = DETACHED_UNIT.sub("", content).rsplit(maxsplit=1)
        return words if _is_distance(words[-1]) else [content]
    row = next(csv.reader(io.StringIO(content), delimiter=mark, skipinitialspace=True))
    return [cell.strip() for cell in row]


def _slice_of(cell: str, names: Sequence[str]) -> str | None:
    """Return the slice that a cell names: with or without folders and suffix, in any case of letters.

    The suffix may be another's: raw files have notes that pictures developed from them lack.
    """
    exact = next((name for name in names if cell in (name, Path(name).stem)), None)
    if exact is not None:
        return exact
    last = cell.replace("\\", "/").rsplit("/", 1)[-1].casefold()
    for known_as in ({last}, {SUFFIX.sub("", last)}):
        alike = [name for name in names if known_as & {name.casefold(), Path(name).stem.casefold()} - {""}]
        if len(alike) == 1:
            return alike[0]
    return None
