"""Where each slice is focused: from the command line, from a file, or from EXIF; checked, never guessed."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from focusgen.base.errors import ConfigError
from focusgen.base.names import display

UNITS_M = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
NUMBER_WITH_UNIT = re.compile(r"(.*?)\s*(mm|cm|m)?")
DETACHED_UNIT = re.compile(r"(?<=\d)\s+(?=(?:mm|cm|m)\b)")
ALIKE = 1e-4
"""Two distances that differ by a smaller share are the same: no lens is set so exactly."""

INFINITE = frozenset({"inf", "infinity", "\u221e", "+inf"})
JSON_KEYS = ("focus_distances_m", "focus_distances", "focus_distance_m", "distances_m", "distances")
HOW_TO_GIVE = (
    "Give --focus-distances 0.5,1,inf (metres, one per slice in name order), a file with them, "
    "or exif where the camera wrote them."
)


def parse_distance(text: str, where: str) -> float:
    """Return metres of `0.5`, `1/2`, `50cm` or `500 mm`; `inf` and `infinity` are infinite.

    Raises:
        ConfigError: no distance; names where it stands.
    """
    word = text.strip().lower()
    if word in INFINITE:
        return math.inf
    parts = NUMBER_WITH_UNIT.fullmatch(word)
    assert parts is not None, "the pattern fits any text"
    try:
        metres = _number(parts[1]) * UNITS_M[parts[2] or "m"]
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(
            f"{where}: {display(text)!r} is no distance", "Metres, such as 0.5, 50cm or 1/2, or inf."
        ) from error
    if math.isnan(metres) or metres <= 0:
        raise ConfigError(f"{where}: a focus distance must be > 0 m, not {display(text)}")
    return metres


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)


def parse_distances(text: str, where: str) -> list[float]:
    """Return the distances of a list separated by commas, semicolons or spaces."""
    joined = DETACHED_UNIT.sub("", text.strip().strip("[](){}"))
    words = joined.replace(",", " ").replace(";", " ").split()
    return [parse_distance(word, where) for word in words]


def read_distances(path: Path, names: Sequence[str]) -> list[float]:
    """Return the distances in a file: JSON, lines of numbers, or lines of `slice name, distance`.

    Args:
        path: the file.
        names: file names of the slices, in order.

    Raises:
        ConfigError: it cannot be read, or says something else; names file and line.
    """
    shown = display(str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown}: cannot be read: {error}", HOW_TO_GIVE) from error
    if path.suffix.lower() == ".json":
        return _from_json(text, shown, names)
    return _from_lines(text, shown, names)


def _from_json(text: str, shown: str, names: Sequence[str]) -> list[float]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{shown}: no JSON: {error}") from error
    found: Any = document
    if isinstance(document, dict):
        key = next((key for key in JSON_KEYS if key in document), None)
        by_name = {_slice_of(name, names): value for name, value in document.items()}
        if key is None and not all(name in by_name for name in names):
            raise ConfigError(f"{shown}: neither names every slice nor has a key {', '.join(JSON_KEYS)}")
        found = [by_name[name] for name in names] if key is None else document[key]
    if not isinstance(found, list):
        raise ConfigError(f"{shown}: the focus distances are no list")
    return [parse_distance(str(value), f"{shown}: distance {n + 1}") for n, value in enumerate(found)]


def _from_lines(text: str, shown: str, names: Sequence[str]) -> list[float]:
    numbers: list[float] = []
    by_name: dict[str, float] = {}
    is_first = True
    for line_number, line in enumerate(text.splitlines(), 1):
        content = line.split("#", 1)[0].strip()
        if not content:
            continue
        where = f"{shown}:{line_number}"
        row = [cell.strip() for cell in next(csv.reader(io.StringIO(content), skipinitialspace=True))]
        key = _slice_of(row[0], names)
        if len(row) == 2 and key is not None:
            by_name[key] = parse_distance(row[1], where)
        elif not (is_first and _is_heading(row[-1])):
            numbers += parse_distances(content, where)
        is_first = False
    if by_name and numbers:
        raise ConfigError(f"{shown}: some lines name a slice and some do not")
    if by_name:
        missing = [name for name in names if name not in by_name]
        if missing:
            raise ConfigError(f"{shown}: no distance for {', '.join(map(display, missing))}", HOW_TO_GIVE)
        return [by_name[name] for name in names]
    return numbers


def _is_heading(cell: str) -> bool:
    try:
        parse_distances(cell, "")
    except ConfigError:
        return True
    return False


def _slice_of(cell: str, names: Sequence[str]) -> str | None:
    return next((name for name in names if cell in (name, Path(name).stem)), None)


def check_distances(distances_m: Sequence[float], names: Sequence[str], focal_length_m: float | None) -> None:
    """Refuse what is no focal stack.

    Raises:
        ConfigError: one slice only, another number of distances, one twice, or one nearer than the lens.
    """
    n = len(names)
    if n < 2:
        raise ConfigError(
            f"{display(names[0]) if names else 'the stack'}: a focal stack has at least 2 slices, not {n}",
            "One picture holds no depth from focus: focusgen run estimates it with a network.",
        )
    if len(distances_m) != n:
        what = "more slices than distances" if n > len(distances_m) else "more distances than slices"
        listed = ", ".join(display(name) for name in list(names)[:12])
        raise ConfigError(f"{what}: {n} slices ({listed}), {len(distances_m)} distances", HOW_TO_GIVE)
    seen: dict[float, str] = {}
    for distance, name in zip(distances_m, names, strict=True):
        twin = next((other for at, other in seen.items() if math.isclose(at, distance, rel_tol=ALIKE)), None)
        if twin is not None:
            raise ConfigError(
                f"duplicate focus distance {distance:g} m: {display(twin)} and {display(name)}",
                "Leave one of them out, or correct the distances.",
            )
        seen[distance] = name
        if focal_length_m is not None and distance <= focal_length_m:
            raise ConfigError(
                f"{display(name)}: focus distance {distance:g} m is not beyond the focal length, "
                f"{1e3 * focal_length_m:g} mm",
                "Distances are metres, measured from the lens; --focal-length is millimetres.",
            )
