"""A procedural scene and its exact pictures: all-in-focus frames, z-depth, optical flow and occlusion."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.optics.transfer import display_values, linear_light
from focusgen.synth.shapes import CameraPath, PlacedShape, Shape, place
from focusgen.synth.trace import Rays, light_of_hits, nearest_hits, points_of_hits

Array = npt.NDArray[Any]
Radiance = Callable[[Array], Array]

SIDE_SAMPLES = 4
"""Samples per pixel and axis of an all-in-focus frame: a box filter of 16."""

RAYS_AT_ONCE = 1 << 16
"""Rays that are traced together: their arrays stay in the cache, and memory does not grow with the frame."""

DEPTH_MATCH = 1e-6
"""A point is seen in the next frame if nothing lies nearer by more than this share of its depth (float64)."""


class SynthFrame(NamedTuple):
    """What a perfect camera without blur records.

    Attributes:
        rgb: (H, W, 3) uint8, display values: (linear light)^(1 / 2.2), box-filtered over the pixel.
        depth_m: (H, W) float32, z-depth at the pixel centre, exact.
    """

    rgb: npt.NDArray[np.uint8]
    depth_m: npt.NDArray[np.float32]


class View(NamedTuple):
    """The scene as its camera sees it at one frame."""

    placed: list[PlacedShape]
    fx_px: float
    width: int
    height: int

    def regions(
        self, margins_px: Sequence[float], rows: tuple[int, int] | None = None
    ) -> list[tuple[slice, slice]]:
        """Return per body the rows (from rows[0] on) and columns that it can touch, grown by a margin."""
        top, bottom = rows if rows is not None else (0, self.height)
        regions = []
        for body, margin in zip(self.placed, margins_px, strict=True):
            left_slope, top_slope, right_slope, bottom_slope = body.slopes
            columns = _span(left_slope, right_slope, self.fx_px, self.width, margin, (0, self.width))
            lines = _span(top_slope, bottom_slope, self.fx_px, self.height, margin, (top, bottom))
            regions.append((slice(lines[0] - top, lines[1] - top), slice(*columns)))
        return regions


def _span(
    low: float, high: float, fx_px: float, size_px: int, margin_px: float, limits: tuple[int, int]
) -> tuple[int, int]:
    """Return the pixels [start, stop) whose area meets the slopes low..high, within limits."""
    first, last = limits
    start = min(max(low * fx_px + 0.5 * size_px - margin_px, first), last)
    stop = min(max(high * fx_px + 0.5 * size_px + margin_px, first), last)
    return math.floor(start), math.ceil(stop)


@dataclass(frozen=True)
class SynthScene:
    """A procedural scene; pictures are made when they are asked for.

    Attributes:
        family: name of its kind.
        seed: which one of that kind.
        n_frames: length of the clip.
        width: pixels.
        height: pixels.
        fx_px: focal length of its pinhole camera, in pixels; square pixels, principal point in the middle.
        shapes: the bodies.
        camera: the path of the camera.
    """

    family: str
    seed: int
    n_frames: int
    width: int
    height: int
    fx_px: float
    shapes: tuple[Shape, ...] = field(repr=False)
    camera: CameraPath = field(repr=False)

    @property
    def name(self) -> str:
        """Folder name of the scene."""
        return f"{self.family}_{self.seed:03d}"

    def view(self, frame_index: int) -> View:
        """Return the bodies as the camera sees them at a frame (any integer: the path goes on)."""
        pose = self.camera.pose(frame_index)
        placed = [place(shape, frame_index, pose) for shape in self.shapes]
        return View(placed, self.fx_px, self.width, self.height)

    def frame(self, frame_index: int) -> SynthFrame:
        """Return the all-in-focus picture and its exact depth."""
        view = self.view(frame_index)
        return SynthFrame(encode_display_u8(sharp_light(view)), _centre_depth(view)[0].astype(np.float32))

    def depth_m(self, frame_index: int) -> npt.NDArray[np.float32]:
        """Return the exact depth alone; cheaper than `frame`."""
        return _centre_depth(self.view(frame_index))[0].astype(np.float32)

    def flow(self, frame_index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Return the exact movement of every surface point to the next frame, and where it is lost.

        Returns:
            flow_px: (H, W, 2) float32, x to the right and y down, from this frame to the next, also where
                the point is hidden there.
            is_occluded: (H, W) bool, the point is behind something or outside of the picture next.
        """
        view, following = self.view(frame_index), self.view(frame_index + 1)
        depth_m, index = _centre_depth(view)
        x, y, z = _points_seen_from(following, view, depth_m, index)
        column, row = x / z * self.fx_px + 0.5 * self.width, y / z * self.fx_px + 0.5 * self.height
        flow_px = np.stack(
            [column - (np.arange(self.width) + 0.5), row - (np.arange(self.height) + 0.5)[:, None]], axis=-1
        )
        margin = float(np.abs(flow_px).max()) + 1.0
        rays = Rays((x / z)[None], (y / z)[None])
        hits = nearest_hits(following.placed, rays, following.regions([margin] * len(self.shapes)))
        is_hidden = hits.depth_m[0] < z * (1.0 - DEPTH_MATCH)
        is_outside = (column < 0.0) | (column > self.width) | (row < 0.0) | (row > self.height)
        return flow_px.astype(np.float32), is_hidden | is_outside


