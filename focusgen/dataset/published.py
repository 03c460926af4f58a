"""Published frames, maps and statistics of a scene, read with their checks.

A file that is not there is a MissingUpstreamError, a damaged one a CorruptInputError; both name it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.packs import read_published
from focusgen.dataset.records import parse_json
from focusgen.media.codecs import decode_grey_png, decode_npz, decode_png
from focusgen.media.depth_sources import DepthSource
from focusgen.optics.sizes import FramePlan, resize_depth

ReadBytes: TypeAlias = "Callable[[Path], bytes]"
REPAIR = "focusgen repair redoes damaged files."
STATS_KEYS = ("d_min", "d_max", "d_median", "d_p5", "d_p95")


def read_sharp(scene: SceneLayout, frame: int, read: ReadBytes = read_published) -> npt.NDArray[np.uint8]:
    """Return a published sharp frame, (H, W, 3) uint8 RGB."""
    return _read_png(scene.sharp(frame), _way_out(2), read)


def read_bokeh(
    scene: SceneLayout, lens_set: int, frame: int, read: ReadBytes = read_published
) -> npt.NDArray[np.uint8]:
    """Return a published render, (H, W, 3) uint8 RGB."""
    return _read_png(scene.bokeh(lens_set, frame), _way_out(5), read)


def read_clean(
    scene: SceneLayout, lens_set: int, frame: int, read: ReadBytes = read_published
) -> npt.NDArray[np.uint8]:
    """Return a published render as it was before the sensor, (H, W, 3) uint8 RGB."""
    return _read_png(
        scene.clean(lens_set, frame), f"{_way_out(5)} It keeps them with render.keep_clean.", read
    )


def read_flags(
    scene: SceneLayout, frame: int, size: tuple[int, int], read: ReadBytes = read_published
) -> npt.NDArray[np.uint8]:
    """Return what is doubtful about each pixel's depth, (H, W) uint8 flags; all 0 where no file stands.

    Args:
        size: (height, width) of the scene.
        read: returns the bytes of a file, or raises FileNotFoundError.

    Raises:
        CorruptInputError: damaged, or no 8-bit grey picture; names the file.
    """
    path = scene.valid(frame)
    try:
        return decode_grey_png(read(path))
    except FileNotFoundError:
        return np.zeros(size, np.uint8)
    except CorruptInputError as error:
        raise CorruptInputError(f"{path}: {error.message}", REPAIR) from error


def _way_out(number: int) -> str:
    """Return what brings back a file of a phase, which by itself looks at no file that it has finished."""
    return f"focusgen repair makes it again where phase {number} had finished it; else run phase {number}."


def _read_png(path: Path, advice: str, read: ReadBytes) -> npt.NDArray[np.uint8]:
    with _naming(path, advice):
        return decode_png(read(path))


@contextlib.contextmanager
def _naming(path: Path, advice: str) -> Iterator[None]:
    """Name the file that is missing, which `advice` brings back, or damaged."""
    try:
        yield
    except FileNotFoundError as error:
        raise MissingUpstreamError(f"{path}: no such file", advice) from error
    except CorruptInputError as error:
        raise CorruptInputError(f"{path}: {error.message}", REPAIR) from error


def read_depth(scene: SceneLayout, frame: int, read: ReadBytes = read_published) -> npt.NDArray[np.float16]:
    """Return a published depth map, (H, W) float16 metres."""
    return read_float16(scene.depth(frame), "depth", _way_out(3), read)


def read_focus(
    scene: SceneLayout, lens_set: int, frame: int, read: ReadBytes = read_published
) -> npt.NDArray[np.float16]:
    """Return a published focus label, (H, W) float16."""
    return read_float16(scene.focus(lens_set, frame), "focus_map", _way_out(5), read)


def read_float16(
    path: Path, key: str, advice: str, read: ReadBytes = read_published
) -> npt.NDArray[np.float16]:
    """Return the one array of a map's file.

    Raises:
        MissingUpstreamError: it is not there; says `advice`.
        CorruptInputError: it is damaged or no float16; names the file.
    """
    with _naming(path, advice):
        array = decode_npz(read(path), key)
    if array.dtype != np.float16:
        raise CorruptInputError(f"{path}: {key} is {array.dtype}, not float16", advice)
    return array


def read_stats(scene: SceneLayout) -> dict[str, float]:
    """Return stats.json.

    Raises:
        CorruptInputError: damaged, or a key is missing.
    """
    try:
        document = parse_json(scene.stats_json.read_bytes())
        return {key: float(document[key]) for key in STATS_KEYS}
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise CorruptInputError(
            f"{scene.stats_json}: {error!r}", "Re-run phase 3 for this scene (focusgen repair)."
        ) from error


@dataclass(frozen=True)
class SharpFrames:
    """A span of a scene's sharp frames, and the depth that came with them (a `SceneFrames`).

    Attributes:
        start: first frame of the span; indices handed to `read` are relative to it.
        plan: how raw frames, and so provided depth, were brought to the published size.
    """

    scene: SceneLayout
    scene_id: str
    width: int
    height: int
    fps: float | None
    start: int
    stop: int
    plan: FramePlan
    depth: DepthSource | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    def read(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Return frames [start, stop) of the span, (B, H, W, 3) uint8 RGB."""
        frames = [read_sharp(self.scene, self.start + index) for index in range(start, stop)]
        return np.stack(frames) if frames else np.empty((0, self.height, self.width, 3), np.uint8)

    def provided_depth(self, index: int) -> npt.NDArray[np.float32] | None:
        """Return the depth that came with a frame of the span, (H, W) metres, or None."""
        if self.depth is None:
            return None
        depth_m = self.depth.read(self.start + index)
        try:
            return resize_depth(depth_m, self.plan)
        except CorruptInputError as error:
            name = self.depth.name(self.start + index)
            raise CorruptInputError(f"{name}: {error.message}", error.advice) from error

    def saturated(self, frame: int) -> npt.NDArray[np.bool_] | None:
        """Return where provided depth of the frame that was read last is at its file's limit, or None."""
        if self.depth is None or self.depth.last_saturated is None:
            return None
        index, is_saturated = self.depth.last_saturated
        if index != frame:
            return None
        return np.asarray(resize_depth(is_saturated.astype(np.float32), self.plan) > 0)
