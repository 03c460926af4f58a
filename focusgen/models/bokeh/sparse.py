"""Planes of blur on a CPU, each drawn only where anything lies on it: `render.planes: sparse`.

Light and coverage live as two pairs, (red, green) and (blue, coverage), each one complex number to the FFT: a
complex picture blurs as its two parts do, and its transform takes about half the time of theirs (measured on
one thread, 192x240 to 540x960). Blur of few pixels is summed directly.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from focusgen.models.bokeh.apertures import aperture_kernel, blur_reach_px
from focusgen.models.bokeh.discs import Span, disc_kernel
from focusgen.models.bokeh.hidden import HiddenSurface
from focusgen.models.bokeh.layers import (
    COVERAGE_NOISE,
    NO_PLANE,
    Box,
    Layer,
    Region,
    Surfaces,
    other_layer,
    visible_layer,
)
from focusgen.models.bokeh.mattes import EdgeSplit
from focusgen.models.bokeh.occupied import MAX_PLANES, Bits, box_within, boxes_of_plane, occupied_blocks
from focusgen.optics.aperture import Aperture

DIRECT_REACH_PX = 4
"""Blur of 9 x 9 pixels and less is summed directly: 4 ms for 4 x 480 x 854, against 10 by FFT."""


def is_drawn_sparsely(ladder: tuple[float, ...], aperture: Aperture) -> bool:
    """Return whether these planes can be drawn here; a cat's eye changes over the frame."""
    return len(ladder) <= MAX_PLANES and aperture.kind != "cat_eye"


def composite_sparse(
    found: Surfaces, radius_px: Tensor, ladder: tuple[float, ...], aperture: Aperture
) -> Tensor:
    """Blur and add the planes where they have anything: (B, 3, H, W) linear light.

    Args:
        found: the surfaces of all pixels.
        radius_px: (B, 1, H, W) signed blur radius.
        ladder: signed radii of the planes.
        aperture: shape of the opening.
    """
    split, hidden = found
    frames = []
    for i in range(len(radius_px)):
        one = Surfaces(
            EdgeSplit(*(x[i : i + 1] for x in split)), HiddenSurface(*(x[i : i + 1] for x in hidden))
        )
        visible = visible_layer(one.split, radius_px[i : i + 1], ladder)
        frames.append(_composite([_Surface.of(visible), _other_surface(one, ladder)], ladder, aperture))
    return torch.cat(frames)


def _composite(surfaces: list[_Surface], ladder: tuple[float, ...], aperture: Aperture) -> Tensor:
    height, width = surfaces[0].size
    blocks = surfaces[0].blocks | surfaces[1].blocks
    out = torch.zeros(2, height, 2 * width)
    for index, radius_px in enumerate(ladder):
        blur = _Blur(radius_px, blur_reach_px(radius_px, aperture), aperture)
        boxes = boxes_of_plane(blocks, index, blur.reach_px, (height, width))
        if boxes:
            target, blurred = _blurred_plane(surfaces, index, boxes, blur)
            _fill(out[_pairs_in(target)], blurred)
    return _light(out)


def _other_surface(found: Surfaces, ladder: tuple[float, ...]) -> _Surface:
    """Return the second surface of a frame's pixels, of which few have one."""
    height, width = found.split.share.shape[-2:]
    has_other = (found.split.front_share > 0) | (found.hidden.weight > 0)
    pixels = has_other.reshape(-1).nonzero()[:, 0]
    split = EdgeSplit(*(x.flatten(2)[..., pixels] for x in found.split))
    hidden = HiddenSurface(*(x.flatten(2)[..., pixels] for x in found.hidden))
    few = other_layer(Surfaces(split, hidden), ladder)
    pairs = torch.zeros(2, height * width, 2)
    pairs[:, pixels] = few.light[0].reshape(2, 2, -1).movedim(1, -1)
    position = torch.full((height * width,), NO_PLANE)
    position[pixels] = few.position[0, 0]
    return _Surface.from_pairs(pairs.reshape(2, height, 2 * width), position.reshape(height, width))


