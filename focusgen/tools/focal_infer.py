"""Focal stacks to files, one after the other: what `focusgen focal infer` does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from focusgen.base.errors import FocusgenError, StorageError
from focusgen.base.files import remove
from focusgen.base.names import display
from focusgen.base.writable import check_may_write
from focusgen.focal.backends import load_estimator
from focusgen.focal.infer import StackResult, infer_stack
from focusgen.focal.notes import IN_SUMMARY
from focusgen.focal.stack_folders import folders_without_slices, stack_folders
from focusgen.focal.told_lens import missing_lens_flags
from focusgen.tools.focal_asked import InferJob, Stack, Unusable, stacks_of
from focusgen.tools.focal_kept import MADE_OF, digest_of, kept_result, settings_digest, versions
from focusgen.tools.focal_outputs import (
    free_name,
    pictures_for_people,
    write_pictures_for_people,
    write_result,
)
from focusgen.tools.focal_scene import (
    SceneFrame,
    check_one_size,
    check_takes_scenes,
    make_scenes,
    no_metres,
    scene_name,
    write_frame,
)
from focusgen.tools.focal_summary import Summary

Tell = Callable[[str, str, float], object]
"""Told the stack, what is being done to it, and which part of that is done."""

OnStack = Callable[[dict[str, Any]], object]


def infer_all(
    job: InferJob, tell: Tell = lambda name, what, part: None, on_stack: OnStack = lambda stack: None
) -> dict[str, Any]:
    """Work through all stacks; return what summary.json holds, which is written after each of them.

    A stack that cannot be used is named in the summary, and the others go on. What an earlier call wrote of
    the same slices in the same way is kept.

    Args:
        job: what was asked for.
        tell: told how far a stack is.
        on_stack: told what the summary says of each stack, as soon as that is written.

    Raises:
        ConfigError: nothing can start, or the only stack cannot be used.
    """
    is_folder = os.path.isdir(job.input)  # unlike Path's, it bears a list of names longer than any path
    folders = stack_folders(Path(job.input)) if is_folder else []
    stacks = _checked_stacks(job, folders)
    names = _unique([stack.name for stack in stacks])
    scene_id = scene_name(names[0] if len(names) == 1 else Path(job.input).resolve().stem)
    settings = settings_digest(job.options)
    summary = Summary(job.output, names, _without_slices(job, folders))
    if len(names) > 1:
        summary.write()
    for name, stack in zip(names, stacks, strict=True):
        try:
            result, is_kept = _result_of(job, name, stack, settings, partial(tell, name))
            if job.as_scene:
                assert result.is_metric, "checked before the work"
                write_frame(job.output, scene_id, len(summary.stacks), SceneFrame.of(result))
            done = _written(job, name, result, is_kept=is_kept)
        except FocusgenError as error:
            if len(stacks) == 1 or isinstance(error, StorageError):
                raise
            summary.add_failed(name, error.message, _with_older(job.output, name, error))
            continue
        summary.add(done)
        on_stack(done)
    if job.as_scene and summary.stacks:
        sizes = [(stack["height"], stack["width"]) for stack in summary.stacks]
        make_scenes(job.output, scene_id, sizes)
    return summary.document()


def _checked_stacks(job: InferJob, folders: Sequence[Path]) -> list[Stack | Unusable]:
    """Return what is to be worked on; refuse what would fail for all of it, before the work."""
    stacks = list(stacks_of(job, folders))
    if job.as_scene:
        stacks = [_as_frame(stack) for stack in stacks]
    errors = [stack.error for stack in stacks if isinstance(stack, Unusable)]
    if len(errors) == len(stacks):
        raise errors[0]
    check_may_write(job.output, "--output")
    if job.options.uses_device:
        from focusgen.models.devices import pick_device  # torch: what stays on the CPU needs none

        pick_device(job.options.device, "focal infer")
    if job.options.backend == "sd3" or job.options.checkpoint is not None:
        load_estimator(job.options.backend, job.options.of_backend)  # else every stack says what is wrong
    if job.as_scene:
        check_takes_scenes(job.output)
        firsts = [stack.files.paths[0] for stack in stacks if isinstance(stack, Stack)]
        whole = [path.parent if path.parent.is_file() else path for path in firsts]  # of pages, their file
        check_one_size([path for path in whole if path.is_file()])  # others lie in the tar of a scene
    return stacks


def _as_frame(stack: Stack | Unusable) -> Stack | Unusable:
    """Return a stack if it can be a frame of a scene: without a lens there would be no metres."""
    if isinstance(stack, Unusable):
        return stack
    try:
        missing = missing_lens_flags(stack.files, stack.lens)
    except FocusgenError as error:
        return Unusable(stack.name, error)
    return Unusable(stack.name, no_metres(stack.name, missing)) if missing else stack


def _result_of(
    job: InferJob, name: str, stack: Stack | Unusable, settings: str, tell: Callable[[str, float], object]
) -> tuple[StackResult, bool]:
    """Return what is found in a stack, and whether an earlier call found and wrote it."""
    if isinstance(stack, Unusable):
        raise stack.error
    tell("compare", 0.0)
    made_of = digest_of(stack.files, stack.distances_m, stack.lens, settings)
    kept = kept_result(job.output, name, made_of) if job.keeps else None
    if kept is not None:
        return kept, True
    result = infer_stack(stack.files, stack.distances_m, stack.lens, job.options, tell)
    result.metadata[MADE_OF] = made_of
    return result, False


def _without_slices(job: InferJob, folders: Sequence[Path]) -> list[str]:
    """Return the folders of a batch that are left out, but the one of the results."""
    folder = Path(job.input)
    names = folders_without_slices(folder, folders) if folders else []
    return [name for name in names if not job.output.resolve().is_relative_to((folder / name).resolve())]


def _with_older(folder: Path, name: str, error: FocusgenError) -> str:
    """Return the advice of an error, and that results of an earlier call lie in its place."""
    if not (folder / f"{name}_metadata.json").is_file():
        return error.advice
    older = f"{display(str(folder))} keeps the results of an earlier call for it: they are not of this one."
    return f"{error.advice} {older}".lstrip()


def _written(job: InferJob, name: str, result: StackResult, *, is_kept: bool) -> dict[str, Any]:
    """Write a result unless it is there already; return what the summary says of it."""
    if not is_kept:
        written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        result.metadata.update(written=written, versions=versions(), name=name)
        write_result(job.output, name, result)
    if job.saves_pictures:
        write_pictures_for_people(job.output, name, result)
    else:
        for picture in pictures_for_people(job.output, name):
            remove(picture)  # of an earlier call
    return {"name": name, **{key: result.metadata[key] for key in IN_SUMMARY}, "kept": is_kept}


def _unique(names: list[str]) -> list[str]:
    """Return names of which none occurs twice."""
    out: dict[str, None] = {}
    for name in names:
        out[free_name(name, out)] = None
    return list(out)
