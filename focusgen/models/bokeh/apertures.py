"""Blur by openings that are no discs: polygons of blades, and cat's eyes that change over the frame.

A cat's eye differs from pixel to pixel. It is drawn at the knots of a grid, and every pixel blends the blurs
of the four knots around it.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from focusgen.models.bokeh.discs import SAMPLES_ACROSS, SUBSAMPLES, Span, convolve_disc, disc_reach_px, wanted
from focusgen.optics.aperture import Aperture

GRID_CELLS = 4
"""Cells of the grid along each side of the frame; 6 change the picture by less than the truth is noisy."""

PIXEL_VARIANCE = 1.0 / 12.0

Field = tuple[float, float]
CENTRE: Field = (0.0, 0.0)


def blur_reach_px(signed_radius_px: float, aperture: Aperture) -> int:
    """Return how many pixels a plane's blur reaches beyond each of its pixels."""
    if aperture.kind == "disc":
        return disc_reach_px(abs(signed_radius_px))
    return max(0, math.ceil(_drawn_radius_px(abs(signed_radius_px), aperture) * aperture.reach - 0.5))


@lru_cache(maxsize=64)
def _axis_variance(aperture: Aperture) -> float:
    """Return the variance of the shape along one axis, its disc having the radius 1."""
    axis = torch.linspace(-aperture.reach, aperture.reach, 801, dtype=torch.float64)
    inside = aperture.contains(axis[None, :], axis[:, None]).double()
    return float((inside * axis[None, :] ** 2).sum() / inside.sum())


def _drawn_radius_px(radius_px: float, aperture: Aperture) -> float:
    # Sampling by pixel areas adds their variance; the blur as a whole shall have that of the shape.
    return math.sqrt(max(radius_px * radius_px - PIXEL_VARIANCE / _axis_variance(aperture), 0.0))


