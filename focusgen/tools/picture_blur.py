"""The blur of one picture: its radii, worked out part by part, and its drawing, tile by tile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.optics.aperture import DISC, Aperture
from focusgen.optics.coc import Lens, signed_blur_radius_px
from focusgen.optics.transfer import Transfer

DepthMap = npt.NDArray[np.float32]
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class PictureCamera:
    """What lies between a picture's values and its blur.

    Attributes:
        transfer: curve between the picture's values and linear light.
        aperture: shape of the opening.
        boosts: whether bright areas regain the light that they stood for.
        sparse: blur only where a plane has anything.
    """

    transfer: Transfer = "gamma22"
    aperture: Aperture = DISC
    boosts: bool = False
    sparse: bool = False


@dataclass(frozen=True)
class Drawing:
    """How one picture is drawn.

    Attributes:
        camera: its light and its opening.
        radius_range_px: smallest and largest signed radius.
        snaps: whether soft edges of the radii are moved onto edges of the picture.
        is_deep: 16 bits per channel, else 8.
        tile_px: side of the tiles that bound the memory.
        device: where to compute.
    """

    camera: PictureCamera
    radius_range_px: tuple[float, float]
    snaps: bool
    is_deep: bool
    tile_px: int
    device: str


@dataclass(frozen=True)
class Blur:
    """Blur radii of one picture, worked out part by part: whole maps of them would double the memory."""

    depth_m: DepthMap
    lens: Lens
    sensor_width_m: float
    limit_px: float

    def radius_px(self, rows: slice, columns: slice) -> DepthMap:
        """Return the signed radii of a part, clipped to the limit."""
        return np.clip(self._unclipped_px(rows, columns), -self.limit_px, self.limit_px)

    def survey(self) -> tuple[int, tuple[float, float]]:
        """Return how many radii are clipped, and the smallest and the largest that are drawn."""
        n_clipped, lowest, highest = 0, np.inf, -np.inf
        for start in range(0, self.depth_m.shape[0], ROWS_AT_ONCE):
            wanted_px = self._unclipped_px(slice(start, start + ROWS_AT_ONCE), slice(None))
            n_clipped += int(np.count_nonzero(np.abs(wanted_px) > self.limit_px))
            drawn_px = wanted_px.clip(-self.limit_px, self.limit_px)
            lowest, highest = min(lowest, float(drawn_px.min())), max(highest, float(drawn_px.max()))
        return n_clipped, (lowest, highest)

    def _unclipped_px(self, rows: slice, columns: slice) -> DepthMap:
        radius_px: DepthMap = signed_blur_radius_px(
            self.depth_m[rows, columns],
            self.lens,
            image_width_px=self.depth_m.shape[1],
            sensor_width_m=self.sensor_width_m,
        )
        return radius_px


def draw_picture(
    rgb: npt.NDArray[Any], blur: Blur, how: Drawing, report: Callable[[float], object]
) -> npt.NDArray[Any]:
    """Return the blurred picture, uint8 or uint16; `report` is told the part that is done, 0 to 1."""
    from focusgen.models.bokeh.layers import Box
    from focusgen.models.bokeh.planes import plane_ladder
    from focusgen.models.bokeh.thin_lens import Camera
    from focusgen.models.bokeh.tiles import render_tiles

    given_peak, peak = np.float32(np.iinfo(rgb.dtype).max), 65535 if how.is_deep else 255
    out = np.empty(rgb.shape, np.uint16 if how.is_deep else np.uint8)

    def part(box: Box) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
        return rgb[rows, columns].astype(np.float32) / given_peak, blur.radius_px(rows, columns)

    ladder = plane_ladder(*how.radius_range_px)
    size, n_done = blur.depth_m.shape, 0
    report(0.0)
    tiles = render_tiles(
        part,
        (size[0], size[1]),
        ladder,
        tile_px=how.tile_px,
        snaps=how.snaps,
        camera=Camera(how.camera.transfer, how.camera.aperture, how.camera.boosts),
        sparse=how.camera.sparse,
        device=how.device,
    )
    for box, shown in tiles:
        out[box.top : box.bottom, box.left : box.right] = np.rint(shown * peak)
        n_done += shown.shape[0] * shown.shape[1]
        report(n_done / blur.depth_m.size)
    return out
