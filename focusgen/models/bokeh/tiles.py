"""One large picture through the thin lens in bounded memory: tiles that overlap by all that they can see.

Hidden surfaces come from far away, so they are prepared once for the whole picture, at half its size; all
else is local. A tile is grown by the largest blur and by the farthest view under an edge: what is kept of it
equals the picture rendered in one piece.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from focusgen.models.bokeh.hidden import halved_seeds, spread_seeds
from focusgen.models.bokeh.layers import Box
from focusgen.models.bokeh.ocp import render_ocp, split_and_seed
from focusgen.models.bokeh.snap import snap_to_colour_edges
from focusgen.models.bokeh.thin_lens import Camera
from focusgen.models.devices import pick_device

Floats = npt.NDArray[np.float32]
Source = Callable[[Box], tuple[Floats, Floats]]
"""Returns display values (h, w, 3) in [0, 1] and signed blur radii (h, w) of a part of the picture."""

WINDOW_MARGIN_PX = 16
"""Edges, their colours and snapping look at most 5 + 3 + 2 pixels around; even, as the half size needs."""


def tile_margin_px(ladder: tuple[float, ...], reach: float = 1.0) -> int:
    """Return by how much a tile is grown on each side, even; `reach` is the aperture's."""
    blur_px = reach * max(abs(ladder[0]), abs(ladder[-1]))
    # An octagon's distance may be 10 % longer than the straight one.
    under_edges_px = 1.1 * (ladder[0] - ladder[-1])
    return 2 * math.ceil((blur_px + under_edges_px) / 2.0) + WINDOW_MARGIN_PX


def render_tiles(
    source: Source,
    size: tuple[int, int],
    ladder: tuple[float, ...],
    *,
    tile_px: int = 1024,
    snaps: bool = False,
    camera: Camera | None = None,
    sparse: bool = False,
    device: str = "cpu",
) -> Iterator[tuple[Box, Floats]]:
    """Yield the picture in parts that do not overlap.

    Args:
        source: gives the sharp picture and its radii, part by part.
        size: (height, width) of the picture.
        ladder: signed radii of the planes.
        tile_px: side of a part; even. A cat's eye changes over the frame, which then is one part.
        snaps: whether soft edges of the radii are moved onto edges of the picture.
        camera: the light and the opening.
        sparse: blur only where a plane has anything.

    Yields:
        A part of the frame, and its display values (h, w, 3) in [0, 1].
    """
    camera = camera or Camera()
    how = _How(ladder, snaps, camera, sparse, str(pick_device(device, "render.backend: thin_lens")))
    if camera.aperture.kind == "cat_eye":
        tile_px = max(size)
    with torch.inference_mode():
        fill = spread_seeds(_all_seeds(source, size, tile_px, how), ladder)
        for tile in tiles_of(size, tile_px):
            yield tile, _render_tile(source, tile, size, fill, how)


class _How(NamedTuple):
    """What holds for every tile of a picture."""

    ladder: tuple[float, ...]
    snaps: bool
    camera: Camera
    sparse: bool
    device: str


def tiles_of(size: tuple[int, int], tile_px: int) -> Iterator[Box]:
    """Yield boxes that cover a frame of (height, width) once."""
    height, width = size
    for top in range(0, height, tile_px):
        for left in range(0, width, tile_px):
            yield Box(top, min(top + tile_px, height), left, min(left + tile_px, width))


def _all_seeds(source: Source, size: tuple[int, int], tile_px: int, how: _How) -> Tensor:
    half = torch.zeros(1, 5, (size[0] + 1) // 2, (size[1] + 1) // 2, device=how.device)
    for tile in tiles_of(size, tile_px):
        box = tile.grown(WINDOW_MARGIN_PX, *size)
        linear, radius = _load(source, box, how)
        split, seeds = split_and_seed(linear, radius[:, None], how.camera.peak)
        own = Box(tile.top - box.top, tile.bottom - box.top, tile.left - box.left, tile.right - box.left)
        parts = (x[own.region()] for x in (split.rgb, radius[:, None], seeds))
        half[_halved(tile).region()] = halved_seeds(*parts)
    return half


def _render_tile(source: Source, tile: Box, size: tuple[int, int], fill: Tensor, how: _How) -> Floats:
    aperture, peak = how.camera.aperture, how.camera.peak
    box = tile.grown(tile_margin_px(how.ladder, aperture.reach), *size)
    linear, radius = _load(source, box, how)
    own_fill = fill[_halved(box).region()]
    drawn = render_ocp(
        linear, radius, how.ladder, fill=own_fill, aperture=aperture, sparse=how.sparse, peak=peak
    )
    own = Box(tile.top - box.top, tile.bottom - box.top, tile.left - box.left, tile.right - box.left)
    shown = how.camera.shown(drawn[own.region()])
    picture: Floats = shown[0].permute(1, 2, 0).contiguous().cpu().numpy()
    return picture


def _load(source: Source, box: Box, how: _How) -> tuple[Tensor, Tensor]:
    """Return linear light (1, 3, h, w) and radii (1, h, w) of a part of the picture."""
    display, radius = source(box)
    shown = torch.from_numpy(np.ascontiguousarray(display)).to(how.device).permute(2, 0, 1)[None]
    rho = torch.from_numpy(np.ascontiguousarray(radius)).to(how.device)[None]
    rho = rho.clamp(how.ladder[-1], how.ladder[0])
    if how.snaps:
        rho = snap_to_colour_edges(shown, rho)
    return how.camera.light(shown).contiguous(), rho


def _halved(box: Box) -> Box:
    return Box(box.top // 2, (box.bottom + 1) // 2, box.left // 2, (box.right + 1) // 2)
