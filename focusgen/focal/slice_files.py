"""The slices of a stack on disk: which files belong to it, in which order.

Only slices are ever opened. A depth map, an all-in-focus picture or a mask beside them is left alone, and so
is what an earlier run wrote.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.base.names import alike, display, listed
from focusgen.dataset.packs import is_published
from focusgen.focal.name_order import (
    NameOrder,
    distances_in_names,
    name_order,
    roll_over,
    slice_names,
)
from focusgen.focal.slice_kinds import no_pictures, pictures_in, refuse_unread, stem_of
from focusgen.media.light_pictures import EXR
from focusgen.media.picture_files import taken_at
from focusgen.media.tiff_pages import has_pages, pages_of

NO_SLICE = re.compile(
    r"(^|[_\-. ])(depth|aif|disparity|disp|confidence|mask|gt|normals?|uncertainty|all[_\- ]?in[_\- ]?focus|"
    r"allinfocus|sharp|thumbs?|thumbnails?|previews?|results?|stacked|composite|pmax|dmap)($|[_\-. \d])|"
    r"(_slice(_colours)?)$",
    re.IGNORECASE,
)
"""Names of what lies beside a stack and is no slice of it."""

COUNT_OF_COPY = re.compile(r"(?<=[^\s(_-])[\s_-]?\(?#\)?$")
"""What tells pictures of one name apart: programs and phones count them so."""

LONG_PAUSE_S, MANY_STEPS = 120.0, 30.0
"""A pause amid a stack is longer than the first, and than so many of its usual steps, only if it is none."""


@dataclass(frozen=True)
class StackFiles:
    """One stack on disk.

    Attributes:
        name: what its results are called.
        paths: its slices, in the order of their names or as given.
        ignored: pictures in the same folder that are no slices.
        is_found: whether they were found in a folder, and not named one by one.
    """

    name: str
    paths: tuple[Path, ...]
    ignored: tuple[str, ...] = ()
    is_found: bool = False

    @property
    def folder(self) -> Path:
        """Where the first slice lies: files that belong to the stack lie beside it."""
        return self.paths[0].parent

    @property
    def names(self) -> list[str]:
        """What slices are called: their files, with folders where these alone do not tell them apart."""
        return slice_names(self.paths)

    @property
    def not_of_series(self) -> list[str]:
        """Pictures that may be slices, of another series than the one that was taken."""
        return [name for name in self.ignored if is_like_a_slice(name)]

    @property
    def rolls_over(self) -> bool:
        """Whether the counter in names that were found began anew: they were taken in another order."""
        return self.is_found and roll_over(self.paths)

    def is_linear(self, told: str | None) -> bool:
        """Say whether slices are linear light: told so, or, if nothing is, by their kind of file."""
        return is_linear_light(self.paths[0], told)

    def check_order(self, where: str, distances_m: Sequence[float] = ()) -> None:
        """Refuse distances that go by the order of the slices where that is not sure.

        Args:
            where: they stand.
            distances_m: one per slice; none where only their order is said.

        Raises:
            ConfigError: the counter in their names began anew, these bear distances that go another way, or
                slices of which only the order is said were taken long after the others.
        """
        if self.rolls_over:
            first, last = (display(path.name) for path in (self.paths[0], self.paths[-1]))
            raise ConfigError(
                f"{where}: the counter of {display(self.name)} began anew, {last} was taken before {first}: "
                "are distances in the order of names or of time?",
                "Name the slices one by one in the order of the distances (--input a.png,b.png,..., in lists "
                "slices), or give a file of their names and distances.",
            )
        if self.is_found and not distances_m:
            _refuse_pause(where, self.paths)
        told = distances_in_names(self.paths)
        if told is None or len(told) != len(distances_m):
            return
        by_name = sorted(zip(told, distances_m, self.names, strict=True), key=lambda said: said[0])
        for (near, one, name), (far, other, next_name) in itertools.pairwise(by_name):
            if other < one:
                raise ConfigError(
                    f"{where}: {display(name)} and {display(next_name)} are called {near:g} and {far:g} m, "
                    f"and {one:g} and {other:g} m stand there for them",
                    "Say --focus-distances names; or, where names mean something else, give a file of names "
                    "and distances.",
                )


def is_linear_light(path: Path, told: str | None) -> bool:
    """Say whether a picture is linear light: told so, or, if nothing is, by its kind of file."""
    return told == "linear" or (told in (None, "auto") and path.suffix.lower() == EXR)


def stack_of_folder(folder: Path) -> StackFiles:
    """Return the stack in a folder: its numbered pictures in natural order, or all pictures if none is.

    Where there is one only, or instead of the folder a file: the pages of that TIFF.

    Raises:
        ConfigError: there is no picture that could be a slice, there are two series of as many pictures, or
            one slice is there twice.
    """
    if folder.is_file():
        return StackFiles(folder.stem, pages_of(folder))
    pictures = pictures_in(folder)
    named = [path for path in pictures if not NO_SLICE.search(path.stem)] or pictures
    if not named:
        raise no_pictures(folder, "no pictures")
    series: dict[str, list[Path]] = defaultdict(list)
    order = name_order(named)
    for path in named:
        series[order.series_of(path)].append(path)
    longest = _only_longest(folder, series)
    ordered = sorted(longest or named, key=lambda path: order.key(alike(path.name) if longest else path.name))
    if longest:
        ordered = _without_count(ordered, order, named) + ordered
    _refuse_doubles(folder, ordered)
    _refuse_stack_among(folder, ordered)
    refuse_unread(folder, ordered, order.series_of)
    used = set(ordered)
    left_out = tuple(path.name for path in pictures if path not in used)
    name = folder.resolve().name or "stack"
    return StackFiles(name, _slices_in(ordered), left_out, is_found=True)


def _without_count(ordered: Sequence[Path], order: NameOrder, named: Sequence[Path]) -> list[Path]:
    """Return the first of pictures of one name, which bears no count: x.jpg before x(1).jpg or x 2.jpg.

    x.jpg beside x_1.jpg, or x (1).jpg as people name series, may as well be what was made of them.
    """
    series, count = order.series_of(ordered[0]), order.number.search(stem_of(ordered[0]))
    is_copy = re.search(r"\S\(#\)$", series) or (count is not None and count[0] == "2")
    base = COUNT_OF_COPY.sub("", series) if is_copy else series
    return [path for path in named if alike(stem_of(path)) == base]


def _taken_at(path: Path) -> datetime | None:
    try:
        return taken_at(path)
    except OSError:
        return None  # a page, an EXR, or damaged: whoever reads it says so


def _refuse_pause(where: str, paths: Sequence[Path]) -> None:
    """Refuse slices of which some were taken long after the others: two stacks in one folder, mostly."""
    times = [_taken_at(path) for path in paths]
    known = [time for time in times if time is not None]
    steps_s = [abs((after - before).total_seconds()) for before, after in itertools.pairwise(known)]
    if len(known) < len(times) or len(steps_s) < 2:
        return
    longest_s, usual_s = max(steps_s), statistics.median(steps_s)
    if longest_s < max(LONG_PAUSE_S, MANY_STEPS * usual_s):
        return
    n = steps_s.index(longest_s)
    raise ConfigError(
        f"{where}: between {display(paths[n].name)} and {display(paths[n + 1].name)} {longest_s / 60:.0f} "
        f"minutes went by, between others {usual_s:.0f} s: is that one stack?",
        "Give each stack a folder of its own; name the slices of one that was taken so one by one: --input "
        "a.png,b.png,...",
    )


def _slices_in(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return pictures, or the pages of a single one that has such."""
    return pages_of(paths[0]) if len(paths) == 1 and has_pages(paths[0]) else tuple(paths)


