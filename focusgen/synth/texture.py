"""Solid textures of the procedural scenes: what colour a point of a body has, in linear light.

A texture is a function of the point in the body's own frame, so the colour sticks to the body and does not
depend on where it is looked at from: every point of a lens sees the same colour, which is what makes
traced blur exact. Patterns have soft steps, as print and paint have: a hard step everywhere is more than any
camera resolves, and no warp of a frame by its exact flow would fit the next frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Colour = tuple[float, float, float]
Vector = tuple[float, float, float]
Pattern = Literal["noise", "checker", "stripe", "dots", "brick", "planks", "leaf", "plain"]

LATTICE_BITS = 6
LATTICE = 1 << LATTICE_BITS
"""Value noise repeats after this many cells: 64 hashed values per axis stay in the cache."""

LATTICE_TURN = ((0.36, 0.48, -0.8), (-0.8, 0.6, 0.0), (0.48, 0.64, 0.6))
"""Rotation of the noise lattice: a wall along its axes would show its squares."""

OCTAVE_RATIO = 2.17
"""Not 2, so that the lattices of two octaves never line up."""


@dataclass(frozen=True)
class Material:
    """The look of one body.

    Attributes:
        pattern: how the two colours share the surface.
        first: linear RGB.
        second: linear RGB.
        period_m: length after which the pattern repeats (noise: size of a blotch; checker: of a square).
        grain: relative strength of the fine noise that lies over the pattern, 0..1.
        grain_m: size of a grain.
        direction: axis of stripes in the body's frame; need not be of unit length.
        glow: 0 for a lit surface, 1 for one that shows its colour whatever the light.
        seed: shifts the noise.
    """

    pattern: Pattern
    first: Colour
    second: Colour
    period_m: float
    grain: float = 0.35
    grain_m: float = 0.01
    direction: Vector = (1.0, 0.0, 0.0)
    glow: float = 0.0
    seed: int = 0


def texture_colour(material: Material, x_m: Array, y_m: Array, z_m: Array) -> Array:
    """Return (3, n) linear RGB at n points of the body's frame, metres; float32, unlit."""
    share = _PATTERNS[material.pattern](material, x_m, y_m, z_m)
    gain: Any = 1.0
    if material.grain > 0.0:
        fine = fractal_noise(x_m, y_m, z_m, 1.4 * material.grain_m, material.seed + 17)
        gain = 1.0 + (2.0 * material.grain) * (fine - 0.5)
    colour = np.empty((3, *x_m.shape), dtype=x_m.dtype)
    for channel, (a, b) in enumerate(zip(material.first, material.second, strict=True)):
        np.multiply(share, b - a, out=colour[channel])
        colour[channel] += a
        colour[channel] *= gain
    return colour


def fractal_noise(x_m: Array, y_m: Array, z_m: Array, cell_m: float, seed: int, octaves: int = 2) -> Array:
    """Return smooth noise in 0..1 with mean 0.5; each octave is finer and weaker."""
    total, weight, norm = None, 1.0, 0.0
    for octave in range(octaves):
        layer = value_noise(x_m, y_m, z_m, cell_m, seed + 101 * octave)
        total = layer if total is None else total + weight * layer
        norm += weight
        weight *= 0.6
        cell_m /= OCTAVE_RATIO
    assert total is not None
    return total / norm


def value_noise(x_m: Array, y_m: Array, z_m: Array, cell_m: float, seed: int) -> Array:
    """Return one octave of value noise: hashed lattice values, smoothly interpolated, in 0..1."""
    table = lattice_values()
    low, high, share = [], [], []
    for axis, (a, b, c) in enumerate(LATTICE_TURN):
        # An irrational-looking offset per seed and axis: bodies do not share their pattern, and no
        # surface lies on a lattice plane.
        offset = (seed % 9973) * (0.7548776, 0.5698403, 0.4301597)[axis] + 0.318
        position = x_m * (a / cell_m) + y_m * (b / cell_m) + z_m * (c / cell_m) + offset
        cell = np.floor(position)
        fraction = position - cell
        share.append(fraction * fraction * (3.0 - 2.0 * fraction))
        index = cell.astype(np.int32)
        stride = LATTICE_BITS * (2 - axis)
        low.append((index & (LATTICE - 1)) << stride)
        high.append(((index + 1) & (LATTICE - 1)) << stride)
    near = _face(table, low[0], low, high, share)
    far = _face(table, high[0], low, high, share)
    near += share[0] * (far - near)
    return near


def _face(table: Array, first: Array, low: list[Array], high: list[Array], share: list[Array]) -> Array:
    """Interpolate the four lattice values of one face of the cell."""
    bottom, top = first + low[1], first + high[1]
    a, b = table.take(bottom + low[2]), table.take(bottom + high[2])
    a += share[2] * (b - a)
    c, d = table.take(top + low[2]), table.take(top + high[2])
    c += share[2] * (d - c)
    a += share[1] * (c - a)
    return a


