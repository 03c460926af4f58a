"""The depth of a surface over time: a patch of points that is carried along the optical flow.

A single point slides off a small thing within seconds. Here up to a few dozen points of one surface are
carried together; those whose flow does not lead back, or whose depth is no longer that of the others, are
dropped, and new ones are taken from the same surface around their middle. When none is left, the track is
lost: what is seen at its place is something else.

References:
    Kalal, Mikolajczyk and Matas 2010 (median flow: forward-backward error, medians of a patch).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from focusgen.motion.flow import FlowEstimator, Gray, disagrees, luma

FLOW_LONG_SIDE_PX = 640  # the flow of larger frames is estimated at this size
PATCH_SHARE = 1 / 24  # half side of a patch, of the long side
MAX_POINTS, MIN_POINTS = 64, 4
SAME_SURFACE = 0.04  # relative difference of depth within a patch, from one frame to the next
INNER_SHARE = 0.1  # of each side that a track does not start in: it would leave the frame
NEAREST_SHARE = 0.02  # of the pixels that are as near as any to the wanted depth

Depth = npt.NDArray[np.float16]
Points = npt.NDArray[np.float64]
"""(K, 2) pixel positions (x, y)."""


class PatchTrack:
    """One surface that is followed through a shot.

    Args:
        depth_m: (H, W) of the shot's first frame.
        grey: (H, W) luma of the same frame.
        distance_m: the surface starts as near to this depth as the frame has any.
        rng: picks one of the places that do.
    """

    def __init__(self, depth_m: Depth, grey: Gray, distance_m: float, rng: np.random.Generator) -> None:
        self._half = max(2, round(PATCH_SHARE * max(depth_m.shape)))
        self._middle = _start(depth_m, grey, distance_m, self._half, rng)
        x, y = self._middle
        self.depth_m: float | None = float(depth_m[round(y), round(x)])
        self._points = self._patch(depth_m)
        self._settle(depth_m)

    def carry(
        self, moved: Callable[[Points], tuple[Points, npt.NDArray[np.bool_]]], depth_m: Depth
    ) -> float | None:
        """Go on to the next frame and return the surface's depth there, metres; None once it is lost."""
        if self.depth_m is None:
            return None
        points, is_believed = moved(self._points)
        points = points[is_believed & _is_inside(points, depth_m.shape)]
        if len(points):
            self._middle = np.median(points, axis=0)
        self._points = points[self._is_same(points, depth_m)] if len(points) else points
        if len(points) and len(self._points) < MAX_POINTS // 2:
            self._points = self._patch(depth_m)
        self._settle(depth_m)
        return self.depth_m

    def _settle(self, depth_m: Depth) -> None:
        """Take the depth of the points for that of the surface."""
        if len(self._points) < MIN_POINTS:
            self.depth_m = None
            return
        depths_m = _at(depth_m, self._points)
        self.depth_m = float(np.sort(depths_m)[depths_m.size // 2])  # one that is there, not a mean of two

    def _is_same(self, points: Points, depth_m: Depth) -> npt.NDArray[np.bool_]:
        """Say which points lie on the surface: as deep as the others, which may have moved a little."""
        assert self.depth_m is not None, "a lost track has no surface"
        depths_m = _at(depth_m, points)
        near = np.abs(depths_m - self.depth_m) <= 2.0 * SAME_SURFACE * self.depth_m
        if not near.any():
            return near
        middle_m = float(np.median(depths_m[near]))
        return np.asarray(np.abs(depths_m - middle_m) <= SAME_SURFACE * middle_m)

    def _patch(self, depth_m: Depth) -> Points:
        """Return points of the surface around the middle, evenly spread."""
        height, width = depth_m.shape
        x, y = (round(float(value)) for value in self._middle)
        rows = np.arange(max(y - self._half, 0), min(y + self._half + 1, height))
        columns = np.arange(max(x - self._half, 0), min(x + self._half + 1, width))
        grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2).astype(np.float64)
        chosen = grid[self._is_same(grid, depth_m)] if len(grid) else grid
        step = max(1, -(-len(chosen) // MAX_POINTS))
        return chosen[step // 2 :: step]


def track_depths(
    shots: Sequence[tuple[int, int]],
    read_sharp: Callable[[int], npt.NDArray[np.uint8]],
    read_depth: Callable[[int], Depth],
    starts: Sequence[Callable[[int], tuple[float, np.random.Generator]]],
) -> list[list[float | None]]:
    """Return per track the depth of its surface at each frame, metres; None where it is lost.

    Each frame is read once, and its flow is shared by all tracks.

    Args:
        shots: [start, stop) of frames; a track begins anew in each.
        read_sharp: (H, W, 3) uint8 RGB of a frame.
        read_depth: (H, W) float16 of a frame.
        starts: per track, given a shot's first frame: the wanted depth there, and what picks the place.
    """
    seen: list[list[float | None]] = [[] for _ in starts]
    estimator = FlowEstimator()
    for start, stop in shots:
        grey, depth_m = luma(read_sharp(start)), read_depth(start)
        tracks = [PatchTrack(depth_m, grey, *begin(start)) for begin in starts]
        _note(seen, (track.depth_m for track in tracks))
        for frame in range(start + 1, stop):
            before, grey, depth_m = grey, luma(read_sharp(frame)), read_depth(frame)
            moved = _mover(estimator, before, grey)
            _note(seen, [track.carry(moved, depth_m) for track in tracks])
    return seen


def _note(seen: list[list[float | None]], depths_m: Iterable[float | None]) -> None:
    for track, depth_m in zip(seen, depths_m, strict=True):
        track.append(depth_m)


def _mover(
    estimator: FlowEstimator, before: Gray, after: Gray
) -> Callable[[Points], tuple[Points, npt.NDArray[np.bool_]]]:
    """Return what carries points from one frame to the next, and says which of them to believe."""
    scale = min(1.0, FLOW_LONG_SIDE_PX / max(before.shape))
    small: list[Any] = [
        cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for grey in (before, after)
    ]
    there_px = estimator.flow_px(*small)
    is_wrong = disagrees(there_px, estimator.flow_px(small[1], small[0]))

    def moved(points: Points) -> tuple[Points, npt.NDArray[np.bool_]]:
        at = (points + 0.5) * scale - 0.5
        x, y = (np.ascontiguousarray(at[:, axis], np.float32) for axis in (0, 1))
        steps: Any = cv2.remap(there_px, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return points + steps.reshape(-1, 2).astype(np.float64) / scale, ~_at(is_wrong, at)

    return moved


def _at(image: npt.NDArray[Any], points: Points) -> npt.NDArray[Any]:
    """Return the values of the pixels under points; bool stays bool, numbers become float64."""
    height, width = image.shape
    x = np.clip(np.rint(points[:, 0]).astype(np.int64), 0, width - 1)
    y = np.clip(np.rint(points[:, 1]).astype(np.int64), 0, height - 1)
    values = image[y, x]
    return values if values.dtype == np.bool_ else values.astype(np.float64)


def _is_inside(points: Points, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    height, width = shape
    x, y = points[:, 0], points[:, 1]
    return np.asarray((x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1))


def _start(
    depth_m: Depth, grey: Gray, distance_m: float, half: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return a place (x, y) of about the wanted depth, amid its like and where there is texture to follow."""
    away = np.abs(1.0 / depth_m.astype(np.float32) - np.float32(1.0 / distance_m))
    margins = [round(INNER_SHARE * side) for side in away.shape]
    inner = np.zeros(away.shape, bool)
    inner[margins[0] : away.shape[0] - margins[0], margins[1] : away.shape[1] - margins[1]] = True
    place = int(NEAREST_SHARE * (inner.sum() - 1))
    limit = np.partition(away[inner], place)[place]
    size = (2 * half + 1, 2 * half + 1)
    company = cv2.boxFilter((away <= limit).astype(np.float32), -1, size)
    texture = cv2.boxFilter(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), -1, size)
    merit = np.where(inner & (away <= limit), company * np.sqrt(texture + 1.0), -1.0)
    best = np.flatnonzero(merit.ravel() >= 0.9 * merit.max())
    y, x = np.unravel_index(int(best[int(rng.random() * best.size)]), merit.shape)
    return np.array([x, y], np.float64)
