"""What a call of `focusgen focal infer` asks for: its stacks, with their distances and their lens."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from focusgen.base.errors import ConfigError, FocusgenError
from focusgen.base.names import display
from focusgen.focal.distance_files import read_distances
from focusgen.focal.distances import NAMES, order_of, parse_distances, stepped_m
from focusgen.focal.infer import InferOptions
from focusgen.focal.lists import read_list
from focusgen.focal.name_order import slice_names
from focusgen.focal.records import StackRecord
from focusgen.focal.roots import Roots
from focusgen.focal.slice_files import (
    StackFiles,
    named_distances_m,
    stack_of_folder,
    stack_of_paths,
)
from focusgen.focal.sources import ARRAY_FILES, open_record, record_distances_m, spread
from focusgen.focal.told_lens import LensFlags
from focusgen.media.light_pictures import EXR
from focusgen.media.picture_files import PICTURE_SUFFIXES

FILE_NAME = re.compile(
    r".*\.(json|csv|tsv|txt|lst)|(?![\d+]|\.\d|inf)[^\s,;]*[^\W\d]{4}[^,;]*", re.IGNORECASE
)
"""What is no distances but a file that is not there: it ends like one, or holds a long word."""

LIST_SUFFIXES = (".jsonl", ".json", ".csv", ".txt", ".lst")


@dataclass(frozen=True)
class InferJob:
    """What to look at and where results go.

    Attributes:
        input: a folder of slices, a folder of such folders, or pictures with commas between.
        output: folder for the results.
        focus_distances: numbers, a file, "names" or "exif"; None: from EXIF.
        lens: what is known of the lens.
        options: how.
        saves_pictures: whether the confidence is written as a picture too.
        as_scene: whether the results become a scene of the pipeline; several stacks are frames of one.
        keeps: whether results of an earlier call are kept that are those of this one too.
    """

    input: str
    output: Path
    focus_distances: str | None = None
    lens: LensFlags = field(default_factory=LensFlags)
    options: InferOptions = field(default_factory=InferOptions)
    saves_pictures: bool = False
    as_scene: bool = False
    keeps: bool = True


@dataclass(frozen=True)
class Stack:
    """One stack and what is known of it."""

    files: StackFiles
    distances_m: list[float] | None
    lens: LensFlags

    @property
    def name(self) -> str:
        """What its results are called."""
        return self.files.name


class Unusable(NamedTuple):
    """A stack that cannot be opened, and why; others of the call can."""

    name: str
    error: FocusgenError


def stacks_of(job: InferJob, folders: Sequence[Path]) -> Iterator[Stack | Unusable]:
    """Yield the stacks of a list, of the folders of a batch, or the one that is named.

    Raises:
        ConfigError: nothing that is named is a stack.
    """
    path = Path(job.input)
    if os.path.isfile(path) and path.suffix.lower() in LIST_SUFFIXES:
        for record in read_list(path):
            name = record.text("name") or Path(record.text("focal_stack") or path.stem).name
            yield _tried(name, partial(_listed, record, path.parent, job))
        return
    if folders:
        for folder in folders:
            yield _tried(folder.resolve().name, partial(_in_folder, folder, job))
        return
    yield _with_distances(job, _named_one_by_one(job.input), job.lens)


def _tried(name: str, open_it: Callable[[], Stack]) -> Stack | Unusable:
    try:
        return open_it()
    except FocusgenError as error:
        return Unusable(name, error)


def _in_folder(folder: Path, job: InferJob) -> Stack:
    return _with_distances(job, stack_of_folder(folder), job.lens)


def _listed(record: StackRecord, beside: Path, job: InferJob) -> Stack:
    """Return the stack of a record; what it says of its camera wins over the flags."""
    opened = open_record(record, Roots(), beside)
    files = opened.files
    if files is None:
        raise ConfigError(
            f"{record.where}: a picture with depth is no stack", "focusgen focal render draws one."
        )
    lens = lens_flags(record, job.lens)
    distances_m = record_distances_m(record, opened.n_on_disk)
    if distances_m is not None:
        return Stack(files, distances_m, replace(lens, distances_from="lens"))  # as lists have them
    return _with_distances(job, files, lens, opened.on_disk)


def _with_distances(job: InferJob, files: StackFiles, lens: LensFlags, on_disk: Sequence[Path] = ()) -> Stack:
    """Return a stack with the distances of the flag; of `on_disk`, slices that it may be told of, too."""
    order = order_of(job.focus_distances)
    if order is not None:
        files.check_order("--focus-distances")
        return Stack(files, stepped_m(order, len(files.paths)), replace(lens, distances_from="order"))
    return Stack(files, _distances(job, files, on_disk), lens)


def lens_flags(record: StackRecord, given: LensFlags) -> LensFlags:
    """Return what is known of a lens, value by value: a record's camera wins over the flags."""
    focal_m, f_number, width_m = record.camera_values()
    return LensFlags(
        given.focal_length_mm if focal_m is None else 1e3 * focal_m,
        f_number or given.f_number,
        given.sensor_width_mm if width_m is None else 1e3 * width_m,
        record.formula() or given.formula,
        given.distances_from,
        record.fx_px(),
        "linear" if record.transfer() == "linear" else "srgb" if record.transfer() else given.transfer,
    )


