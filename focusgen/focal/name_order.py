"""In which order names put the slices of a folder: by what they count, or by the distances they bear."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from focusgen.base.errors import ConfigError
from focusgen.base.names import alike, natural_key
from focusgen.focal.distance_units import unit_of
from focusgen.focal.distances import MICRO, UNITS_M
from focusgen.focal.slice_kinds import stem_of

ENDLESS = r"(?<![a-z])inf(?:inity)?(?![a-z])|\u221e"
SIGN = r"(?:^|(?<=[_=]))[+-](?=\d)"
"""Of positions, as stages count them: `z_-2`, `z_+1`; elsewhere a dash parts words."""

DISTANCE = (
    r"(?<![_=]-)(?<!^-)(?<!\d)(?<!\d[.,p])\d+(?:[.,p]\d+)?\s?(?:[mcu\u00b5\u03bc]?m)(?![a-z])|"
    rf"{ENDLESS}"
)
LAST_NUMBER = re.compile(rf"(?:{DISTANCE}|\d+)(?!.*(?:\d|{ENDLESS}))", re.IGNORECASE)
"""What counts slices: a number, or a distance such as the 0.5m of `focus_0.5m`, the 30cm or the inf."""

NUMBER_WITH_POINT = r"(?:^|(?<=[_= -])|(?<=focus)|(?<=dist)|(?<=distance)|(?<=\bf)|(?<=\bd))\d+\.\d{1,6}"
DECIMAL = rf"{NUMBER_WITH_POINT}$"
POSITION = r"\d+(?:\.\d+)?\s?(?:[mcu\u00b5\u03bc]?m(?![a-z]))?"
LAST_SIGNED = re.compile(rf"((?:^|(?<=[_=a-z]))[+-])?({POSITION})(?!.*\d)", re.IGNORECASE)
"""The same where some count below 0."""

SIGNED_WORD = re.compile(rf"(.*[a-z])([+-]?){POSITION}", re.IGNORECASE)
"""A word and its position: `focus-2` is one below 0 where `focus0` or `focus+1` are of the series."""

LAST_DECIMAL = re.compile(rf"{DECIMAL}|{LAST_NUMBER.pattern}", re.IGNORECASE)
"""The same where names end in distances that bring no unit: `focus_0.35`, `1.2`, `2`."""

ANY_NUMBER = re.compile(
    rf"{SIGN}{POSITION}(?!\d)|{DISTANCE}|{NUMBER_WITH_POINT}(?=[_ -])|\d+(?!\d)", re.IGNORECASE
)
"""Each number of a name, with its sign, unit and decimals."""

COUNTER_BEHIND_POINT = re.compile(r"\.00+[1-9]")
COVER_OF_BURST = re.compile("(?<=burst#)_cover$")
"""Phones mark the best picture of a burst so: IMG_1_BURST003_COVER."""

NUMBER_AND_UNIT = re.compile(r"([\d.,p]+)\s?(\D*)")
COUNTER_END = 10_000
"""Before it counters of cameras begin anew, with 0 or 1: IMG_9999, IMG_0001."""


class NameOrder(NamedTuple):
    """What counts the slices in their names, and how it sorts them.

    Attributes:
        number: finds what counts them.
        key: sorts them.
    """

    number: re.Pattern[str]
    key: Callable[[str], tuple[Any, str]]

    def series_of(self, path: Path) -> str:
        """Return the series of a picture: its name with # for what counts it, in any case of letters."""
        return COVER_OF_BURST.sub("", alike(self.number.sub("#", stem_of(path))))


def name_order(paths: Sequence[Path]) -> NameOrder:
    """Return in which order names put pictures."""
    if _count_below_zero([stem_of(path) for path in paths]):
        return NameOrder(LAST_SIGNED, partial(_key_by, LAST_SIGNED))
    if _end_in_decimals(paths):
        return NameOrder(LAST_DECIMAL, partial(_key_by, LAST_DECIMAL))
    inner = _inner_number([stem_of(path) for path in paths])
    if inner is not None:
        return NameOrder(inner, partial(_key_by, inner))
    return NameOrder(LAST_NUMBER, _counting_key)


