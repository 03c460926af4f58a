"""Whether given numbers are depth along the axis, by the planes of the scene: floors, walls, table tops.

On a plane 1 / depth is an affine function of the place in the picture. Of inverse depth and disparity the
numbers themselves are, of distances along the rays 1 / distance times the length of the ray in some camera.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SIDE = 16
"""Rows and columns of points of a patch."""

PATCHES_ALONG = 8
"""So many small patches side by side span the long side; large ones are twice their size."""

SMALL, LARGE = 2.5, 1.5
"""How much better one law has to fit a small, a large patch than the other, to have its vote."""

PLANAR, BENT = 0.01, 0.002
"""Errors of a fit, as part of the numbers: at most of the law that wins, at least of the one that loses."""

MIN_INVERSE_SHARE, MIN_ODDS = 0.02, 4.0
"""Votes for inverse depth: of all patches, and against those for depth.

Of 97 scenes (procedural, spheres, terrain, a measured one), each as exact, rounded, noisy and three kinds of
wavy depth, none reaches them; as inverse depth 29 of 30 with floors do, with .3 % of noise 21, with waves of
5 % over a sixth of the picture 26, over a twentieth none.
"""

MIN_SAME_BEND, MIN_BENT_SHARE = 0.75, 0.03
"""Rays: patches that tell one camera, of those that tell a bend, and of all.