@lru_cache(maxsize=1024)
@torch.inference_mode(False)
def aperture_kernel(signed_radius_px: float, aperture: Aperture, field: Field = CENTRE) -> Tensor:
    """Return the unit-sum kernel of one plane at one place of the frame, float64 on the CPU.

    Args:
        signed_radius_px: + nearer than the focus plane, where the shape stands on its head.
        field: the place from the centre of the frame, 1 in its corner.
    """
    reach, radius = blur_reach_px(signed_radius_px, aperture), abs(signed_radius_px)
    if reach == 0:
        return torch.ones(1, 1, dtype=torch.float64)
    n = min(max(SAMPLES_ACROSS // (2 * reach + 1), SUBSAMPLES[0]), SUBSAMPLES[1])
    offsets = (torch.arange(n, dtype=torch.float64) + 0.5) / n - 0.5
    axis = (torch.arange(-reach, reach + 1, dtype=torch.float64)[:, None] + offsets).reshape(-1)
    axis = axis / _drawn_radius_px(radius, aperture) * (-1.0 if signed_radius_px > 0 else 1.0)
    inside = aperture.contains(axis[None, :], axis[:, None], field).double()
    covered = F.avg_pool2d(inside[None, None], n)[0, 0]
    kernel: Tensor = covered / covered.sum()
    return kernel


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _spectrum(
    signed_radius_px: float,
    aperture: Aperture,
    field: Field,
    size: tuple[int, int],
    device: str,
) -> Tensor:
    kernel = aperture_kernel(signed_radius_px, aperture, field).to(device)
    reach = kernel.shape[0] // 2
    canvas = torch.zeros(size, dtype=torch.float64, device=device)
    offsets = torch.arange(-reach, reach + 1, device=device)
    canvas.index_put_(((offsets % size[0])[:, None], (offsets % size[1])[None, :]), kernel, accumulate=True)
    spectrum: Tensor = torch.fft.rfft2(canvas).to(torch.complex64)
    return spectrum


def convolve_aperture(
    x: Tensor, signed_radius_px: float, aperture: Aperture, rows: Span, columns: Span, frame: tuple[int, int]
) -> Tensor:
    """Return the wanted results of a plane's blur; samples outside the given ones are 0.

    Args:
        x: (..., rows.stop - rows.start, columns.stop - columns.start) float32.
        signed_radius_px: of the plane.
        rows: the given and the wanted rows.
        columns: the given and the wanted columns.
        frame: (height, width) of the frame.

    Returns:
        (..., rows.last - rows.first, columns.last - columns.first).
    """
    if aperture.kind == "disc":
        return convolve_disc(x, abs(signed_radius_px), rows, columns)
    if aperture.kind == "polygon":
        return _convolve(x, signed_radius_px, aperture, rows, columns, [CENTRE])[0]
    out = x.new_zeros(*x.shape[:-2], rows.last - rows.first, columns.last - columns.first)
    half_diagonal = 0.5 * math.hypot(*frame)
    for down, across in itertools.product(_cells(rows, frame[0]), _cells(columns, frame[1])):
        reach = blur_reach_px(signed_radius_px, aperture)
        near_rows, near_columns = down.needed(rows, reach), across.needed(columns, reach)
        part = x[..., near_rows.start - rows.start : near_rows.stop - rows.start, :]
        part = part[..., near_columns.start - columns.start : near_columns.stop - columns.start]
        knots = itertools.product(down.knots(frame[0]), across.knots(frame[1]))
        fields = [(column / half_diagonal, row / half_diagonal) for row, column in knots]
        blurs = _convolve(part, signed_radius_px, aperture, near_rows, near_columns, fields)
        v, u = down.blend(x)[:, None], across.blend(x)[None, :]
        blended = (1 - v) * ((1 - u) * blurs[0] + u * blurs[1]) + v * ((1 - u) * blurs[2] + u * blurs[3])
        top, left = down.first - rows.first, across.first - columns.first
        out[..., top : top + down.last - down.first, left : left + across.last - across.first] = blended
    return out


class _Cell(NamedTuple):
    """The wanted part [first, last) of one cell [start, stop) of the grid, along one axis."""

    start: int
    stop: int
    first: int
    last: int

    def needed(self, given: Span, reach: int) -> Span:
        """Return the samples that its results need, of those given."""
        start = min(max(given.start, self.first - reach), given.stop - 1)
        stop = max(min(given.stop, self.last + reach), start + 1)
        return Span(start, stop, self.first, self.last)

    def knots(self, side: int) -> tuple[float, float]:
        """Return where its knots lie from the centre of the frame, pixels."""
        return self.start - side / 2, self.stop - side / 2

    def blend(self, like: Tensor) -> Tensor:
        """Return the weight of the second knot at each wanted pixel."""
        places = torch.arange(self.first, self.last, dtype=like.dtype, device=like.device)
        return (places + 0.5 - self.start) / (self.stop - self.start)


def _cells(span: Span, side: int) -> list[_Cell]:
    knots = [round(number * side / GRID_CELLS) for number in range(GRID_CELLS + 1)]
    cells = [
        _Cell(start, stop, max(start, span.first), min(stop, span.last))
        for start, stop in itertools.pairwise(knots)
    ]
    return [cell for cell in cells if cell.first < cell.last]


def _convolve(
    x: Tensor, signed_radius_px: float, aperture: Aperture, rows: Span, columns: Span, fields: list[Field]
) -> list[Tensor]:
    """Return the wanted results of the blur of each of some places of the frame."""
    reach = blur_reach_px(signed_radius_px, aperture)
    size = (rows.fft_length(reach), columns.fft_length(reach))
    spectrum = torch.fft.rfft2(x, s=size)
    results = []
    for field in fields:
        kernel = _spectrum(signed_radius_px, aperture, field, size, str(x.device))
        results.append(wanted(torch.fft.irfft2(spectrum * kernel, s=size), rows, columns))
    return results
