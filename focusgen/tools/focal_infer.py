"""Focal stacks to files, one after the other: what `focusgen focal infer` does."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen import __version__
from focusgen.base.errors import ConfigError, FocusgenError
from focusgen.base.files import publish_json
from focusgen.base.names import display
from focusgen.base.writable import check_may_write
from focusgen.focal.distances import parse_distances, read_distances
from focusgen.focal.infer import InferOptions, StackResult, infer_stack
from focusgen.focal.lists import Roots, read_list
from focusgen.focal.opened import LensFlags
from focusgen.focal.slice_files import StackFiles, stack_of_paths, stacks_below
from focusgen.focal.sources import open_record, record_distances_m
from focusgen.focal.stack import StackLens
from focusgen.media.picture_files import PICTURE_SUFFIXES
from focusgen.tools.focal_outputs import free_name, write_confidence_picture, write_result
from focusgen.tools.focal_scene import SceneFrame, make_scenes, scene_name, write_frame

LIST_SUFFIXES = (".jsonl", ".json", ".csv", ".txt", ".lst")

Tell = Callable[[str, str, float], object]
"""Told the stack, what is being done to it, and which part of that is done."""


@dataclass(frozen=True)
class InferJob:
    """What to look at and where results go.

    Attributes:
        input: a folder of slices, a folder of such folders, or pictures with commas between.
        output: folder for the results.
        focus_distances: numbers, a file, or "exif"; None: from EXIF.
        lens: what is known of the lens.
        options: how.
        saves_pictures: whether the confidence is written as a picture too.
        as_scene: whether the results become a scene of the pipeline; several stacks are frames of one.
    """

    input: str
    output: Path
    focus_distances: str | None = None
    lens: LensFlags = field(default_factory=LensFlags)
    options: InferOptions = field(default_factory=InferOptions)
    saves_pictures: bool = False
    as_scene: bool = False


@dataclass(frozen=True)
class Stack:
    """One stack and what is known of it."""

    files: StackFiles
    distances_m: list[float] | None
    lens: LensFlags


def infer_all(job: InferJob, tell: Tell = lambda name, what, part: None) -> dict[str, Any]:
    """Work through all stacks; return what summary.json holds.

    A stack that cannot be used is named in the summary, and the others go on.

    Raises:
        ConfigError: nothing can start, or the only stack cannot be used.
    """
    stacks = list(_stacks(job))
    check_may_write(job.output, "--output")  # before the work, which may take long
    names = _unique([stack.files.name for stack in stacks])
    scene_id = scene_name(names[0] if len(names) == 1 else Path(job.input).resolve().stem)
    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for name, stack in zip(names, stacks, strict=True):
        try:
            result = infer_stack(stack.files, stack.distances_m, stack.lens, job.options, partial(tell, name))
            frame = SceneFrame(result.rgb, _metric_depth(name, result)) if job.as_scene else None
        except FocusgenError as error:
            if len(stacks) == 1:
                raise
            failed.append({"name": name, "error": error.message, "advice": error.advice})
            continue
        if frame is not None:
            write_frame(job.output, scene_id, len(done), frame)
        done.append(_write(job, name, result))
    summary = {"stacks": done, "failed": failed, "focusgen": __version__}
    publish_json(job.output / "summary.json", summary)
    if job.as_scene and done:
        make_scenes(job.output, scene_id, [(stack["height"], stack["width"]) for stack in done])
    return summary


def _metric_depth(name: str, result: StackResult) -> npt.NDArray[np.float32]:
    if not result.is_metric:
        raise ConfigError(
            f"{display(name)}: --as-scene needs metres, and the lens is not known",
            "Give --focal-length and --f-number.",
        )
    return result.depth


def _write(job: InferJob, name: str, result: StackResult) -> dict[str, Any]:
    result.metadata.update(
        written=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), versions=versions(), name=name
    )
    write_result(job.output, name, result)
    if job.saves_pictures:
        write_confidence_picture(job.output, name, result)
    kept = (
        "unit",
        "method",
        "exposure",
        "unexplained_share",
        "fits",
        "quality",
        "width",
        "height",
        "confidence_mean",
        "share_unsure",
        "identifiable",
        "cpu_s",
    )
    return {"name": name, **{key: result.metadata[key] for key in kept}}


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    import cv2

    return {
        "focusgen": __version__,
        "numpy": np.__version__,
        "opencv": str(cv2.__version__),
        "python": platform.python_version(),
    }


def _stacks(job: InferJob) -> Iterator[Stack]:
    path = Path(job.input)
    if os.path.isfile(path) and path.suffix.lower() in LIST_SUFFIXES:
        yield from _listed(path, job)
        return
    for files in _stack_files(job.input):
        yield Stack(files, _distances(job.focus_distances, files), job.lens)


def _listed(path: Path, job: InferJob) -> Iterator[Stack]:
    """Yield the stacks of a file list; what a record says of its camera wins over the flags."""
    for record in read_list(path):
        opened = open_record(record, Roots(), path.parent)
        files = opened.files
        if files is None:
            raise ConfigError(
                f"{record.where}: a picture with depth is no stack", "focusgen focal render draws one."
            )
        distances_m = record_distances_m(record, opened.n_on_disk)
        distances_m = distances_m or _distances(job.focus_distances, files)
        yield Stack(files, distances_m, lens_flags(record.lens(), job.lens))


def lens_flags(lens: StackLens | None, given: LensFlags) -> LensFlags:
    """Return what is known of a lens: a record's camera wins over the flags."""
    if lens is None:
        return given
    return LensFlags(1e3 * lens.focal_length_m, lens.f_number, 1e3 * lens.sensor_width_m, given.formula)


def _stack_files(given: str) -> list[StackFiles]:
    path = Path(given)
    if os.path.isdir(given):  # unlike Path's, it bears a list of names that is too long for a path
        return stacks_below(path)
    is_there = os.path.exists(given)
    if "," in given and not is_there:
        return [stack_of_paths([Path(part.strip()) for part in given.split(",") if part.strip()])]
    if not is_there:
        raise ConfigError(
            f"{display(given)}: no such folder or file",
            "Give a folder of slices, a file list, or the slices with commas between them.",
        )
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return [stack_of_paths([path])]
    raise ConfigError(
        f"{display(given)}: neither a folder nor pictures",
        "A video in which focus travels goes to --sweep-video, with --focus-from.",
    )


def _distances(given: str | None, files: StackFiles) -> list[float] | None:
    """Return the distances of a stack; None: look into EXIF."""
    if given is None or given.strip().lower() == "exif":
        return None
    names = [path.name for path in files.paths]
    beside = files.paths[0].parent / given
    for path in (beside, Path(given)):
        if os.path.isfile(path):  # unlike Path's, it bears numbers that are too long for a path
            return read_distances(path, names)
    if given.lower().endswith((".json", ".csv", ".txt")):
        raise ConfigError(
            f"{display(given)}: no such file, neither here nor in {display(str(beside.parent))}"
        )
    return parse_distances(given, "--focus-distances")


def _unique(names: list[str]) -> list[str]:
    """Return names of which none occurs twice."""
    out: dict[str, None] = {}
    for name in names:
        out[free_name(name, out)] = None
    return list(out)