As distances along rays all 40 scenes with planes reach them, exact or of whole millimetres; as depth none,
nor with .3 % of noise. Curved bodies, whose bends differ, have .6 of one at most.
"""

ONE_RAMP, RAMP_SHARE = 0.01, 0.5
"""Numbers so near to a ramp are it; one over so much of the picture is made up, and tells nothing."""

BENDS = np.geomspace(0.6, 16.0, 60)
"""(long side / focal length)^2 of cameras from 42 to 127 degrees; narrower ones hardly bend."""

BEND_STEP, PLANAR_RAYS = 0.1, 0.003

_AXIS = np.linspace(-1.0, 1.0, SIDE)
_AFFINE = np.stack([np.ones(SIDE * SIDE), *(g.ravel() for g in np.meshgrid(_AXIS, _AXIS))], axis=1)
_SLOPES = np.linalg.pinv(_AFFINE)[1:].T
_ON_PLANE = _AFFINE @ np.linalg.pinv(_AFFINE)
"""Values of a patch -> those of the affine function that fits them best."""


@dataclass
class _Votes:
    """Patches that were looked at; those for a law; parts of maps that are one ramp; bends that were told."""

    n: int = 0
    inverse: int = 0
    depth: int = 0
    ramps: tuple[float, ...] = ()
    bends: tuple[float, ...] = ()

    def look_inverse(self) -> bool:
        """Say whether the planes are those of inverse depth, and no single ramp over the picture."""
        is_ramp = max(self.ramps, default=0.0) >= RAMP_SHARE
        return not is_ramp and self.inverse > max(MIN_INVERSE_SHARE * self.n, MIN_ODDS * self.depth)


def plane_texts(maps_m: Iterable[npt.NDArray[Any]]) -> Iterator[str]:
    """Yield what to say of maps whose planes are planes only if the numbers are no depth along the axis.

    Args:
        maps_m: (H, W) as read, without any resize, which would bend planes; NaN for holes.
    """
    votes, long_side_px = _Votes(), 0
    for map_m in maps_m:
        long_side_px = max(map_m.shape)
        spacing = max(1, long_side_px // (PATCHES_ALONG * SIDE))
        for step, better in ((spacing, SMALL), (2 * spacing, LARGE)):
            _look(map_m[::step, ::step], better, votes)
    if votes.look_inverse():
        yield (
            "these numbers look like inverse depth or disparity: they change evenly along floors and walls "
            f"({votes.inverse} of {votes.n} patches; as depth does: {votes.depth}). What MiDaS and most "
            "depth networks give is relative inverse depth, which no scale makes metric: its labels would "
            "mean nothing. Depth in metres is focal length in px x baseline in m / disparity in px"
        )
    yield from _ray_texts(votes, long_side_px)


def _ray_texts(votes: _Votes, long_side_px: int) -> Iterator[str]:
    bends = np.array(votes.bends)
    of_one = [np.abs(bends - bend) < BEND_STEP * bend for bend in BENDS]
    same = max(of_one, key=np.count_nonzero)
    if np.count_nonzero(same) < max(MIN_SAME_BEND * bends.size, MIN_BENT_SHARE * votes.n, 1):
        return
    focal_px = long_side_px / np.sqrt(np.median(bends[same]))
    yield (
        "these numbers look like distances along the rays: floors and walls are planes only so "
        f"({np.count_nonzero(same)} of {votes.n} patches), for a camera of about {focal_px:.0f} px. If they "
        "are, say --depth.ray_distance_focal_px with its focal length in pixels of the depth map"
    )


def _look(map_m: npt.NDArray[Any], better: float, votes: _Votes) -> None:
    """Add the votes of the patches of a map without holes in them."""
    if min(map_m.shape) < SIDE:
        return
    values, radius2 = _patches(map_m)
    whole = np.isfinite(values).all(axis=1) & (values > 0).all(axis=1)
    values, radius2 = values[whole], radius2[whole]
    as_inverse, as_depth = _misfit(values), _misfit(1.0 / values)
    votes.n += len(values)
    are_inverse = _has_won(as_inverse, as_depth, better)
    votes.inverse += int(are_inverse.sum())
    if are_inverse.any():
        votes.ramps += (_ramp_share(map_m, np.median(values[are_inverse] @ _SLOPES, axis=0)),)
    votes.depth += int(_has_won(as_depth, as_inverse, better).sum())
    votes.bends += tuple(_bends(1.0 / values, radius2))


def _has_won(mine: Floats, other: Floats, better: float) -> npt.NDArray[np.bool_]:
    return (mine < PLANAR) & (other > BENT) & (mine * better < other)


def _ramp_share(map_m: npt.NDArray[Any], slope: Floats) -> float:
    """Return the part of a map that is one ramp of a slope (along x and y, per half side of a patch)."""
    y, x = np.mgrid[: map_m.shape[0], : map_m.shape[1]] * (2.0 / (SIDE - 1))
    level = map_m - slope[0] * x - slope[1] * y
    return float(np.mean(np.abs(level - np.nanmedian(level)) < ONE_RAMP * map_m))


def _patches(map_m: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Return (n, points) of patches that overlap by half, and their squared distance from the centre.

    In parts of the long side.
    """
    rows, columns = map_m.shape
    y, x = np.arange(rows) - (rows - 1) / 2.0, np.arange(columns) - (columns - 1) / 2.0
    radius2 = (y[:, None] ** 2 + x[None, :] ** 2) / max(rows, columns) ** 2
    cut = [
        np.lib.stride_tricks.sliding_window_view(m, (SIDE, SIDE))[:: SIDE // 2, :: SIDE // 2]
        for m in (map_m.astype(np.float64), radius2)
    ]
    values, radius2 = (windows.reshape(-1, SIDE * SIDE) for windows in cut)
    return values, radius2


def _misfit(values: Floats) -> Floats:
    """Return how far each patch is from an affine function, root mean square, as part of its values."""
    return np.asarray(np.sqrt(np.mean((values @ _ON_PLANE / values - 1.0) ** 2, axis=1)))


def _bends(inverse: Floats, radius2: Floats) -> Floats:
    """Return the bend k of each patch that tells one: 1 / distance x sqrt(1 + k radius^2) is affine."""
    bend = np.zeros(len(inverse))
    for _ in range(4):
        flat, rest, slope = _bent(inverse, radius2, bend)
        bend = np.clip(bend - (rest * slope).sum(1) / np.maximum((slope * slope).sum(1), 1e-300), -3.0, 30.0)
    flat, rest, slope = _bent(inverse, radius2, bend)
    error = 4.0 * np.sqrt((rest**2).mean(1) / np.maximum((slope**2).sum(1), 1e-300))  # neighbours err alike
    is_told = (error < BEND_STEP * np.maximum(np.abs(bend), 0.5)) & (_misfit(flat) < PLANAR_RAYS)
    return np.asarray(bend[is_told])


def _bent(inverse: Floats, radius2: Floats, bend: Floats) -> tuple[Floats, Floats, Floats]:
    """Return patches at a bend; what is not affine of them, and of their change with the bend."""
    length = np.sqrt(np.maximum(1.0 + bend[:, None] * radius2, 0.1))
    flat, slope = inverse * length, inverse * radius2 / (2.0 * length)
    return flat, flat - flat @ _ON_PLANE, slope - slope @ _ON_PLANE
