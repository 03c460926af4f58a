"""Depth that a layout brought: its files are known one by one, and so are their unit and geometry."""

from __future__ import annotations

import dataclasses

import numpy as np

from focusgen.base.checksums import checksum
from focusgen.base.errors import CorruptInputError, MissingUpstreamError
from focusgen.base.names import display
from focusgen.media.brought import BroughtDepth
from focusgen.media.depth_sources import DepthFolder
from focusgen.media.depth_units import DepthMap, DepthOptions

ANOTHER_DEPTH = "Put the files back and run phase 1 again; or set --depth_root to the folder of other depth."


def open_brought(
    depth: BroughtDepth, layout: str, n_frames: int, size: tuple[int, int], options: DepthOptions
) -> BroughtSource:
    """Return the depth of a scene as its layout knows it.

    Args:
        depth: which files, and what their numbers are.
        layout: its name, for messages.
        n_frames: frames of the scene.
        size: (width, height) of the raw frames.
        options: what a person says of depth files.

    Raises:
        MissingUpstreamError: a file is gone.
        CorruptInputError: a person states another unit than the layout's.
    """
    if len(depth.files) != n_frames:
        raise CorruptInputError(f"{len(depth.files)} depth files for {n_frames} frames", ANOTHER_DEPTH)
    missing = next((name for name in depth.files if not (depth.folder / name).is_file()), None)
    if missing is not None:
        raise MissingUpstreamError(
            f"{display(str(depth.folder / missing))}: no such file; layout {layout} had it in phase 1",
            ANOTHER_DEPTH,
        )
    scale, said = depth.units_per_metre, options.depth_scale
    if None not in (scale, said) and scale != said:
        raise CorruptInputError(
            f"{display(str(depth.folder))}: layout {layout} has {scale:g} units per metre, "
            f"but --depth_scale says {said:g}",
            f"Say --depth_scale {scale:g}; or if these files have another unit, run phase 1 with --layout "
            "plain; then give --depth_root, a folder with <scene>/.",
        )
    known = dataclasses.replace(
        options,
        depth_scale=scale,
        ray_focal_per_width=depth.focal_per_width,
        far_from_m=depth.far_from_m,
    )
    return BroughtSource(depth, known, size)


class BroughtSource(DepthFolder):
    """One file per frame, in the unit of the layout, seen from where the frames were taken."""

    def __init__(self, depth: BroughtDepth, options: DepthOptions, size: tuple[int, int]) -> None:
        super().__init__(depth.folder, [depth.folder / name for name in depth.files], options)
        self._depth, self._size = depth, size

    def read(self, index: int) -> DepthMap:
        """Return the depth of one frame, at the place of the frame's own pixels."""
        depth_m = super().read(index)
        moved = self._depth.frame_from_depth
        return depth_m if moved is None else _seen_from_frame(depth_m, moved, self._size)

    def digest(self) -> str:
        """Return a checksum of the files and of what their numbers are taken for."""
        what = (self._depth.units_per_metre, self._depth.focal_per_width, self._depth.frame_from_depth)
        far = "" if self._depth.far_from_m is None else f" far from {self._depth.far_from_m!r}"
        return checksum(f"{super().digest()} {what!r}{far}".encode())


def _seen_from_frame(
    depth_m: DepthMap, moved: tuple[float, float, float, float], size: tuple[int, int]
) -> DepthMap:
    """Return for each frame pixel the depth of the pixel nearest to where it falls; NaN beyond the map.

    Nothing is averaged: a mean across an edge is the distance of no surface.
    """
    across, left, down, top = moved
    columns = np.rint(across * np.arange(size[0]) + left).astype(np.int64)
    rows = np.rint(down * np.arange(size[1]) + top).astype(np.int64)
    height, width = depth_m.shape
    seen = depth_m[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
    seen[(rows < 0) | (rows >= height), :] = np.nan
    seen[:, (columns < 0) | (columns >= width)] = np.nan
    return np.ascontiguousarray(seen)
