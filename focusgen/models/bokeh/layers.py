"""What lies in each pixel before any blur, and the parts of a frame that work is cut into."""

from __future__ import annotations

from types import EllipsisType
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from focusgen.models.bokeh.hidden import HiddenSurface
from focusgen.models.bokeh.mattes import EdgeSplit
from focusgen.models.bokeh.planes import plane_position

COVERAGE_NOISE = 2e-5
"""Coverage below it is rounding of the FFT."""

NO_PLANE = -2.0
"""Plane index of what is not there: its weight is 0 on every plane."""

Region: TypeAlias = "tuple[EllipsisType | slice[int, int, None], ...]"


class Surfaces(NamedTuple):
    """The surfaces that are found in some pixels; shapes are (B, C, ...) alike.

    Attributes:
        split: edge pixels, divided between the two surfaces that meet there.
        hidden: what lies behind.
    """

    split: EdgeSplit
    hidden: HiddenSurface


class Layer(NamedTuple):
    """One surface of all pixels.

    Attributes:
        light: (B, 4, ...) red, green and blue times coverage, and coverage.
        position: (B, 1, ...) index of the plane, a real number; `NO_PLANE` where there is none.
    """

    light: Tensor
    position: Tensor


def visible_layer(split: EdgeSplit, radius_px: Tensor, ladder: tuple[float, ...]) -> Layer:
    """Return the surface that depth names."""
    return Layer(torch.cat((split.rgb * split.share, split.share), 1), plane_position(radius_px, ladder))


def other_layer(found: Surfaces, ladder: tuple[float, ...]) -> Layer:
    """Return a second surface of each pixel: behind the first, or before it."""
    split, hidden = found
    # One pixel cannot hide a surface and be the far side of an edge as well: both share a layer.
    is_front = (split.front_share > 0) & (hidden.weight == 0)
    share = torch.where(is_front, split.front_share, hidden.weight)
    rgb = torch.where(is_front, split.front_rgb, hidden.rgb)
    position = plane_position(torch.where(is_front, split.front_radius_px, hidden.radius_px), ladder)
    return Layer(torch.cat((rgb * share, share), 1), position.masked_fill(share == 0, NO_PLANE))


class Box(NamedTuple):
    """A part of the frame, rows [top, bottom) and columns [left, right)."""

    top: int
    bottom: int
    left: int
    right: int

    def region(self) -> Region:
        """Return the index of this part."""
        return (..., slice(self.top, self.bottom), slice(self.left, self.right))

    def grown(self, reach: int, height: int, width: int) -> Box:
        """Return the part that a blur of this one reaches, within the frame."""
        return Box(
            max(self.top - reach, 0),
            min(self.bottom + reach, height),
            max(self.left - reach, 0),
            min(self.right + reach, width),
        )
