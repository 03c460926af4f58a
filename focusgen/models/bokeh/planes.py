"""Planes of equal blur: which radii a scene is cut into, and how much of each pixel lies on each plane."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

RUNGS_PX = (
    0.0,
    1.0,
    2.0,
    3.0,
    4.0,
    5.5,
    7.0,
    9.0,
    11.0,
    14.0,
    17.0,
    21.0,
    26.0,
    32.0,
    40.0,
    50.0,
    62.0,
    77.0,
    96.0,
)
"""Radii of the planes on each side of the focus plane; beyond the last, each is 1.25 times the one before."""

RUNG_GROWTH = 1.25
MERGE_FRACTION = 0.25
"""An end closer than this part of a step to the rung inside it takes that rung's place."""


def plane_ladder(lowest_px: float, highest_px: float) -> tuple[float, ...]:
    """Return the signed radii of the planes, nearest (most positive) first.

    Args:
        lowest_px: smallest signed radius of the scene.
        highest_px: largest signed radius of the scene.

    Returns:
        At least one radius; the first is `highest_px`, the last `lowest_px`. Between the sharp plane and
        1 px there are none: such blur is a blend of both, because a disc within one pixel blurs nothing.
    """
    if not lowest_px <= highest_px:
        raise ValueError(f"the lowest radius {lowest_px} px is above the highest {highest_px} px")
    lowest_px, highest_px = -_outwards(-lowest_px), _outwards(highest_px)
    far = [-radius for radius in _rungs(max(0.0, -lowest_px))]
    near = _rungs(max(0.0, highest_px))
    inside = [radius for radius in (*near, *far) if lowest_px < radius < highest_px]
    ladder = sorted({lowest_px + 0.0, *inside, highest_px}, reverse=True)
    return tuple(_without_crowding(ladder))


def _outwards(end_px: float) -> float:
    return float(math.ceil(end_px)) if abs(end_px) < 1.0 else end_px


def _rungs(limit_px: float) -> list[float]:
    beyond = itertools.accumulate(itertools.repeat(RUNG_GROWTH), lambda r, g: r * g, initial=RUNGS_PX[-1])
    endless = itertools.chain(RUNGS_PX[:-1], beyond)
    return list(itertools.takewhile(lambda radius: radius <= limit_px, endless))


def _without_crowding(ladder: list[float]) -> list[float]:
    """Drop a rung that stands right beside an end; the rung 0 stays, it is the sharp one."""
    kept = list(ladder)
    for end, inner, next_inner in ((0, 1, 2), (-1, -2, -3)):
        if len(kept) >= 3 and kept[inner] != 0.0:
            step = abs(kept[next_inner] - kept[inner])
            if abs(kept[end] - kept[inner]) < MERGE_FRACTION * step:
                del kept[inner]
    return kept


def plane_position(signed_radius_px: Tensor, ladder: tuple[float, ...]) -> Tensor:
    """Return the plane index of each pixel as a real number, 0 on the first plane.

    Linear in the signed square of the radius between two planes: the blend of two discs then has the
    second moment of the disc that was asked for.
    """
    rho = signed_radius_px.clamp(ladder[-1], ladder[0])
    if len(ladder) == 1:
        return rho * 0.0
    squares = _signed_squares(ladder, rho.dtype, str(rho.device))
    given = -rho * rho.abs()
    upper = torch.bucketize(given.detach(), squares[1:-1], right=True)
    return upper + (given - squares[upper]) / (squares[1:] - squares[:-1])[upper]


@lru_cache(maxsize=64)  # made once: a copy to a GPU makes the host wait
@torch.inference_mode(False)
def _signed_squares(ladder: tuple[float, ...], dtype: torch.dtype, device: str) -> Tensor:
    return torch.tensor([-radius * abs(radius) for radius in ladder], dtype=dtype, device=device)


def plane_weight(position: Tensor, index: int) -> Tensor:
    """Return how much of each pixel lies on one plane; over all planes this sums to 1."""
    return (1.0 - (position - index).abs()).clamp_min(0.0)


def planes_in_use(
    positions: tuple[Tensor, ...], n_planes: int
) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """Yield each plane that something lies on, with its bounding box (top, bottom, left, right).

    Args:
        positions: (H, W) plane indices; below -1 is nowhere.
        n_planes: how many planes there are.
    """
    height, width = positions[0].shape
    # Two spare entries take what lies on no plane.
    rows = torch.zeros(height, n_planes + 2, dtype=torch.bool)
    columns = torch.zeros(n_planes + 2, width, dtype=torch.bool)
    for position in positions:
        for neighbour in (position.floor(), position.ceil()):
            index = (neighbour + 2.0).clamp_min_(0.0).long()
            rows.scatter_(1, index, True)
            columns.scatter_(0, index, True)
    for plane in range(n_planes):
        sides = [where.nonzero()[:, 0] for where in (rows[:, plane + 2], columns[plane + 2])]
        if len(sides[0]):
            top, bottom, left, right = (int(side[end]) for side in sides for end in (0, -1))
            yield plane, (top, bottom + 1, left, right + 1)