@lru_cache(maxsize=1)
def lattice_values() -> npt.NDArray[np.float32]:
    """Return the 64^3 lattice values in 0..1, from an integer hash of the lattice point; read-only."""
    word = np.arange(LATTICE**3, dtype=np.uint64)
    word = (word + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    word ^= word >> np.uint64(29)
    word *= np.uint64(0x94D049BB133111EB)
    word ^= word >> np.uint64(32)
    values = ((word & np.uint64(0xFFFFFF)).astype(np.float32)) * np.float32(2.0**-24)
    values.setflags(write=False)
    return values


def _noise_share(material: Material, x: Array, y: Array, z: Array) -> Array:
    return _ramp(fractal_noise(x, y, z, material.period_m, material.seed), 0.28, 0.72)


def _plain_share(material: Material, x: Array, y: Array, z: Array) -> Array:
    return value_noise(x, y, z, material.period_m, material.seed)


def _checker_share(material: Material, x: Array, y: Array, z: Array) -> Array:
    # The offsets keep flat bodies (z = 0) and faces of boxes away from the planes where the squares meet.
    scale = 0.5 / material.period_m
    product = _wave(x * scale + 0.263, 0.1) * _wave(y * scale + 0.391, 0.1) * _wave(z * scale + 0.483, 0.1)
    return 0.5 + 0.5 * product


def _stripe_share(material: Material, x: Array, y: Array, z: Array) -> Array:
    a, b, c = _unit(material.direction)
    return 0.5 + 0.5 * _wave((x * a + y * b + z * c) * (1.0 / material.period_m) + 0.173, 0.2)


def _dots_share(material: Material, x: Array, y: Array, z: Array) -> Array:
    squared = np.zeros_like(x)
    for coordinate in (x, y, z):
        offset = coordinate * (1.0 / material.period_m) + 0.5
        offset -= np.floor(offset) + 0.5
        squared += offset * offset
    return 1.0 - _ramp(squared, 0.06, 0.12)


def _brick_share(material: Material, x: Array, y: Array, z: Array) -> Array:
    """Return the second colour in the joints, and a tone of its own for each brick."""
    height, width = material.period_m / 3.0, material.period_m
    down = y * (1.0 / height) + 0.21
    row = np.floor(down)
    along = (x + z) * (1.0 / width) + 0.5 * (row - 2.0 * np.floor(0.5 * row)) + 0.37
    column = np.floor(along)
    tone = 0.35 * _cell_tone(column, row, material.seed)
    joint_m = np.minimum(_to_edge(down - row) * height, _to_edge(along - column) * width)
    return tone + (0.7 - tone) * (1.0 - _ramp(joint_m, 0.01 * width, 0.055 * width))


def _planks_share(material: Material, x: Array, y: Array, z: Array) -> Array:
    """Return wooden planks along the body's y axis: a tone per plank, year rings along it, dark joints."""
    across = x * (1.0 / material.period_m) + 0.29
    plank = np.floor(across)
    shift = 13.7 * material.period_m * plank
    ring = value_noise(x * 3.0, y + shift, z * 3.0, material.period_m * 2.0, material.seed)
    tone = 0.25 + 0.17 * _wave(4.0 * ring + 1.5 * (across - plank), 0.45)
    tone += 0.40 * _cell_tone(plank, plank * 0.0, material.seed)
    return tone + (1.0 - tone) * (1.0 - _ramp(_to_edge(across - plank), 0.01, 0.05))


def _leaf_share(material: Material, x: Array, y: Array, z: Array) -> Array:
    """Return a midrib along y with side veins; the rest varies softly."""
    side = np.abs(x)
    along = (y - 0.8 * side) * (1.0 / material.period_m) + 0.11
    vein = _ramp(_to_edge(along - np.floor(along)), 0.02, 0.20)
    rib = _ramp(side, 0.03 * material.period_m, 0.20 * material.period_m)
    soft = 0.45 * value_noise(x, y, z, material.period_m, material.seed)
    return soft + (0.75 - soft) * (1.0 - vein * rib)


def _wave(phase: Array, softness: float) -> Array:
    """Return a square wave of period 1 between -1 and 1 whose jumps are ramps of `softness` periods."""
    triangle = np.abs(2.0 * (phase - np.floor(phase)) - 1.0)
    return 2.0 * _ramp(triangle, 0.5 - softness, 0.5 + softness) - 1.0


def _to_edge(fraction: Array) -> Array:
    """Return the distance of a position within a cell (0..1) to the nearer end of the cell."""
    return 0.5 - np.abs(fraction - 0.5)


def _ramp(value: Array, low: float, high: float) -> Array:
    """Return a smooth step from 0 at `low` to 1 at `high`."""
    ramp = np.clip((value - low) * (1.0 / (high - low)), 0.0, 1.0)
    return ramp * ramp * (3.0 - 2.0 * ramp)


def _cell_tone(column: Array, row: Array, seed: int) -> Array:
    """Return a value in 0..1 for each cell of a plane, from the hashed lattice."""
    u = (column.astype(np.int32) + seed * 7) & (LATTICE - 1)
    v = (row.astype(np.int32) + seed * 3) & (LATTICE - 1)
    return lattice_values().take((u << (2 * LATTICE_BITS)) + (v << LATTICE_BITS) + 5)


def _unit(vector: Vector) -> Vector:
    length = float(np.sqrt(sum(v * v for v in vector)))
    return vector[0] / length, vector[1] / length, vector[2] / length


_PATTERNS: dict[Pattern, Callable[[Material, Array, Array, Array], Array]] = {
    "noise": _noise_share,
    "plain": _plain_share,
    "checker": _checker_share,
    "stripe": _stripe_share,
    "dots": _dots_share,
    "brick": _brick_share,
    "planks": _planks_share,
    "leaf": _leaf_share,
}