def named_distances_m(files: StackFiles) -> list[float]:
    """Return the distances that the names of slices bear.

    Raises:
        ConfigError: it is not sure that they do.
    """
    told = distances_in_names(files.paths)
    if told is None:
        raise ConfigError(
            f"{display(files.name)}: the names of its slices ({listed(files.names, 4)}) tell no distances",
            "Each bears one of its own, with a unit: 30cm.png, focus_0.5m.png, inf.png. "
            "A file of names and distances does as well.",
        )
    return told


def _refuse_doubles(folder: Path, paths: Sequence[Path]) -> None:
    """Refuse a slice that is there in two kinds of file, as cameras and developers leave them."""
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(alike(stem_of(path)), path)
        if other is not path:
            raise ConfigError(
                f"{display(str(folder))}: {display(other.name)} and {display(path.name)} are one slice twice",
                "Leave one kind of file there, or name the slices one by one: --input a.png,b.png,...",
            )


def _refuse_stack_among(folder: Path, paths: Sequence[Path]) -> None:
    """Refuse pictures of which one is a whole stack."""
    whole = next((path for path in paths if len(paths) > 1 and has_pages(path)), None)
    if whole is not None:
        raise ConfigError(
            f"{display(str(folder))}: {display(whole.name)} holds several pictures, and others lie "
            "beside it: which is the stack?",
            f"Name it: --input {display(str(whole))}. Or take it out of the folder.",
        )


def _only_longest(folder: Path, series: dict[str, list[Path]]) -> list[Path] | None:
    """Return the longest series of numbered pictures, None if there are none but single ones."""
    numbered = [paths for pattern, paths in series.items() if "#" in pattern and len(paths) >= 2]
    if not numbered:
        return None
    longest, *others = sorted(numbered, key=len, reverse=True)
    if others and len(others[0]) == len(longest):
        shown = " and ".join(f"{display(min(p.name for p in paths))} ..." for paths in (longest, others[0]))
        raise ConfigError(
            f"{display(str(folder))}: two series of {len(longest)} pictures: {shown}; which is the stack?",
            "Give each a folder of its own, or name the slices one by one: --input a.png,b.png,...",
        )
    return longest


def stack_of_paths(paths: Sequence[Path], name: str | None = None) -> StackFiles:
    """Return the stack of pictures that were named one by one, in that order.

    Raises:
        ConfigError: there is none, one of them is not there, or is named twice.
    """
    if not paths:
        raise ConfigError("no slice is named", "Give them with commas between: a.png,b.png,...")
    missing = [path for path in paths if not is_published(path)]
    if missing:
        raise ConfigError(f"{display(str(missing[0]))}: no such picture")
    twice = next((path for n, path in enumerate(paths) if path in paths[:n]), None)
    if twice is not None:
        raise ConfigError(f"{display(str(twice))}: named twice", "A slice is one picture at one distance.")
    slices = _slices_in(paths)
    folder = paths[0].stem if len(slices) > len(paths) else paths[0].resolve().parent.name
    return StackFiles(name or folder or "stack", slices)


def is_like_a_slice(name: str) -> bool:
    """Say whether a picture's name is not that of a depth map, a mask or the like."""
    return NO_SLICE.search(Path(name).stem) is None
