"""How the files of a folder follow one another, read from their names, and what is odd about them.

A folder of frames is one series: names of one form (`frame_#`), counted. What stands beside it is told apart:
a poster or a thumbnail is left out and named, two cameras in one folder are refused, a jump is said.
"""

from __future__ import annotations

import itertools
import os
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from focusgen.base.names import display, listed, natural_key, same_form, shortened
from focusgen.media.frame_times import and_more

_RUN = re.compile("[0-9]+")
_HEX = re.compile("[0-9a-f]+|[0-9A-F]+")
_LAST_HEX = re.compile("[0-9a-fA-F]+$")
_DECIMAL_END = re.compile(r"^(.*?)([0-9]+)\.([0-9]+)$", re.DOTALL)
MIN_DIGITS_OF_SECONDS = 9
"""A number of so many digits before a point is a time in seconds since 1970."""

_MIN_DECIMALS = 3  # 1.5 and 1.25 may as well be frames 5 and 25 of part 1
_STRAY_SHARE = 0.1  # a folder in which more files are odd is not one series with something beside it
_TWIN_SHARE = 0.5
_EVEN_SHARE = 0.75  # of equal steps, from which on every missing number is said
_WIDE_STEP = 10.0
_WIDE_TIME = 1.5  # even times differ by what was rounded: 1/13.5 s is 0.074074 s, and now and then 0.074075
_SHOWN = 3

Number = int | Decimal


@dataclass(frozen=True)
class Series:
    """The frames of a folder.

    Attributes:
        files: in order.
        notes: what is odd about the names.
        problem: why the folder is no series; empty if it is one.
    """

    files: tuple[str, ...]
    notes: tuple[str, ...] = ()
    problem: str = ""


def in_order(names: Sequence[str]) -> list[str]:
    """Return file names in the order of their numbers; decimal time stamps count as the numbers they are.

    So do hexadecimal numbers, `0a` after `09` and before `10`.
    """
    hexadecimal = _hexadecimal(names)
    if hexadecimal is not None:
        return sorted(names, key=lambda name: (hexadecimal[name], name))
    decimals = _decimal_stamps(names)
    if decimals is None:
        return sorted(names, key=natural_key)
    return sorted(names, key=lambda name: (decimals[name], natural_key(name)))


def find_series(names: Sequence[str]) -> Series:
    """Return the frames among the images of a folder."""
    if _hexadecimal(names) is not None:
        return Series(tuple(in_order(names)), ("numbers are taken as hexadecimal, having digits a to f",))
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_form(name), []).append(name)
    if len(groups) == 1:
        files = in_order(names)
        return Series(tuple(files), tuple(_notes_on_numbers(files)))
    ranked = sorted(groups.values(), key=len, reverse=True)
    main, others = ranked[0], [name for group in ranked[1:] for name in group]
    counted = {_runs(name) for name in main}
    n_runs = len(_runs(main[0]))
    strays = [name for name in others if not _runs(name) or _runs(name)[:n_runs] in counted]
    if (
        len(main) > 1
        and () not in counted
        and len(strays) == len(others) <= max(1, _STRAY_SHARE * len(names))
    ):
        files = in_order(main)
        note = f"left out, being named otherwise than {display(main[0])}: {listed(strays, _SHOWN)}"
        return Series(tuple(files), (note, *_notes_on_numbers(files)))
    if _are_twins(ranked[0], ranked[1]):
        return Series((), (), _twin_problem(ranked))
    return Series(tuple(in_order(names)), (_note_on_forms(ranked),))


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _form(name: str) -> str:
    """Return a name without its numbers, its suffix and its case."""
    return _RUN.sub("#", same_form(_stem(name)).casefold())


def _runs(name: str) -> tuple[int, ...]:
    return tuple(int(run) for run in _RUN.findall(_stem(name)))


def _decimal_stamps(names: Sequence[str]) -> dict[str, Decimal] | None:
    """Return the time stamps that names like 1305031452.79.png hold; None where they are no decimals.

    `1.2` and `1.10` may be parts and frames as well: then they count without a gap, or are equal as decimals.
    """
    parts = {name: _DECIMAL_END.match(_stem(name)) for name in names}
    found = {name: match.groups() for name, match in parts.items() if match is not None}
    widths = {len(fraction) for _, _, fraction in found.values()}
    if len(found) != len(names) or len(widths) < 2:
        return None
    are_seconds = all(len(whole) >= MIN_DIGITS_OF_SECONDS for _, whole, _ in found.values())
    if max(widths) < _MIN_DECIMALS and not are_seconds:
        return None
    if len({prefix for prefix, _, _ in found.values()}) != 1:
        return None
    stamps = {name: Decimal(f"{whole}.{fraction}") for name, (_, whole, fraction) in found.items()}
    if len(set(stamps.values())) != len(stamps) or _is_counted(found.values()):
        return None
    return stamps


