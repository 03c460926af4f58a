"""In which order names put the slices of a folder: by what they count, or by the distances they end in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from focusgen.base.names import natural_key

DISTANCE = r"\d+(?:\.\d+)?(?=\s?(?:[mcu\u00b5\u03bc]?m)(?![a-z]))"
LAST_NUMBER = re.compile(rf"{DISTANCE}(?!.*\d)|\d+(?!.*\d)", re.IGNORECASE)
"""What counts slices: a number, or a distance such as the 0.5 of `focus_0.5m`."""

DECIMAL = r"(?:^|(?<=[_= -])|(?<=focus)|(?<=dist)|(?<=\bf)|(?<=\bd))\d+\.\d{1,3}$"
LAST_DECIMAL = re.compile(rf"{DECIMAL}|{LAST_NUMBER.pattern}", re.IGNORECASE)
"""The same where names end in distances that bring no unit: `focus_0.35`, `1.2`, `2`."""

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
    if _end_in_decimals(paths):
        return NameOrder(LAST_DECIMAL, _decimal_key)
    return NameOrder(LAST_NUMBER, _counting_key)


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
    words = [found[0] for path in paths if (found := LAST_NUMBER.search(path.stem))]
    numbers = sorted(int(word) for word in words if word.isdigit())
    reach = 2 * len(paths)
    is_at_both_ends = bool(numbers) and numbers[0] < reach and 0 < COUNTER_END - numbers[-1] < reach
    return is_at_both_ends and bool(np.diff(numbers).max(initial=0) > COUNTER_END / 2)


def _end_in_decimals(paths: Sequence[Path]) -> bool:
    """Say whether names end in decimals, not in counters behind a point, as 1.1 ... 1.10 and 1.001 are."""
    found = [re.search(DECIMAL, path.stem, re.IGNORECASE) for path in paths]
    decimals = [one[0] for one in found if one]
    are_numbers = len({float(one) for one in decimals}) == len(decimals)
    return len(decimals) >= 2 and are_numbers and not any(re.search(r"\.00[1-9]", one) for one in decimals)


def _decimal_key(name: str) -> tuple[Any, str]:
    """Return a key that sorts 0.35 before 0.5, and both before 2."""
    micro = LAST_DECIMAL.sub(lambda found: str(round(1e6 * float(found[0]))), Path(name).stem)
    return natural_key(micro)


def _counting_key(name: str) -> tuple[Any, str]:
    """Return a key that sorts numbers by what they count, and 0.35m before 0.5m."""
    return natural_key(re.sub(DISTANCE, lambda found: str(round(1e6 * float(found[0]))), name, flags=re.I))
