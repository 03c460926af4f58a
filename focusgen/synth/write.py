"""Procedural scenes with exact truth, and their RGB-D data sets on disk.

scene = make_scene("tabletop", seed=0)
rgb, depth_m = scene.frame(0)                   # all-in-focus picture and exact z-depth
flow_px, is_occluded = scene.flow(0)            # exact movement to frame 1
write_rgbd(scene, Path("data"), Path("depth"))  # what phase 1 and the `provided` depth backend read
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.children import ChildPool
from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder, publish, remove_drafts
from focusgen.synth.families import FAMILIES, build
from focusgen.synth.faults import FAULTS, FaultKind, Faults, camera_frame, depth_map
from focusgen.synth.view import SynthScene

DEFAULT_FX_PER_WIDTH = 40.0 / 36.0
"""Focal length over image width where none is asked: a 40 mm lens on a full frame."""

RAW_NAME, DEPTH_NAME = "frame_{:04d}.png", "depth_{:04d}.npy"

Progress = Callable[[int, int], None]


def make_scene(
    family: str,
    seed: int,
    *,
    n_frames: int = 24,
    width: int = 320,
    height: int = 192,
    fx_px: float | None = None,
) -> SynthScene:
    """Return one procedural scene; the same arguments give the same scene everywhere.

    Args:
        family: one of `FAMILIES`.
        seed: which scene of the family.
        n_frames: length of the clip; a longer clip begins with the same frames.
        width: pixels.
        height: pixels.
        fx_px: focal length in px; `fx_px_of(lens, width)` for traced truth.

    Raises:
        ConfigError: an unknown family, or a size that is no picture.
    """
    if family not in FAMILIES:
        raise ConfigError(f"no family of scenes is called {family!r}", f"Choose from {', '.join(FAMILIES)}.")
    if min(n_frames, width, height) < 1:
        raise ConfigError(f"{n_frames} frames of {width} x {height} pixels are no clip")
    if seed < 0:
        raise ConfigError(f"the seed of a scene must not be negative: {seed}")
    shapes, camera = build(family, seed)
    return SynthScene(
        family=family,
        seed=seed,
        n_frames=n_frames,
        width=width,
        height=height,
        fx_px=DEFAULT_FX_PER_WIDTH * width if fx_px is None else fx_px,
        shapes=tuple(shapes),
        camera=camera,
    )


def write_rgbd(
    scene: SynthScene,
    raw_root: Path,
    depth_root: Path,
    *,
    name: str | None = None,
    faults: Faults | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write a scene as a folder of PNG frames and a folder of .npy depth maps, float32 metres.

    Args:
        raw_root: gets `<name>/frame_0000.png` ...
        depth_root: gets `<name>/depth_0000.npy` ...
        name: folder name; default `scene.name`.
        faults: what camera and depth do wrong; None for perfect ones.
        workers: processes (started afresh, so the calling script needs its `__main__` guard when this is
            more than 1); the bytes do not depend on them.
        progress: called with (frames done, frames in all).

    Raises:
        ConfigError: a folder holds other files, which would be taken for frames of this scene.
    """
    clip = _planned(scene, raw_root, depth_root, name or scene.name, faults)
    for done, _ in enumerate(_write_frames([clip], workers), start=1):
        if progress is not None:
            progress(done, scene.n_frames)


