"""Which depth file belongs to which frame, by the numbers or time stamps in both their names."""

from __future__ import annotations

import bisect
import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePath
from typing import NamedTuple

from focusgen.base.names import display, listed, same_form
from focusgen.media.numbering import MIN_DIGITS_OF_SECONDS

MIN_DIGITS_OF_A_STAMP = 12
"""A number of so many digits is a time in milliseconds or finer, no count of frames."""

MAX_SHARE_OF_INTERVAL = Decimal("0.6")
"""How far, in frames, a depth may have been taken from its frame."""

MAX_NAMES_SHOWN = 3


class FrameNames(NamedTuple):
    """What the frames of a scene are called; those of a video have no names of their own."""

    names: tuple[str, ...]
    is_video: bool


@dataclass(frozen=True)
class Pairing:
    """How depth files and frames belong together.

    Attributes:
        order: position of the depth file of each frame; None: as they are ordered.
        problem: why they cannot be paired, naming the first difference; "" if they can.
        notes: what was left out.
    """

    order: tuple[int, ...] | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()


class Numbers(NamedTuple):
    """The number of each name, and whether it is a time."""

    values: tuple[Decimal, ...]
    are_stamps: bool


def pair_with_frames(files: Sequence[str], frames: FrameNames | None, n_frames: int) -> Pairing:
    """Return which of the depth files, in natural order, belongs to which frame.

    Args:
        files: names of the depth files.
        frames: names of the frames; None pairs by order.
        n_frames: frames that need depth.
    """
    if frames is None:
        return Pairing()
    numbers = numbers_of(files)
    if frames.is_video:
        return Pairing(problem=_gap(files, numbers))
    names = frames.names[:n_frames]
    by_stem = _by_stem(files, names)
    if by_stem is not None:
        return by_stem
    frame_numbers = numbers_of(names)
    if numbers is None or frame_numbers is None:
        return Pairing(problem=_first_other_stem(files, names))
    if numbers.are_stamps and frame_numbers.are_stamps:
        return _by_time(files, numbers, names, frame_numbers)
    problem = _first_other_number(files, numbers, names, frame_numbers)
    if problem and numbers.are_stamps != frame_numbers.are_stamps:
        timed, counted = ("depth files", "frames") if numbers.are_stamps else ("frames", "depth files")
        problem = (
            f"{timed} are named by times and {counted} by numbers ({display(names[0])}, "
            f"{display(files[0])}), so nobody knows which belong together"
        )
    return Pairing(problem=problem)


def _stem(name: str) -> str:
    return same_form(PurePath(name).stem).casefold()


def _by_stem(files: Sequence[str], names: Sequence[str]) -> Pairing | None:
    """Pair names that are equal but for the suffix; None if a frame has no such file."""
    position = {_stem(file): number for number, file in enumerate(files)}
    if len(position) != len(files) or not all(_stem(name) in position for name in names):
        return None
    return _with_left_out(files, [position[_stem(name)] for name in names])


def _with_left_out(files: Sequence[str], order: Sequence[int]) -> Pairing:
    left_out = [files[number] for number in sorted(set(range(len(files))) - set(order))]
    if not left_out:
        return Pairing(tuple(order))
    shown = listed(left_out, MAX_NAMES_SHOWN)
    return Pairing(tuple(order), notes=(f"{len(left_out)} depth files belong to no frame: {shown}",))


def numbers_of(names: Sequence[str]) -> Numbers | None:
    """Return the number in each name: the one part that differs, in names that are alike otherwise.

    None where the names are no numbered sequence.
    """
    parts = [re.split(r"(\d+)", PurePath(name).stem) for name in names]
    if not parts or any(p[::2] != parts[0][::2] for p in parts) or len(parts[0]) < 3:
        return None
    groups = range(1, len(parts[0]), 2)
    varying = [g for g in groups if len({p[g] for p in parts}) > 1] or [groups[-1]]
    first = varying[0]
    is_decimal = varying == [first, first + 2] and parts[0][first + 1] == "."
    if not is_decimal and len(varying) > 1:
        return None
    if not is_decimal and first > 2 and parts[0][first - 1] == ".":
        is_decimal = _are_of_one_second(parts, first)
        first -= 2 * is_decimal
    if is_decimal:
        return Numbers(tuple(Decimal(f"{p[first]}.{p[first + 2]}") for p in parts), are_stamps=True)
    is_stamp = min(len(p[first]) for p in parts) >= MIN_DIGITS_OF_A_STAMP
    return Numbers(tuple(Decimal(p[first]) for p in parts), is_stamp)


