"""Focal stacks to files, one after the other: what `focusgen focal infer` does."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from focusgen import __version__
from focusgen.base.errors import ConfigError, FocusgenError
from focusgen.base.files import make_folder, publish_json
from focusgen.base.names import display
from focusgen.focal.distances import parse_distances, read_distances
from focusgen.focal.infer import InferOptions, LensFlags, StackResult, infer_stack
from focusgen.focal.slice_files import StackFiles, stack_of_paths, stacks_below
from focusgen.media.picture_files import PICTURE_SUFFIXES
from focusgen.tools.focal_outputs import write_confidence_picture, write_result

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
    """

    input: str
    output: Path
    focus_distances: str | None = None
    lens: LensFlags = field(default_factory=LensFlags)
    options: InferOptions = field(default_factory=InferOptions)
    saves_pictures: bool = False


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
    names = _unique([stack.files.name for stack in stacks])
    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for name, stack in zip(names, stacks, strict=True):
        try:
            result = infer_stack(
                stack.files,
                stack.distances_m,
                stack.lens,
                job.options,
                partial(tell, name),
            )
        except FocusgenError as error:
            if len(stacks) == 1:
                raise
            failed.append({"name": name, "error": error.message, "advice": error.advice})
            continue
        done.append(_write(job, name, result))
    summary = {"stacks": done, "failed": failed, "focusgen": __version__}
    make_folder(job.output)
    publish_json(job.output / "summary.json", summary)
    return summary


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
    import numpy as np

    return {
        "focusgen": __version__,
        "numpy": np.__version__,
        "opencv": str(cv2.__version__),
        "python": platform.python_version(),
    }


def _stacks(job: InferJob) -> Iterator[Stack]:
    for files in _stack_files(job.input):
        yield Stack(files, _distances(job.focus_distances, files), job.lens)


def _stack_files(given: str) -> list[StackFiles]:
    path = Path(given)
    if path.is_dir():
        return stacks_below(path)
    if "," in given and not path.exists():
        return [stack_of_paths([Path(part.strip()) for part in given.split(",") if part.strip()])]
    if not path.exists():
        raise ConfigError(
            f"{display(given)}: no such folder or file",
            "Give a folder of slices, or the slices with commas between them.",
        )
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return [stack_of_paths([path])]
    raise ConfigError(f"{display(given)}: neither a folder nor pictures")


def _distances(given: str | None, files: StackFiles) -> list[float] | None:
    """Return the distances of a stack; None: look into EXIF."""
    if given is None or given.strip().lower() == "exif":
        return None
    names = [path.name for path in files.paths]
    beside = files.paths[0].parent / given
    for path in (Path(given), beside):
        if path.is_file():
            return read_distances(path, names)
    if given.lower().endswith((".json", ".csv", ".txt")):
        raise ConfigError(
            f"{display(given)}: no such file, neither here nor in {display(str(beside.parent))}"
        )
    return parse_distances(given, "--focus-distances")


def _unique(names: list[str]) -> list[str]:
    """Return names of which none occurs twice."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return out