def _hexadecimal(names: Sequence[str]) -> dict[str, int] | None:
    """Return the hexadecimal numbers of names like f0a.png; None where they are no such count.

    All have as many digits, some a letter among them, and hardly any number is left out.
    """
    stems = [_stem(name) for name in names]
    start = os.path.commonprefix([_LAST_HEX.sub("", stem) for stem in stems])
    digits = {name: stem[len(start) :] for name, stem in zip(names, stems, strict=True)}
    if len({len(text) for text in digits.values()}) != 1 or not all(map(_HEX.fullmatch, digits.values())):
        return None
    if not any(text.isdigit() for text in digits.values()) or all(text.isdigit() for text in digits.values()):
        return None
    numbers = {name: int(text, 16) for name, text in digits.items()}
    span = max(numbers.values()) - min(numbers.values()) + 1
    return numbers if len(set(numbers.values())) == len(names) and span <= 2 * len(names) else None


def _is_counted(parts: Iterable[Sequence[str]]) -> bool:
    by_whole: dict[str, list[int]] = {}
    for _, whole, fraction in parts:
        by_whole.setdefault(whole, []).append(int(fraction))
    return all(max(count) - min(count) == len(count) - 1 for count in by_whole.values())


def _are_twins(one: Sequence[str], other: Sequence[str]) -> bool:
    """Say whether two groups count the same moments, as two cameras do."""
    shared = {_runs(name) for name in one} & {_runs(name) for name in other} - {()}
    return len(other) > 1 and len(shared) >= _TWIN_SHARE * len(other)


def _twin_problem(groups: Sequence[Sequence[str]]) -> str:
    return (
        f"several series of the same numbers in one folder ({_forms(groups)}): two cameras, or pictures "
        "beside the frames; give each series a folder of its own"
    )


def _note_on_forms(groups: Sequence[Sequence[str]]) -> str:
    if not any(_runs(name) for group in groups for name in group):
        return "names hold no numbers: frames are in the order of their names"
    return f"names of {len(groups)} forms ({_forms(groups)}): frames are in the order of their names"


def _forms(groups: Sequence[Sequence[str]]) -> str:
    return shortened((f"{len(group)} like '{display(group[0])}'" for group in groups), _SHOWN)


def _notes_on_numbers(files: Sequence[str]) -> Iterator[str]:
    """Yield what to say of the numbers of files that have one form."""
    numbers = _numbers(files)
    if numbers is None:
        again = _begins_again(files)
        if again is not None:
            yield (
                f"numbers begin again after {display(files[again])} ({display(files[again + 1])} follows): "
                "several cameras or clips in one folder?"
            )
        return
    steps = [later - earlier for earlier, later in itertools.pairwise(numbers)]
    if len(steps) < 2:
        return
    if 0 in steps:
        same = steps.index(0)
        yield f"two files have one number: {display(files[same])} and {display(files[same + 1])}"
    usual = statistics.median_low(steps)
    is_even = steps.count(usual) >= _EVEN_SHARE * len(steps)
    limit = (1.0 if isinstance(usual, int) else _WIDE_TIME) if is_even else _WIDE_STEP
    wide = [i for i, step in enumerate(steps) if step > limit * float(usual)]
    if wide:
        first = wide[0]
        yield (f"numbers jump from {display(files[first])} to {display(files[first + 1])}{and_more(wide)}")


def _numbers(files: Sequence[str]) -> list[Number] | None:
    """Return the number of each file; None if more than one number, or none, changes from file to file."""
    decimals = _decimal_stamps(files)
    if decimals is not None:
        return [decimals[name] for name in files]
    ends = [_DECIMAL_END.match(_stem(name)) for name in files]
    if len({end and end[1] for end in ends}) == 1 and ends[0] is not None:
        return [Decimal(f"{end[2]}.{end[3]}") for end in ends if end is not None]
    columns = [column for column in zip(*map(_runs, files), strict=True) if len(set(column)) > 1]
    return list(columns[0]) if len(columns) == 1 else None


def _begins_again(files: Sequence[str]) -> int | None:
    """Return the place where the last of two changing numbers falls back."""
    columns = [column for column in zip(*map(_runs, files), strict=True) if len(set(column)) > 1]
    if len(columns) != 2:
        return None
    falls = (i for i, (a, b) in enumerate(itertools.pairwise(columns[1])) if b < a)
    return next(falls, None)
