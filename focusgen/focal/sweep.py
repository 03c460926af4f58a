"""A video in which focus travels, cut into stacks: which frames, focused where."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError
from focusgen.base.names import display
from focusgen.focal.distance_tables import focus_column
from focusgen.focal.distance_units import unit_of
from focusgen.focal.distances import MICRO, parse_distance
from focusgen.focal.lists import read_text

FRAME_COLUMNS = ("frame", "frame_index", "index", "n")
TIME_COLUMNS = ("time_s", "time", "seconds", "t")
FOCUS_COLUMNS = ("focus_m", "focus_distance_m", "focus_distance", "distance_m", "focus")
HOW_TO_WRITE = "A heading and lines such as `frame,focus_m` / `0,0.5`, or `time_s,focus_m` / `0.0,0.5`."
STILL_SHARE = 1e-3
"""Focus that moves by less than this part of the whole way, from one frame to the next, stands still."""


class SweepStack(NamedTuple):
    """The frames of one stack, in the order of the video, and their focus distances in metres."""

    frames: tuple[int, ...]
    distances_m: tuple[float, ...]


def read_focus(
    path: Path,
    n_frames: int,
    times_s: Sequence[float | None] | None,
    note: Callable[[str], object] = lambda line: None,
) -> list[float]:
    """Return the focus distance of every frame, metres; between lines of the file, diopters are linear.

    Args:
        path: CSV with a frame or time column, and one of focus distances, whose heading may say mm or cm.
        n_frames: of the video.
        times_s: when each frame is shown; needed for a time column.
        note: told where the file goes on after the video.

    Raises:
        ConfigError: it cannot be read or used, or does not cover the video; names file and line.
    """
    shown = display(str(path))
    rows, is_time = _rows(path, shown)
    _check_rising(rows)
    at = _positions(n_frames, times_s, shown) if is_time else np.arange(n_frames, dtype=np.float64)
    places = np.array([row.place for row in rows])
    uncovered = int(np.count_nonzero((at < places[0] - 1e-6) | (at > places[-1] + 1e-6)))
    if uncovered:
        raise ConfigError(
            f"{shown}: says nothing of {uncovered} of {n_frames} frames "
            f"(it goes from {places[0]:g} to {places[-1]:g}, the video from {at[0]:g} to {at[-1]:g})",
            "Frames count from 0, and seconds from the first frame. Add lines for the first and the last; "
            "focus is never guessed.",
        )
    step = float(np.median(np.diff(at))) if n_frames > 1 else 1.0
    if places[-1] > at[-1] + 1.5 * step:
        note(
            f"{shown} goes on to {places[-1]:g}, the video to {at[-1]:g}: is it the log of this "
            "video, whole and at its frame rate? Lines after the last frame are left out"
        )
    diopters = np.interp(at, places, [1.0 / row.metres for row in rows])
    return [1.0 / v if v > 0 else math.inf for v in diopters.tolist()]


class _Row(NamedTuple):
    """A line of the file: file and number, frame or second, focus distance."""

    where: str
    place: float
    metres: float


def _check_rising(rows: Sequence[_Row]) -> None:
    for before, row in pairwise(rows):
        if row.place <= before.place:
            what = "for the second time" if row.place == before.place else f"after {before.place:g}"
            raise ConfigError(
                f"{row.where}: {row.place:g} {what}: frames or times rise from line to line",
                "Sort the lines, and leave one of each frame or time.",
            )


def _rows(path: Path, shown: str) -> tuple[list[_Row], bool]:
    text = read_text(path, HOW_TO_WRITE)
    heading = text.partition("\n")[0]
    if ";" in heading:  # where spreadsheets write 0,5
        text = text.replace(",", ".").replace(";", ",")
    mark = "\t" if "\t" in heading else ","
    lines = csv.DictReader(io.StringIO(text), delimiter=mark, skipinitialspace=mark == ",")
    known = {MICRO.sub("um", name.strip().lower()): name for name in lines.fieldnames or ()}
    titles = list(known)
    usual = next((titles.index(name) for name in FOCUS_COLUMNS if name in known), None)
    column = focus_column(titles, f"{shown}:1") if usual is None else usual
    frame = next((known[name] for name in FRAME_COLUMNS if name in known), None)
    time = next((known[name] for name in TIME_COLUMNS if name in known), None)
    place = frame or time
    if column is None or place is None:
        raise ConfigError(f"{shown}: no column of frames or times, or none of distances", HOW_TO_WRITE)
    focus = known[titles[column]]
    unit = unit_of(focus, f"{shown}:1")
    rows = [_row(line, place, focus, unit, f"{shown}:{lines.line_num}") for line in lines]
    if not rows:
        raise ConfigError(f"{shown}: holds no line below its heading", HOW_TO_WRITE)
    return rows, frame is None


def _row(line: Mapping[str, str | None], place: str, focus: str, unit: str, where: str) -> _Row:
    try:
        position = float(line[place] or "")
    except ValueError as error:
        raise ConfigError(f"{where}: {line[place]!r} is no {place}", HOW_TO_WRITE) from error
    if not math.isfinite(position):
        raise ConfigError(f"{where}: {line[place]!r} is no {place}", HOW_TO_WRITE)
    return _Row(where, position, parse_distance(line[focus] or "", where, unit))


def _positions(n_frames: int, times_s: Sequence[float | None] | None, shown: str) -> npt.NDArray[np.float64]:
    known = [t for t in times_s or () if t is not None]
    if len(known) != n_frames:
        raise ConfigError(
            f"{shown}: counts in seconds, but the video has no time stamps",
            "Write a `frame` column instead.",
        )
    return np.array(known) - known[0]


def cut_sweep(distances_m: Sequence[float], stack_size: int) -> list[SweepStack]:
    """Return one stack per journey of the focus plane: `stack_size` frames, as even in diopters as there are.

    A journey ends where focus turns; frames at rest before and after it belong to nobody. Journeys that have
    fewer frames than a stack has slices give none.
    """
    diopters = 1.0 / np.asarray(distances_m, np.float64)
    stacks = []
    for first, last in _journeys(diopters):
        wanted = np.linspace(diopters[first], diopters[last], stack_size)
        frames = _nearest_frames(diopters[first : last + 1], wanted)
        if len(frames) == stack_size:
            chosen = tuple(first + n for n in frames)
            stacks.append(SweepStack(chosen, tuple(distances_m[n] for n in chosen)))
    return stacks


def _journeys(diopters: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return first and last frame of each stretch in which focus goes one way."""
    steps = np.diff(diopters)
    still = STILL_SHARE * max(float(np.ptp(diopters)), 1e-12)
    ways = np.where(np.abs(steps) <= still, 0, np.sign(steps)).astype(int)
    journeys: list[tuple[int, int]] = []
    for frame, way in enumerate(ways.tolist()):
        if way == 0:
            continue
        if journeys and journeys[-1][1] == frame and ways[frame - 1] == way:
            journeys[-1] = (journeys[-1][0], frame + 1)
        else:
            journeys.append((frame, frame + 1))
    return journeys


def _nearest_frames(diopters: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> list[int]:
    """Return the frames nearest to the wanted diopters, each once, in order."""
    nearest = np.abs(diopters[:, None] - wanted[None]).argmin(0)
    return list(dict.fromkeys(nearest.tolist()))