def sharp_light(view: View, radiance_of: Radiance = np.asarray) -> npt.NDArray[np.float32]:
    """Return (H, W, 3) linear light of a pinhole camera, box-filtered with 4 x 4 samples per pixel.

    Args:
        view: the scene at one frame.
        radiance_of: what the light of a surface stands for, where that is more than a picture can say.
    """
    light = np.empty((view.height, view.width, 3), dtype=np.float32)
    n_samples = SIDE_SAMPLES * SIDE_SAMPLES
    steps = (np.arange(SIDE_SAMPLES) + 0.5) / SIDE_SAMPLES
    inside_y, inside_x = (a.reshape(-1, 1, 1) for a in np.meshgrid(steps, steps, indexing="ij"))
    columns = np.arange(view.width)[None, None, :] - 0.5 * view.width
    for start, stop in bands(view, n_samples):
        rows = np.arange(start, stop)[None, :, None] - 0.5 * view.height
        rays = Rays(
            ((columns + inside_x) / view.fx_px).astype(np.float32),
            ((rows + inside_y) / view.fx_px).astype(np.float32),
        )
        regions = view.regions([1.0] * len(view.placed), (start, stop))
        hits = nearest_hits(view.placed, rays, regions)
        traced = radiance_of(light_of_hits(view.placed, rays, hits, regions))
        light[start:stop] = np.moveaxis(traced.mean(axis=1), 0, -1)
    return light


def bands(view: View, n_samples: int) -> Iterator[tuple[int, int]]:
    """Yield the rows [start, stop) that are traced together."""
    n_rows = max(1, RAYS_AT_ONCE // (n_samples * view.width))
    for start in range(0, view.height, n_rows):
        yield start, min(start + n_rows, view.height)


def encode_display_u8(light: Array) -> npt.NDArray[np.uint8]:
    """Return 8-bit display values of linear light."""
    return np.rint(display_values(light) * 255.0).astype(np.uint8)


def decode_display_u8(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return linear light of 8-bit display values."""
    table = linear_light(np.arange(256, dtype=np.float64) / 255.0)
    return table.astype(np.float32)[rgb]


def _centre_depth(view: View) -> tuple[Array, Array]:
    """Return depth (float64) and body index at the pixel centres, (H, W)."""
    x = (np.arange(view.width) + 0.5 - 0.5 * view.width) / view.fx_px
    y = (np.arange(view.height) + 0.5 - 0.5 * view.height) / view.fx_px
    hits = nearest_hits(
        view.placed, Rays(x[None, None, :], y[None, :, None]), view.regions([1.0] * len(view.placed))
    )
    return hits.depth_m[0], hits.number[0]


def _points_seen_from(
    following: View, view: View, depth_m: Array, index: Array
) -> tuple[Array, Array, Array]:
    """Return x, y, z in the next camera of the surface points behind this frame's pixel centres."""
    x = (np.arange(view.width) + 0.5 - 0.5 * view.width) / view.fx_px
    y = (np.arange(view.height) + 0.5 - 0.5 * view.height) / view.fx_px
    rays = Rays(x[None, None, :], y[None, :, None])
    moved = np.zeros((3, *depth_m.shape))
    for number, (body, later) in enumerate(zip(view.placed, following.placed, strict=True)):
        mine = index == number
        if mine.any():
            local = np.stack(points_of_hits(body, rays, depth_m[None], mine[None]))
            moved[:, mine] = np.linalg.solve(later.matrix, local - later.offset[:, None])
    return moved[0], moved[1], moved[2]