class _Blur(NamedTuple):
    """How one plane is blurred."""

    radius_px: float
    reach_px: int
    aperture: Aperture

    def kernel(self) -> Tensor:
        if self.aperture.kind == "disc":
            return disc_kernel(abs(self.radius_px))
        return aperture_kernel(self.radius_px, self.aperture)


class _Surface(NamedTuple):
    """One of the two surfaces of all pixels.

    Attributes:
        pairs: (2, H, 2 W): red and green, blue and coverage, column by column.
        position: (H, 2 W) plane index, of each pixel twice.
        blocks: what lies on which plane, from `occupied_blocks`.
    """

    pairs: Tensor
    position: Tensor
    blocks: Bits

    @classmethod
    def of(cls, layer: Layer) -> _Surface:
        """Return the surface of one frame's layer."""
        height, width = layer.position.shape[-2:]
        pairs = layer.light.reshape(2, 2, height, width).movedim(1, -1).reshape(2, height, 2 * width)
        return cls.from_pairs(pairs, layer.position[0, 0])

    @classmethod
    def from_pairs(cls, pairs: Tensor, position: Tensor) -> _Surface:
        """Return the surface of (2, H, 2 W) pairs and the (H, W) planes that they lie on."""
        twice = torch.stack((position, position), -1).flatten(-2)
        return cls(pairs, twice, occupied_blocks(position.numpy()))

    def add_to(self, plane: Tensor, index: int, box: Box) -> None:
        """Add what lies on a plane in a box to the (2, h, 2 w) pairs of that box."""
        own = box_within(self.blocks, index, box, self.size)
        if own is None:
            return
        part = _pairs_in(own)
        minus_weight = (self.position[part] - index).abs_().sub_(1.0).clamp_max_(0.0)
        plane[_pairs_in(own, box)].addcmul_(self.pairs[part], minus_weight, value=-1.0)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frame."""
        height, columns = self.position.shape
        return height, columns // 2


def _pairs_in(part: Box, whole: Box | None = None) -> Region:
    """Return the index of a part among the pairs of a whole; default: of the frame."""
    top, left = (whole.top, whole.left) if whole else (0, 0)
    return (
        ...,
        slice(part.top - top, part.bottom - top),
        slice(2 * (part.left - left), 2 * (part.right - left)),
    )


def _blurred_plane(surfaces: list[_Surface], index: int, boxes: list[Box], blur: _Blur) -> tuple[Box, Tensor]:
    """Return where the blur of a plane reaches, and its (2, h, 2 w) pairs there."""
    size = surfaces[0].size
    targets = [box.grown(blur.reach_px, *size) for box in boxes]
    blurred = (_blurred_box(surfaces, index, *part, blur) for part in zip(boxes, targets, strict=True))
    if len(boxes) == 1:
        return targets[0], next(blurred)
    tops, bottoms, lefts, rights = zip(*targets, strict=True)
    whole = Box(min(tops), max(bottoms), min(lefts), max(rights))
    total = torch.zeros(2, whole.bottom - whole.top, 2 * (whole.right - whole.left))
    for target, part in zip(targets, blurred, strict=True):
        total[_pairs_in(target, whole)] += part
    return whole, total


def _blurred_box(surfaces: list[_Surface], index: int, box: Box, target: Box, blur: _Blur) -> Tensor:
    """Return what lies on a plane in a box, blurred; the picture goes on beyond its frame."""
    if blur.reach_px > DIRECT_REACH_PX:
        return _blurred_by_fft(surfaces, index, box, target, blur)
    plane = torch.zeros(2, target.bottom - target.top, 2 * (target.right - target.left))
    for surface in surfaces:
        surface.add_to(plane[_pairs_in(box, target)], index, box)
    if blur.reach_px == 0:
        return plane
    # filter2D correlates; a polygon that stands on its head is another one.
    kernel = blur.kernel().flip(-1, -2).float().numpy()
    pairs = plane.reshape(2, plane.shape[1], -1, 2).numpy()
    drawn = [cv2.filter2D(pair, -1, kernel, borderType=cv2.BORDER_REPLICATE) for pair in pairs]
    return torch.from_numpy(np.stack(drawn)).reshape(plane.shape)


def _blurred_by_fft(surfaces: list[_Surface], index: int, box: Box, target: Box, blur: _Blur) -> Tensor:
    height, width = surfaces[0].size
    reach = blur.reach_px
    rows = _Axis.of(box.top, box.bottom, target.top, target.bottom, height, reach)
    columns = _Axis.of(box.left, box.right, target.left, target.right, width, reach)
    canvas = torch.zeros(2, rows.length, columns.length, dtype=torch.complex64)
    plane = torch.view_as_real(canvas).reshape(2, rows.length, 2 * columns.length)
    for surface in surfaces:
        surface.add_to(plane[_pairs_in(box, Box(rows.origin, 0, columns.origin, 0))], index, box)
    _continue(canvas.movedim(2, 0), columns)
    _continue(canvas.movedim(1, 0), rows)
    spectrum = torch.fft.fft2(canvas)
    spectrum.mul_(_spectrum(blur, rows.length, columns.length))
    drawn = torch.view_as_real(torch.fft.ifft2(spectrum)).reshape(2, rows.length, 2 * columns.length)
    return drawn[_pairs_in(target, Box(rows.origin, 0, columns.origin, 0))]


class _Axis(NamedTuple):
    """How one side of a plane lies in its FFT.

    Attributes:
        origin: of the FFT, in the frame.
        length: of the FFT.
        start: first sample that is given, from the origin.
        stop: one past the last.
        before: samples before `start` that repeat it, beyond the frame.
        after: the same after `stop`.
    """

    origin: int
    length: int
    start: int
    stop: int
    before: int
    after: int

    @classmethod
    def of(cls, start: int, stop: int, first: int, last: int, side: int, reach: int) -> _Axis:
        """Return the shortest quick FFT in which nothing wraps; results are wanted from `first` to `last`."""
        before, after = reach * (start == 0), reach * (stop == side)
        origin = min(start - before, first)
        given = Span(start - before, stop + after, first, last)
        return cls(origin, given.fft_length(reach), start - origin, stop - origin, before, after)


def _continue(lines: Tensor, axis: _Axis) -> None:
    """Repeat the first and the last line beyond the frame, in place."""
    lines[axis.start - axis.before : axis.start] = lines[axis.start].clone()
    lines[axis.stop : axis.stop + axis.after] = lines[axis.stop - 1].clone()


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _spectrum(blur: _Blur, rows: int, columns: int) -> Tensor:
    """Return the spectrum of a blur centred on sample (0, 0); real where it is symmetric.

    By sums of as many terms as the kernel has lines: boxes change from frame to frame, and a transform of
    the whole would take as long as a plane.
    """
    down, across = _waves(rows, blur.reach_px), _waves(columns, blur.reach_px)
    kernel = blur.kernel()
    if blur.aperture.kind == "disc":
        return (down.real @ kernel @ across.real.T).float()
    return (down @ kernel.to(down.dtype) @ across.T).to(torch.complex64)


def _waves(length: int, reach: int) -> Tensor:
    frequencies = torch.arange(length, dtype=torch.float64)[:, None] * (-2.0 * math.pi / length)
    phases = frequencies * torch.arange(-reach, reach + 1, dtype=torch.float64)
    return torch.polar(torch.ones_like(phases), phases)


def _fill(out: Tensor, blurred: Tensor) -> None:
    """Add a blurred plane to a part of the picture, as far as there is room there."""
    coverage = blurred[1, :, 1::2]
    room = 1.0 - out[1, :, 1::2]  # the last value of a pixel is how much of it is filled
    share = torch.minimum((coverage - COVERAGE_NOISE).clamp_min_(0.0), room)
    share.div_(coverage.clamp_min(COVERAGE_NOISE))
    out.addcmul_(blurred, torch.stack((share, share), -1).flatten(-2))


def _light(out: Tensor) -> Tensor:
    """Return (1, 3, H, W) light of the whole picture."""
    light = out.reshape(2, out.shape[1], -1, 2).permute(0, 3, 1, 2).reshape(4, out.shape[1], -1)
    return (light[:3] / light[3:].clamp_min(1e-6))[None]