def distances_in_names(paths: Sequence[Path]) -> list[float] | None:
    """Return metres that the names of slices bear, None if it is not sure that they do.

    Of several in each name (`50mm_f2_0.3m`) those are taken that differ from name to name.
    """
    stems, unit = [stem_of(path) for path in paths], "m"
    if _end_in_decimals(paths):
        ends = [LAST_DECIMAL.search(stem) for stem in stems]
        rows = [[end[0]] if end else [] for end in ends]
        try:
            unit = unit_of(LAST_DECIMAL.sub("", stems[0]), stems[0])
        except ConfigError:
            return None  # diopters, or counts of a motor
    else:
        rows = [re.findall(DISTANCE, stem, re.IGNORECASE) for stem in stems]
    if _count_below_zero(stems) or len({len(row) for row in rows}) != 1:
        return None
    columns = [[_metres(word, unit) for word in words] for words in zip(*rows, strict=True)]
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
    number = name_order(paths).number
    words = [found[0] for path in paths if (found := number.search(stem_of(path)))]
    numbers = sorted(int(word) for word in words if word.isdigit())
    reach = 2 * len(paths)
    is_at_both_ends = bool(numbers) and numbers[0] < reach and 0 < COUNTER_END - numbers[-1] < reach
    return is_at_both_ends and bool(np.diff(numbers).max(initial=0) > COUNTER_END / 2)


def _count_below_zero(stems: Sequence[str]) -> bool:
    """Say whether names count positions of which some lie below 0."""
    if any(re.search(rf"{SIGN}{POSITION}$", stem, re.IGNORECASE) for stem in stems):
        return True
    words = [found for stem in stems if (found := SIGNED_WORD.fullmatch(stem))]
    below, above = ({word[1] for word in words if (word[2] == "-") is is_below} for is_below in (True, False))
    return not below.isdisjoint(above)


def _end_in_decimals(paths: Sequence[Path]) -> bool:
    """Say whether names end in decimals, not in counters behind a point, as 1.1 ... 1.10 and 1.001 are."""
    found = [re.search(DECIMAL, stem_of(path), re.IGNORECASE) for path in paths]
    decimals = [one[0] for one in found if one]
    are_numbers = len({float(one) for one in decimals}) == len(decimals)
    if not are_numbers or any(map(COUNTER_BEHIND_POINT.search, decimals)):
        return False
    one_among_whole = (
        len(decimals) == 1 and len({LAST_DECIMAL.sub("#", stem_of(path)) for path in paths}) == 1
    )
    return len(decimals) >= 2 or one_among_whole


def _inner_number(stems: Sequence[str]) -> re.Pattern[str] | None:
    """Return what finds the last number that differs: of `z012_ch00`, `FD_0.8_N_2.8` it is not the last.

    None where the last number counts, or where numbers with a point may be counters behind one.
    """
    rows = [list(ANY_NUMBER.finditer(stem)) for stem in stems]
    forms = [ANY_NUMBER.sub("#", stem) for stem in stems]
    usual = Counter(forms).most_common(1)[0][0]
    rows = [row for row, form in zip(rows, forms, strict=True) if form == usual]
    columns = [[number[0] for number in column] for column in zip(*rows, strict=True)]
    differing = [n for n, words in enumerate(columns) if len(set(words)) > 1]
    if not differing or differing[-1] == len(columns) - 1:
        return None
    words = columns[differing[-1]]
    if len(set(map(_position_m, words))) < len(set(words)) or any(map(COUNTER_BEHIND_POINT.search, words)):
        return None
    number = rows[0][differing[-1]]
    n_behind = len(re.findall(r"\d+", number.string[number.end() :]))
    return re.compile(rf"(?:{ANY_NUMBER.pattern})(?=(?:\D*\d+(?!\d)){{{n_behind}}}\D*$)", re.IGNORECASE)


def _metres(word: str, unit: str = "m") -> float:
    """Return what a distance of a name says; `unit` is that of a number without one."""
    found = NUMBER_AND_UNIT.fullmatch(MICRO.sub("um", word.lower()))
    if found is None:
        return math.inf
    return float(re.sub("[,p]", ".", found[1])) * UNITS_M[found[2] or unit]


def _position_m(word: str) -> float:
    """Return metres of a distance, or of a position, which may lie below 0."""
    return (-1.0 if word.startswith("-") else 1.0) * _metres(word.lstrip("+-"))


def _counted(found: re.Match[str]) -> str:
    """Return a whole number that sorts as a position does."""
    position_m = _position_m(found[0])
    return "9" * 31 if math.isinf(position_m) else str(10**30 + round(1e9 * position_m))


def _key_by(number: re.Pattern[str], name: str) -> tuple[Any, str]:
    """Return a key that sorts names by one number: -2 before -1 before 0, 0.35 before 0.5 before 2."""
    return natural_key(number.sub(_counted, stem_of(Path(name))))


def _counting_key(name: str) -> tuple[Any, str]:
    """Return a key that sorts numbers by what they count, and 30cm before 0.5m, and all before inf."""
    return natural_key(re.sub(DISTANCE, _counted, name, flags=re.IGNORECASE))
