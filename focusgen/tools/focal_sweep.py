"""A focal sweep video to folders of slices that `focusgen focal infer` reads."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.files import make_folder, publish, publish_json, remove, remove_drafts
from focusgen.base.names import display
from focusgen.focal.sweep import SweepStack, cut_sweep, read_focus
from focusgen.media.decode import DecodePool
from focusgen.media.listing import VIDEO_SUFFIXES
from focusgen.media.rawcheck import CheckOptions, RawReport
from focusgen.media.scenes import RawScene, discover
from focusgen.media.video import open_frames
from focusgen.tools.focal_outputs import png_bytes

DISTANCES_FILE = "focus_distances.json"
NO_SHOT_CUTS = 1.0


class CutSweep(NamedTuple):
    """Where the stacks lie, and what a person should know of the video."""

    folder: Path
    n_stacks: int
    notes: tuple[str, ...]


def write_sweep_stacks(
    video: Path,
    focus_csv: Path,
    stack_size: int,
    folder: Path,
    progress: Callable[[float], object] = lambda part: None,
) -> CutSweep:
    """Write one folder of slices per journey of the focus plane, with their distances.

    Args:
        video: the sweep.
        focus_csv: where each frame is focused; see `read_focus`.
        stack_size: slices of a stack, at least 2.
        folder: gets NAME/NAME_000/slice_00.png ..., and focus_distances.json beside the slices.
        progress: told which part of the stacks is written.

    Raises:
        ConfigError: the video, the CSV or the stack size cannot be used together.
        CorruptInputError: the video cannot be decoded.
    """
    if stack_size < 2:
        raise ConfigError(f"--stack-size must be at least 2, not {stack_size}")
    raw, report = _checked(video)
    notes = list(report.notes)
    distances_m = read_focus(focus_csv, report.n_decoded, report.frame_times_s, notes.append)
    stacks = cut_sweep(distances_m, stack_size)
    if not stacks:
        raise ConfigError(
            f"{display(str(video))}: no journey of the focus plane has {stack_size} frames at different "
            f"distances ({report.n_decoded} frames)",
            "Take a smaller --stack-size, or look at the distances of --focus-from.",
        )
    _drop_stacks(folder / raw.scene_id)
    with open_frames(raw, n_frames=report.n_decoded) as reader:
        for number, stack in enumerate(stacks):
            place = folder / raw.scene_id / f"{raw.scene_id}_{number:03d}"
            _write_stack(place, stack, lambda n: np.asarray(reader.read(n, n + 1)[0]))
            progress((number + 1) / len(stacks))
    return CutSweep(folder / raw.scene_id, len(stacks), tuple(notes))


def _checked(video: Path) -> tuple[RawScene, RawReport]:
    if not video.is_file():
        raise ConfigError(f"{display(str(video))}: no such video", "Give one file to --sweep-video.")
    if video.suffix.lower() not in VIDEO_SUFFIXES:
        raise ConfigError(
            f"{display(str(video))}: no video file ({' '.join(sorted(VIDEO_SUFFIXES))})",
            "Slices that are pictures go to --input.",
        )
    found = discover(video)
    if not found.scenes:
        reasons = "; ".join(f"{name}: {why.reason}" for name, why in found.rejected.items())
        raise ConfigError(reasons, "Give one video to --sweep-video.")
    with DecodePool(1) as pool:
        ((raw, outcome),) = pool.check(found.scenes, CheckOptions(2, None, NO_SHOT_CUTS))
    if isinstance(outcome, CorruptInputError):
        raise outcome
    return raw, outcome


def _drop_stacks(folder: Path) -> None:
    """Remove what an earlier call cut: its slices would be taken for those of this one."""
    for record in sorted(folder.glob(f"*/{DISTANCES_FILE}")):
        for path in (record, *record.parent.glob("slice_*.png")):
            remove(path)
        with contextlib.suppress(OSError):  # somebody put something else into it
            record.parent.rmdir()


def _write_stack(folder: Path, stack: SweepStack, read: Callable[[int], npt.NDArray[np.uint8]]) -> None:
    make_folder(folder)
    remove_drafts(folder)
    for number, frame in enumerate(stack.frames):
        publish(folder / f"slice_{number:02d}.png", png_bytes(read(frame)))
    distances = ["inf" if math.isinf(metres) else metres for metres in stack.distances_m]
    document = {"focus_distances_m": distances, "frames": list(stack.frames)}
    publish_json(folder / DISTANCES_FILE, document)
