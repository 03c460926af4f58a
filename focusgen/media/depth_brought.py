"""Depth that a layout brought: its files are known one by one, and so are their unit and geometry."""

from __future__ import annotations

import dataclasses

import numpy as np

from focusgen.base.checksums import checksum
from focusgen.base.errors import CorruptInputError, MissingUpstreamError, UndecidedInputError
from focusgen.base.names import display
from focusgen.media.brought import BroughtDepth
from focusgen.media.depth_codecs import naming, read_values
from focusgen.media.depth_files import check_unit
from focusgen.media.depth_sources import DepthFolder
from focusgen.media.depth_steps import tell_unit
from focusgen.media.depth_units import DepthMap, DepthOptions

MIN_SHARED_VIEW = 0.75
"""Part of a frame's width and height, and of a map's, that two cameras side by side both see."""

RESIZED_ADVICE = (
    "Were the pictures resized after the recording? Put the original ones there; or multiply the first two "
    "rows of the matrix of the resized ones (intrinsic_color.txt, intrinsic_depth.txt) by new width / "
    "old width. Then run phase 1 again."
)

ANOTHER_DEPTH = "Put the files back and run phase 1 again; or set --depth_root to the folder of other depth."


def open_brought(
    depth: BroughtDepth, layout: str, n_frames: int, size: tuple[int, int], options: DepthOptions
) -> BroughtSource:
    """Return the depth of a scene as its layout knows it.

    Args:
        depth: which files, and what their numbers are.
        layout: its name, for messages.
        size: (width, height) of the raw frames.
        options: what a person says of depth files.

    Raises:
        MissingUpstreamError: a file is gone.
        CorruptInputError: a person states another unit than the layout's, where that is known.
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
    if said is not None and depth.is_unit_assumed:
        depth, scale = dataclasses.replace(depth, units_per_metre=said), said
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


def check_told_unit(depth: BroughtDepth, options: DepthOptions) -> None:
    """Refuse numbers whose unit only the form of a recording tells, or nobody, unless they tell it.

    Raises:
        UndecidedInputError: nobody says which it is.
        CorruptInputError: a file cannot be read.
    """
    scale = depth.units_per_metre
    if not depth.files:
        check_unit(*depth.as_given, options)
    if not depth.is_unit_assumed or scale is None or options.depth_scale is not None:
        return
    looked_at = {depth.files[0], depth.files[len(depth.files) // 2], depth.files[-1]}
    numbers = (read_values(depth.folder / name, options) for name in sorted(looked_at))
    if any(values.dtype.kind == "f" or tell_unit(values, scale) for values in numbers):
        return  # floats are asked about where both units are plausible
    raise UndecidedInputError(
        f"{display(str(depth.folder))}: whole numbers, and nobody says of which unit: the form is that of "
        f"{scale:g} per metre, but many keep millimetres in it, and these numbers do not tell",
        f"Say which unit it is: --depth_scale 1000 (millimetres), or --depth_scale {scale:g}.",
    )


class BroughtSource(DepthFolder):
    """One file per frame, in the unit of the layout, seen from where the frames were taken."""

    def __init__(self, depth: BroughtDepth, options: DepthOptions, size: tuple[int, int]) -> None:
        super().__init__(depth.folder, [depth.folder / name for name in depth.files], options)
        self._depth, self._size = depth, size

    def read(self, index: int) -> DepthMap:
        """Return the depth of one frame, at the place of the frame's own pixels."""
        depth_m = super().read(index)
        moved = self._depth.frame_from_depth
        if moved is None:
            return depth_m
        with naming(self._file_of(index)):
            _check_view(depth_m.shape, moved, self._size)
        return _seen_from_frame(depth_m, moved, self._size)

    def digest(self) -> str:
        """Return a checksum of the files and of what their numbers are taken for."""
        what = (self._depth.units_per_metre, self._depth.focal_per_width, self._depth.frame_from_depth)
        far = "" if self._depth.far_from_m is None else f" far from {self._depth.far_from_m!r}"
        return checksum(f"{super().digest()} {what!r}{far}".encode())


def _check_view(
    shape: tuple[int, ...], moved: tuple[float, float, float, float], size: tuple[int, int]
) -> None:
    """Refuse cameras that see hardly one view: the matrix of one is of pictures of another size.

    Raises:
        CorruptInputError: says which part of the map the frame would show.
    """
    across, left, down, top = moved
    for scale, start, n_map, n_frame in ((across, left, shape[1], size[0]), (down, top, shape[0], size[1])):
        span = scale * n_frame
        shared = min(start + span, n_map) - max(start, 0.0)
        if shared < MIN_SHARED_VIEW * max(span, n_map):
            stop = start + span
            raise CorruptInputError(
                f"by the cameras' matrices a side of {n_frame} px of the frame shows {start:.0f} to "
                f"{stop:.0f} of the {n_map} px of this map: a matrix is of pictures of another size",
                RESIZED_ADVICE,
            )


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