def _named_one_by_one(given: str) -> StackFiles:
    path = Path(given)
    is_there = os.path.exists(given)
    if "," in given and not is_there:
        return stack_of_paths([Path(part.strip()) for part in given.split(",") if part.strip()])
    if not is_there:
        raise ConfigError(
            f"{display(given)}: no such folder or file",
            "Give a folder of slices, a file list, or the slices with commas between them.",
        )
    if path.suffix.lower() in (*PICTURE_SUFFIXES, EXR):
        return stack_of_paths([path])
    raise ConfigError(
        f"{display(given)}: neither a folder nor pictures",
        "Slices in an array are saved as pictures first, one stack a folder."
        if path.suffix.lower() in (*ARRAY_FILES, ".npy", ".mat")
        else "A video in which focus travels goes to --sweep-video, with --focus-from.",
    )


def _distances(job: InferJob, files: StackFiles, on_disk: Sequence[Path] = ()) -> list[float] | None:
    """Return the distances of a stack; None: look into EXIF.

    Args:
        job: what was asked for.
        files: the slices that are taken.
        on_disk: the slices that there are, which the distances may be of; none: those that are taken.
    """
    given = job.focus_distances
    if given is None or given.strip().lower() == "exif":
        return None
    if given.strip().lower() == NAMES:
        return named_distances_m(files)
    places = [files.folder, *_beside(job.input), Path()]
    for path in (place / given for place in places):
        if os.path.isfile(path):  # unlike Path's, it bears numbers that are too long for a path
            all_names, names = (slice_names(some) for some in (on_disk or files.paths, files.paths))
            is_one_folder = len({one.parent for one in files.paths}) == 1
            folder = files.folder.resolve().name if is_one_folder else ""
            found = read_distances(path, all_names, folder, names, files.check_order)
            return _of_taken(found, len(files.paths), len(on_disk))
    if FILE_NAME.fullmatch(given):
        looked = " nor in ".join(display(str(place)) for place in places[:-1])
        raise ConfigError(f"{display(given)}: no such file, neither here nor in {looked}")
    distances_m = parse_distances(given, "--focus-distances")
    files.check_order("--focus-distances", distances_m)
    return _of_taken(distances_m, len(files.paths), len(on_disk))


def _of_taken(distances_m: list[float], n_taken: int, n_on_disk: int) -> list[float]:
    """Return the distances of the slices that are taken, where one was given for each that there is."""
    if len(distances_m) != n_on_disk:
        return distances_m
    return [distances_m[k] for k in spread(n_on_disk, n_taken)]


def _beside(given: str) -> list[Path]:
    """Return the folder of a batch or of a list, where a file for all of its stacks may lie."""
    if os.path.isdir(given):
        return [Path(given)]
    return [Path(given).parent] if os.path.isfile(given) else []
