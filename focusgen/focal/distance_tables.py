"""Tables of focus distances: lines of slices and distances, below a heading or without, as of exiftool."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from focusgen.base.errors import ConfigError
from focusgen.base.names import alike, display, listed, same_form
from focusgen.focal.distance_units import said_unit
from focusgen.focal.distances import (
    DETACHED_UNIT,
    HOW_TO_DO_WITHOUT,
    HOW_TO_GIVE,
    parse_distance,
    parse_distances,
    refuse_thousands,
    with_point,
)

NOT_TOLD = (
    "The camera did not write it. Write it there, or leave that slice out: name the others one by one, "
    f"--input a.png,b.png,... {HOW_TO_DO_WITHOUT}"
)

SUFFIX = re.compile(r"\.[a-z]\w*$")

Said = list[float] | dict[str, float]
"""Metres in the order of the slices, or of slices by their names."""


def from_table(
    lines: list[tuple[str, str]], shown: str, names: Sequence[str], folder: str, usual: str = "m"
) -> Said:
    """Return the distances that lines say, each with where it stands; `usual` where no heading has one.

    Args:
        lines: where each stands, and what it says.
        shown: the file.
        names: file names of the slices, in order.
        folder: name of their folder.
        usual: unit of numbers where no heading says one.

    Raises:
        ConfigError: a line says something else; names it.
    """
    heading = _heading_of(lines[0][1], lines[0][0], names) if lines else None
    unit = (heading and heading.unit) or usual
    numbers: list[float] = []
    named: list[_Named] = []
    strangers: list[str] = []
    below, heading = _without_count(lines if heading is None else lines[1:], heading, names)
    below = _with_points(below, len(names))
    for where, content in _of_folder(below, folder):
        found = _named_distance(content, where, names, heading or Heading())
        if isinstance(found, _Named):
            named.append(found)
        elif found is not None:
            strangers.append(found)
        else:
            numbers += parse_distances(content, where, unit)
    if strangers and (heading is None or not named):
        raise ConfigError(f"{strangers[0]}: names no slice of the stack ({listed(names, 4)})", HOW_TO_GIVE)
    if named and numbers:
        raise ConfigError(f"{shown}: some lines name a slice and some do not")
    if len(numbers) == len(below):
        refuse_thousands([content for _, content in below], shown)
    return _by_name(named, unit) if named else numbers


def _without_count(
    lines: list[tuple[str, str]], heading: Heading | None, names: Sequence[str]
) -> tuple[list[tuple[str, str]], Heading | None]:
    """Return distances alone, without a heading, of lines of which one cell counts the slices in order."""
    if heading is None or heading.focus is None or heading.n_columns < 2:
        return lines, heading
    rows = [_cells(content) for _, content in lines]
    if any(len(row) != heading.n_columns or any(slice_of(cell, names) for cell in row) for row in rows):
        return lines, heading
    counts = [[str(n + start) for n in range(len(rows))] for start in (0, 1)]
    columns = [list(column) for n, column in enumerate(zip(*rows, strict=True)) if n != heading.focus]
    if not any(column in counts for column in columns):
        return lines, heading
    cells = [with_point(row[heading.focus]) for row in rows]
    return [(where, cell) for (where, _), cell in zip(lines, cells, strict=True)], None


def _with_points(lines: list[tuple[str, str]], n_slices: int) -> list[tuple[str, str]]:
    """Return lines of which each is one number with points where all have decimal commas, as `0,5` is.

    Not where what stands before the commas counts the lines: these may be two numbers.
    """
    points = [(where, with_point(content)) for where, content in lines]
    firsts = [content.partition(",")[0] for _, content in lines]
    are_counted = any(firsts == [str(n + start) for n in range(n_slices)] for start in (0, 1))
    is_one_each = len(lines) == n_slices > 1 and all("," not in content for _, content in points)
    return points if is_one_each and not are_counted else lines


class _Named(NamedTuple):
    """A line that names a slice.

    Attributes:
        where: it stands.
        name: of the slice.
        cell: its distance.
        is_own: whether the slice itself is named, not a raw file or a sidecar of the same name.
    """

    where: str
    name: str
    cell: str
    is_own: bool


def _by_name(named: Sequence[_Named], unit: str) -> dict[str, float]:
    """Return metres of each slice that lines name: of its own line, else those that its raw files agree on.

    Raises:
        ConfigError: no distance, or two of one slice.
    """
    metres: dict[str, float] = {}
    cells: list[str] = []
    for name in dict.fromkeys(line.name for line in named):
        lines = [line for line in named if line.name == name]
        own = [line for line in lines if line.is_own]
        told = own or [line for line in lines if line.cell] or lines[:1]
        if not told[0].cell:
            raise ConfigError(f"{told[0].where}: no distance stands there for {display(name)}", NOT_TOLD)
        found = [parse_distance(with_point(line.cell), line.where, unit) for line in told]
        if len(found) > 1 and (own or len(set(found)) > 1):
            raise ConfigError(f"{told[1].where}: a distance of {display(name)} for the second time")
        metres[name] = found[0]
        cells.append(told[0].cell)
    refuse_thousands(cells, named[0].where)
    return metres


def _of_folder(lines: list[tuple[str, str]], folder: str) -> list[tuple[str, str]]:
    """Return the lines that name files of a folder, all where none does: `exiftool -r` lists many."""
    directly_in = re.compile(rf"(^|[/\\\",;\t]){re.escape(same_form(folder))}[/\\][^/\\]*$")
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
    if any(slice_of(cell, names) for cell in cells) or _is_distance(cells[-1]):
        return None
    focus = focus_column([cell.lower() for cell in cells], where)
    return Heading(len(cells), focus, said_unit(cells[focus if focus is not None else -1], where))


def focus_column(titles: Sequence[str], where: str) -> int | None:
    """Return the number of the column that is called a focus distance, None if none is.

    Raises:
        ConfigError: several are, such as the nearest and the farthest that is sharp.
    """
    titles = [title.replace("fokus", "focus") for title in titles]
    for words in (("focus", "dist"), ("focus",), ("dist",)):
        found = [n for n, title in enumerate(titles) if all(word in title for word in words)]
        plain = [n for n in found if re.sub(r"[^a-z]", "", titles[n]) == "focusdistance"]
        if len(words) == 1 and found and not _says_unit(titles[found[0]], where):
            found += [n for n, title in enumerate(titles) if "dist" in title and n not in found]
        if len(found) == 1 or plain:
            return (plain or found)[0]
        if found:
            named = ", ".join(display(titles[n]) for n in found)
            raise ConfigError(f"{where}: which of {named} is the focus distance?", "Leave one of them.")
    return None


def _says_unit(title: str, where: str) -> bool:
    """Say whether a title has a unit, if a wrong one: `focus` alone may be counts beside `distance`."""
    try:
        return said_unit(title, where) is not None
    except ConfigError:
        return True


def _is_distance(cell: str) -> bool:
    try:
        return bool(parse_distances(with_point(cell), ""))
    except ConfigError:
        return False


def _named_distance(content: str, where: str, names: Sequence[str], heading: Heading) -> _Named | str | None:
    """Return the slice that a line names and its distance; where it stands, if it names something else.

    None if it names nothing.
    """
    cells = _cells(content)
    if len(cells) == 1 and slice_of(cells[0], names) and not _is_distance(cells[0]):
        raise ConfigError(f"{where}: names {display(cells[0])} and no distance", HOW_TO_GIVE)
    if heading.n_columns < 2 and len(cells) != 2:
        return None
    at = next((n for n, cell in enumerate(cells) if slice_of(cell, names)), None)
    has_a_name = heading.focus is not None and heading.n_columns > 1
    if at is None and (has_a_name or (_is_distance(cells[-1]) and not _is_distance(cells[0]))):
        return where
    if at is None or (heading.n_columns < 2 and at != 0):
        return None
    focus = heading.focus if len(cells) != 2 else 1 - at
    if focus is None or focus >= len(cells):
        raise ConfigError(f"{where}: which of {len(cells)} cells is the distance?", HOW_TO_GIVE)
    name = slice_of(cells[at], names)
    assert name is not None, "it was found there"
    return _Named(where, name, cells[focus], _is_own(cells[at], name))


def _cells(content: str) -> list[str]:
    """Return what a line holds: between tabs, else semicolons, else commas, else a name and a distance."""
    mark = next((mark for mark in "\t;," if mark in content), None)
    if mark is None:
        words = DETACHED_UNIT.sub("", content).rsplit(maxsplit=1)
        return words if _is_distance(words[-1]) else [content]
    row = next(csv.reader(io.StringIO(content), delimiter=mark, skipinitialspace=True))
    return [cell.strip() for cell in row]


def slice_of(cell: str, names: Sequence[str]) -> str | None:
    """Return the slice that a cell names: with or without folders and suffix, in any case of letters.

    The suffix may be another's: raw files have notes that pictures developed from them lack.
    """
    exact = next((name for name in names if cell in map(same_form, (name, _stem(name)))), None)
    if exact is not None:
        return exact
    place = _place(cell)
    for known_as in (place, SUFFIX.sub("", place)):
        alike = [name for name in names if _ends_in(known_as, name)]
        if len(alike) == 1:
            return alike[0]
    return None


def _is_own(cell: str, name: str) -> bool:
    """Say whether a cell names a slice with its own suffix or without any."""
    return _ends_in(_place(cell), name)


def _place(cell: str) -> str:
    return "/" + alike(cell.replace("\\", "/"))


def _ends_in(place: str, name: str) -> bool:
    return any(place.endswith(f"/{alike(known)}") for known in (name, _stem(name)))


def _stem(name: str) -> str:
    """Return a name, with the folders that tell slices apart, without its suffix."""
    return Path(name).with_suffix("").as_posix()
