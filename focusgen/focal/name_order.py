"""In which order names put the slices of a folder: by what they count, or by the distances they bear."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from focusgen.base.names import natural_key
from focusgen.focal.distances import MICRO, UNITS_M
from focusgen.focal.slice_kinds import stem_of

ENDLESS = r"(?<![a-z])inf(?:inity)?(?![a-z])|\u221e"
SIGN = r"(?:^|(?<=[_=]))[+-](?=\d)"
"""Of positions, as stages count them: `z_-2`, `z_+1`; elsewhere a dash parts words."""

DISTANCE = rf"(?<![_=]-)(?<!^-)\d+(?:[.,]\d+)?\s?(?:[mcu\u00b5\u03bc]?m)(?![a-z])|{ENDLESS}"
LAST_NUMBER = re.compile(rf"(?:{DISTANCE}|\d+)(?!.*(?:\d|{ENDLESS}))", re.IGNORECASE)
"""What counts slices: a number, or a distance such as the 0.5m of `focus_0.5m`, the 30cm or the inf."""

DECIMAL = r"(?:^|(?<=[_= -])|(?<=focus)|(?<=dist)|(?<=\bf)|(?<=\bd))\d+\.\d{1,6}$"
POSITION = r"\d+(?:\.\d+)?\s?(?:[mcu\u00b5\u03bc]?m(?![a-z]))?"
LAST_SIGNED = re.compile(rf"({SIGN})?({POSITION})(?!.*\d)", re.IGNORECASE)
"""The same where some count below 0."""

LAST_DECIMAL = re.compile(rf"{DECIMAL}|{LAST_NUMBER.pattern}", re.IGNORECASE)
"""The same where names end in distances that bring no unit: `focus_0.35`, `1.2`, `2`."""

NUMBER_AND_UNIT = re.compile(r"([\d.,]+)\s?(\D*)")
COUNTER_END = 10_000
"""Before it counters of cameras begin anew, with 0 or 1: IMG_9999, IMG_0001."""


class NameOrder(NamedTuple):
    """What names of slices end in.

    Attributes:
        number: finds what counts them.
        key: sorts them.
    """

    number: re.Pattern[str]
    key: Callable[[str], tuple[Any, str]]


def name_order(paths: Sequence[Path]) -> NameOrder:
    """Return in which order names put pictures."""
    if any(re.search(rf"{SIGN}{POSITION}$", stem_of(path), re.IGNORECASE) for path in paths):
        return NameOrder(LAST_SIGNED, _signed_key)
    if _end_in_decimals(paths):
        return NameOrder(LAST_DECIMAL, _decimal_key)
    return NameOrder(LAST_NUMBER, _counting_key)


def distances_in_names(paths: Sequence[Path]) -> list[float] | None:
    """Return metres that the names of slices bear, None if it is not sure that they do.

    Of several in each name (`50mm_f2_0.3m`) those are taken that differ from name to name.
    """
    if _end_in_decimals(paths):
        ends = [LAST_DECIMAL.search(stem_of(path)) for path in paths]
        rows = [[end[0]] if end else [] for end in ends]
    else:
        rows = [re.findall(DISTANCE, stem_of(path), re.IGNORECASE) for path in paths]
    if len({len(row) for row in rows}) != 1:
        return None
    columns = [list(map(_metres, words)) for words in zip(*rows, strict=True)]
    told = [metres for metres in columns if len(set(metres)) == len(metres) > 1 and min(metres) > 0]
    return told[0] if len(told) == 1 else None


def slice_names(paths: Sequence[Path]) -> list[str]:
    """Return file names, with as many folders before them as tell slices of several folders apart."""
    longest = max((len(path.parts) for path in paths), default=1)
    for n_parts in range(1, longest):
        names = ["/".join(path.parts[-n_parts:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [path.as_posix() for path in paths]


def roll_over(paths: Sequence[Path]) -> bool:
    """Say whether a camera's counter began anew amid a series: 9998, 9999, 0001; some may be missing."""
    words = [found[0] for path in paths if (found := LAST_NUMBER.search(stem_of(path)))]
    numbers = sorted(int(word) for word in words if word.isdigit())
    reach = 2 * len(paths)
    is_at_both_ends = bool(numbers) and numbers[0] < reach and 0 < COUNTER_END - numbers[-1] < reach
    return is_at_both_ends and bool(np.diff(numbers).max(initial=0) > COUNTER_END / 2)


def _end_in_decimals(paths: Sequence[Path]) -> bool:
    """Say whether names end in decimals, not in counters behind a point, as 1.1 ... 1.10 and 1.001 are."""
    found = [re.search(DECIMAL, stem_of(path), re.IGNORECASE) for path in paths]
    decimals = [one[0] for one in found if one]
    are_numbers = len({float(one) for one in decimals}) == len(decimals)
    if not are_numbers or any(re.search(r"\.00+[1-9]", one) for one in decimals):
        return False
    one_among_whole = (
        len(decimals) == 1 and len({LAST_DECIMAL.sub("#", stem_of(path)) for path in paths}) == 1
    )
    return len(decimals) >= 2 or one_among_whole


def _metres(word: str) -> float:
    """Return what a distance of a name says; a number without a unit is metres."""
    found = NUMBER_AND_UNIT.fullmatch(MICRO.sub("um", word.lower()))
    if found is None:
        return math.inf
    return float(found[1].replace(",", ".")) * UNITS_M[found[2] or "m"]


def _counted(found: re.Match[str]) -> str:
    """Return a whole number that sorts as a distance does."""
    metres = _metres(found[0])
    return "9" * 30 if math.isinf(metres) else str(round(1e9 * metres))


def _signed_key(name: str) -> tuple[Any, str]:
    """Return a key that sorts -2 before -1, and both before 0 and +1."""

    def counted(found: re.Match[str]) -> str:
        nanometres = round(1e9 * _metres(found[2]))
        return str(10**30 + (-nanometres if found[1] == "-" else nanometres))

    return natural_key(LAST_SIGNED.sub(counted, Path(name).stem))


def _decimal_key(name: str) -> tuple[Any, str]:
    """Return a key that sorts 0.35 before 0.5, and both before 2."""
    return natural_key(LAST_DECIMAL.sub(_counted, Path(name).stem))


def _counting_key(name: str) -> tuple[Any, str]:
    """Return a key that sorts numbers by what they count, and 30cm before 0.5m, and all before inf."""
    return natural_key(re.sub(DISTANCE, _counted, name, flags=re.IGNORECASE))