def _are_of_one_second(parts: Sequence[Sequence[str]], fraction: int) -> bool:
    """Say whether names of which only the digits after a point differ are times, and no frames of a part.

    `0.033 0.067 0.1` are times, counting unevenly and having nothing beside; `shot2.0001` is a frame.
    """
    if len(parts[0][fraction - 2]) >= MIN_DIGITS_OF_SECONDS:
        return True
    counts = [int(part[fraction]) for part in parts]
    steps = {after - before for before, after in itertools.pairwise(counts)}
    return len(steps) > 1 and fraction == 3 and not parts[0][0] and not "".join(parts[0][4:])


def _gap(files: Sequence[str], numbers: Numbers | None) -> str:
    """Say where counted depth files of a video skip a number, "" if they do not."""
    if numbers is None or numbers.are_stamps:
        return ""
    steps = [after - before for before, after in zip(numbers.values, numbers.values[1:], strict=False)]
    for position, step in enumerate(steps):
        if step != statistics.mode(steps):
            return (
                f"after {display(files[position])} comes {display(files[position + 1])}: a depth file is "
                "missing, and nobody knows of which frame"
            )
    return ""


def _first_other_stem(files: Sequence[str], names: Sequence[str]) -> str:
    for name, file in zip(names, files, strict=False):
        if _stem(name) != _stem(file):
            return (
                f"frame {display(name)} and depth {display(file)} have neither one name nor a number "
                "in common, so nobody knows whether they belong together"
            )
    return ""


def _first_other_number(
    files: Sequence[str], numbers: Numbers, names: Sequence[str], frame_numbers: Numbers
) -> str:
    """Name the first frame and file whose numbers differ; another first number alone is no difference."""
    offset = numbers.values[0] - frame_numbers.values[0]
    for number, frame in enumerate(frame_numbers.values):
        if number >= len(files):
            return f"frame {display(names[number])} has no depth"
        if numbers.values[number] - frame != offset:
            return (
                f"frame {display(names[number])} stands beside depth {display(files[number])}: "
                "their numbers differ, so a file is missing"
            )
    return ""


def _by_time(files: Sequence[str], numbers: Numbers, names: Sequence[str], frame_numbers: Numbers) -> Pairing:
    """Pair each frame with a depth taken near in time, each depth once and in order, as near as can be."""
    stamps = sorted((stamp, position) for position, stamp in enumerate(numbers.values))
    times = frame_numbers.values
    intervals = [after - before for before, after in zip(times, times[1:], strict=False)]
    limit = MAX_SHARE_OF_INTERVAL * (abs(statistics.median(intervals)) if intervals else Decimal(0))
    # The cheapest chain that ends at each depth: two clocks half a frame apart leave no other way to choose.
    chains: dict[int, tuple[Decimal, tuple[int, ...]]] = {-1: (Decimal(0), ())}
    for time, name in zip(times, names, strict=True):
        first = bisect.bisect_left(stamps, (time - limit, 0))
        last = bisect.bisect_right(stamps, (time + limit, len(files)))
        longer = {}
        for place in range(first, last):
            before = [chain for end, chain in chains.items() if end < place]
            if before:
                cost, order = min(before)
                longer[place] = (cost + abs(stamps[place][0] - time), (*order, stamps[place][1]))
        if not longer:
            return Pairing(
                problem=f"frame {display(name)} has no depth of its own within {limit:.4g} of its time "
                "stamp; phase 1 with --layout tum leaves such frames out, where it lies as TUM's do"
            )
        chains = longer
    return _with_left_out(files, min(chains.values())[1])