def synth_dataset(
    raw_root: Path,
    depth_root: Path,
    *,
    families: Sequence[str] | None = None,
    seed: int = 0,
    n_scenes: int = 3,
    n_frames: int = 24,
    width: int = 320,
    height: int = 192,
    faults: FaultKind = "none",
    workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[str]:
    """Write a small RGB-D data set of procedural scenes; return the scene ids.

    Args:
        raw_root: folder of the frames, one folder per scene.
        depth_root: folder of the depth, one folder per scene.
        families: taken in turn; None for all of them.
        seed: of the first scene of each family; every further round adds one.
        n_frames: frames per scene.
        width: pixels.
        height: pixels.
        faults: which parts are faulty, for phases 2 and 3 to repair.
        workers: processes, see `write_rgbd`; `base.cores.usable_cores()` for as many as may be used.
        progress: called with (scene id, frames done, frames in all).

    Raises:
        ConfigError: an unknown family or kind of faults, sizes that are no clip, or folders that
            hold other files; nothing was written.
    """
    _check_asked(raw_root, depth_root, n_scenes, faults)
    scenes = [
        make_scene(family, scene_seed, n_frames=n_frames, width=width, height=height)
        for family, scene_seed in _rounds(tuple(dict.fromkeys(families or FAMILIES)), seed, n_scenes)
    ]
    clips = [_planned(scene, raw_root, depth_root, scene.name, FAULTS[faults]) for scene in scenes]
    for clip, frame_index in _write_frames(clips, workers):
        if progress is not None:
            progress(clip.scene.name, frame_index + 1, clip.scene.n_frames)
    return [scene.name for scene in scenes]


def _check_asked(raw_root: Path, depth_root: Path, n_scenes: int, faults: FaultKind) -> None:
    if faults not in FAULTS:
        raise ConfigError(f"no faults are called {faults!r}", f"Choose from {', '.join(FAULTS)}.")
    if n_scenes < 1:
        raise ConfigError(f"n_scenes must be at least 1, not {n_scenes}")
    if raw_root.resolve() == depth_root.resolve():
        raise ConfigError(
            f"{raw_root}: frames and depth cannot lie in one folder: phase 3 could not tell which is which",
            "Give --depth_root a folder of its own.",
        )


class _Clip(NamedTuple):
    """A scene and where its files go."""

    scene: SynthScene
    raw_dir: Path
    depth_dir: Path
    faults: Faults | None


def _planned(
    scene: SynthScene, raw_root: Path, depth_root: Path, scene_id: str, faults: Faults | None
) -> _Clip:
    """Return what is to be written; refuse folders where it would be mixed with something else."""
    clip = _Clip(scene, Path(raw_root) / scene_id, Path(depth_root) / scene_id, faults)
    for folder, pattern in ((clip.raw_dir, RAW_NAME), (clip.depth_dir, DEPTH_NAME)):
        _refuse_other_files(folder, {pattern.format(index) for index in range(scene.n_frames)})
    return clip


def _write_frames(clips: list[_Clip], workers: int) -> Iterator[tuple[_Clip, int]]:
    """Write the frames of all clips, here or in processes of their own; yield each that is done, in order."""
    for clip in clips:
        for folder in (clip.raw_dir, clip.depth_dir):
            make_folder(folder)
            remove_drafts(folder)
    tasks = [(clip, index) for clip in clips for index in range(clip.scene.n_frames)]
    if workers <= 1:
        for task in tasks:
            _write_frame(task)
            yield task
        return
    # Not forked: threads of the caller (torch, OpenCV) would leave their locks behind. Not threads: the
    # arrays are too small for them, two gain nothing (measured 3.9 s of wall time against 4.5 s).
    with ChildPool(min(workers, len(tasks))) as pool:
        for task, _ in zip(tasks, pool.map(_write_frame, tasks), strict=True):
            yield task


def _write_frame(task: tuple[_Clip, int]) -> None:
    clip, index = task
    rgb, depth_m = clip.scene.frame(index)
    if clip.faults is not None:
        scene_id = clip.raw_dir.name
        rgb = camera_frame(rgb, clip.faults, clip.scene.seed, scene_id, index)
        depth_m = depth_map(depth_m, clip.faults, clip.scene.seed, scene_id, index)
    publish(clip.raw_dir / RAW_NAME.format(index), _png_bytes(rgb))
    publish(clip.depth_dir / DEPTH_NAME.format(index), _npy_bytes(depth_m))


def _rounds(families: tuple[str, ...], seed: int, n_scenes: int) -> Iterator[tuple[str, int]]:
    for number in range(n_scenes):
        yield families[number % len(families)], seed + number // len(families)


def _refuse_other_files(folder: Path, expected: set[str]) -> None:
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    others = sorted(name for name in found - expected if not name.startswith("."))
    if others:
        raise ConfigError(
            f"{folder} holds {len(others)} other files ({others[0]}): they would become part of the scene",
            "Remove the folder, or choose another one.",
        )


def _png_bytes(rgb: npt.NDArray[np.uint8]) -> bytes:
    import cv2

    is_encoded, data = cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 4])
    assert is_encoded, "PNG takes any 8-bit picture"
    return bytes(data.tobytes())


def _npy_bytes(depth_m: npt.NDArray[np.float32]) -> bytes:
    buffer = BytesIO()
    np.save(buffer, depth_m, allow_pickle=False)
    return buffer.getvalue()
