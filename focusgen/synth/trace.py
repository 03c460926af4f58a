"""Rays against simple bodies: the nearest hit, its exact z-depth, and the light it sends.

Camera frame: x right, y down, z forward, metres; a ray has direction (x, y, 1), so the parameter of a hit
*is* its z-depth, also for rays that start away from the lens centre (the lens lies in the plane z = 0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.synth.shapes import FLAT_KINDS, NEAR_M, Kind, PlacedShape
from focusgen.synth.texture import texture_colour

Array = npt.NDArray[Any]

AMBIENT, SKY, KEY = 0.30, 0.22, 0.58
"""Shares of light from everywhere, from above, and of the key light; they sum to 1.1 at most."""


CONTACT_SHADE = 0.6
"""Share of light that is lost right under a thing that stands on a body."""


class Rays(NamedTuple):
    """Rays on (K, h, w) pixels: slopes x and y, and the point of the lens that they start from.

    Attributes:
        x: slope to the right per metre forward; anything that broadcasts to (K, h, w).
        y: slope downwards.
        lens: (x, y) on the lens in metres, or None for rays through the lens centre.
    """

    x: Array
    y: Array
    lens: tuple[Array, Array] | None = None


class Hits(NamedTuple):
    """Nearest hits: z-depth (inf where nothing is hit) and number of the shape (-1)."""

    depth_m: Array
    number: npt.NDArray[np.int16]


def nearest_hits(placed: list[PlacedShape], rays: Rays, regions: list[tuple[slice, slice]]) -> Hits:
    """Return the nearest hit of every ray.

    Args:
        rays: (K, h, w) rays.
        regions: per body, the rows and columns outside which no ray can meet it.
    """
    shape = np.broadcast_shapes(rays.x.shape, rays.y.shape)
    depth_m = np.full(shape, np.inf, dtype=rays.x.dtype)
    index = np.full(shape, -1, dtype=np.int16)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for number, (body, region) in enumerate(zip(placed, regions, strict=True)):
            part = (slice(None), *region)
            here = depth_m[part]
            if here.size == 0:
                continue
            origin, direction = _to_local(body, _crop(rays, region))
            hit_m = _INTERSECT[body.shape.kind](origin, direction)
            nearer = (hit_m < here) & (hit_m > NEAR_M)
            np.copyto(here, hit_m, where=nearer)
            np.copyto(index[part], np.int16(number), where=nearer)
    return Hits(depth_m, index)


def light_of_hits(
    placed: list[PlacedShape], rays: Rays, hits: Hits, regions: list[tuple[slice, slice]]
) -> Array:
    """Return (3, K, h, w) linear light of the hits; 0 where nothing is hit."""
    light = np.zeros((3, *hits.depth_m.shape), dtype=hits.depth_m.dtype)
    for number, (body, region) in enumerate(zip(placed, regions, strict=True)):
        part = (slice(None), *region)
        mine = hits.number[part] == number
        if not mine.any():
            continue
        point = points_of_hits(body, _crop(rays, region), hits.depth_m[part], mine)
        colour = _lit_colour(body, point)
        for channel in range(3):
            light[channel][part][mine] = colour[channel]
    return light


def points_of_hits(body: PlacedShape, rays: Rays, depth_m: Array, mine: Array) -> list[Array]:
    """Return the hit points of the rays in `mine` in the body's unit frame, three arrays of n."""
    n = mine.shape
    z = depth_m[mine]
    x = np.broadcast_to(rays.x, n)[mine] * z
    y = np.broadcast_to(rays.y, n)[mine] * z
    if rays.lens is not None:
        x += np.broadcast_to(rays.lens[0], n)[mine]
        y += np.broadcast_to(rays.lens[1], n)[mine]
    rows, offset = body.matrix.tolist(), body.offset.tolist()
    return [x * a + y * b + z * c + o for (a, b, c), o in zip(rows, offset, strict=True)]


def _crop(rays: Rays, region: tuple[slice, slice]) -> Rays:
    lens = None if rays.lens is None else (_cut(rays.lens[0], region), _cut(rays.lens[1], region))
    return Rays(_cut(rays.x, region), _cut(rays.y, region), lens)


def _cut(values: Array, region: tuple[slice, slice]) -> Array:
    """Cut rows and columns of an array that may have one row or column only."""
    rows = region[0] if values.shape[1] > 1 else slice(None)
    columns = region[1] if values.shape[2] > 1 else slice(None)
    return values[:, rows, columns]


def _to_local(body: PlacedShape, rays: Rays) -> tuple[list[Any], list[Array]]:
    """Return origin and direction of rays in the body's unit frame."""
    direction, origin = [], []
    for (a, b, c), offset in zip(body.matrix.tolist(), body.offset.tolist(), strict=True):
        direction.append((rays.x * a + c) + rays.y * b)
        start: Any = offset
        if rays.lens is not None:
            start = rays.lens[0] * a + offset + rays.lens[1] * b
        origin.append(start)
    return origin, direction


def _hit_plane(o: list[Any], d: list[Array]) -> tuple[Array, Array, Array]:
    """Return the hit with the body's plane and where it lies in it."""
    hit = -o[2] / d[2]
    return hit, o[0] + hit * d[0], o[1] + hit * d[1]


def _only_where(inside: Array, hit: Array) -> Array:
    return np.where(inside, hit, np.inf).astype(hit.dtype, copy=False)


def _hit_rectangle(o: list[Any], d: list[Array]) -> Array:
    hit, x, y = _hit_plane(o, d)
    return _only_where((np.abs(x) <= 1.0) & (np.abs(y) <= 1.0), hit)


def _hit_disc(o: list[Any], d: list[Array]) -> Array:
    hit, x, y = _hit_plane(o, d)
    return _only_where(x * x + y * y <= 1.0, hit)


def _hit_leaf(o: list[Any], d: list[Array]) -> Array:
    hit, x, y = _hit_plane(o, d)
    return _only_where(np.abs(x) + y * y <= 1.0, hit)


def _hit_ellipsoid(o: list[Any], d: list[Array]) -> Array:
    a = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    middle = (d[0] * o[0] + d[1] * o[1] + d[2] * o[2]) / -a
    # Through the closest point to the centre: |o|^2 - 1 would cancel for a small far body in float32.
    miss = sum((o[k] + middle * d[k]) ** 2 for k in range(3))
    inside = 1.0 - miss
    return _only_where(inside > 0.0, middle - np.sqrt(inside / a))


def _hit_box(o: list[Any], d: list[Array]) -> Array:
    enter, leave = _slab(o[0], d[0])
    for axis in (1, 2):
        near, far = _slab(o[axis], d[axis])
        np.maximum(enter, near, out=enter)
        np.minimum(leave, far, out=leave)
    return _only_where(enter <= leave, enter)


def _hit_cylinder(o: list[Any], d: list[Array]) -> Array:
    a = d[0] * d[0] + d[2] * d[2]
    middle = (d[0] * o[0] + d[2] * o[2]) / -a
    inside = 1.0 - (o[0] + middle * d[0]) ** 2 - (o[2] + middle * d[2]) ** 2
    half = np.sqrt(inside / a)  # NaN outside: every comparison below is then false
    enter, leave = _slab(o[1], d[1])
    enter, leave = np.maximum(enter, middle - half), np.minimum(leave, middle + half)
    return _only_where(enter <= leave, enter)


def _slab(o: float | Array, d: Array) -> tuple[Array, Array]:
    inverse = 1.0 / d
    first, second = (-1.0 - o) * inverse, (1.0 - o) * inverse
    return np.minimum(first, second), np.maximum(first, second)


_INTERSECT: dict[Kind, Callable[[list[Any], list[Array]], Array]] = {
    "rectangle": _hit_rectangle,
    "disc": _hit_disc,
    "leaf": _hit_leaf,
    "ellipsoid": _hit_ellipsoid,
    "box": _hit_box,
    "cylinder": _hit_cylinder,
}


def _lit_colour(body: PlacedShape, point: list[Array]) -> Array:
    """Return (3, n) light of n points: texture times Lambert, the same for every direction of view."""
    material, half = body.shape.material, body.shape.half_sizes().tolist()
    metres = [p * h for p, h in zip(point, half, strict=True)]
    if body.shape.kind in FLAT_KINDS:
        metres[2] = np.zeros_like(metres[0])  # exactly in its plane: rounding must not choose the texture
    colour = texture_colour(material, *metres)
    if material.glow < 1.0:
        lit = _lambert(body, point, half)
        colour *= lit if material.glow == 0.0 else material.glow + (1.0 - material.glow) * lit
    for x_m, y_m, z_m, radius_m in body.contacts:
        squared = (metres[0] - x_m) ** 2 + (metres[1] - y_m) ** 2 + (metres[2] - z_m) ** 2
        colour *= 1.0 - CONTACT_SHADE * np.exp(squared * (-1.0 / radius_m**2))
    return np.clip(colour, 0.0, 1.0)


def _lambert(body: PlacedShape, point: list[Array], half: list[float]) -> float | Array:
    """Return ambient, sky and key light on the points' normals."""
    kind = body.shape.kind
    if kind in FLAT_KINDS:
        # Both sides shine alike: which one faces a lens point must not matter.
        return AMBIENT + KEY * abs(body.light[2]) + SKY * (0.5 + 0.5 * abs(body.up[2]))
    normal = [p * (1.0 / h) for p, h in zip(point, half, strict=True)]
    if kind == "box":
        return _box_lambert(body, point)
    if kind == "cylinder":
        normal[1] = np.zeros_like(point[1])
    inverse = 1.0 / np.sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2])
    key = sum(n * c for n, c in zip(normal, body.light, strict=True)) * inverse
    sky = sum(n * c for n, c in zip(normal, body.up, strict=True)) * inverse
    lit = AMBIENT + KEY * np.maximum(key, 0.0) + SKY * (0.5 + 0.5 * sky)
    if kind == "cylinder":
        cap = AMBIENT + KEY * np.maximum(np.sign(point[1]) * body.light[1], 0.0)
        cap += SKY * (0.5 + 0.5 * np.sign(point[1]) * body.up[1])
        lit = np.where(np.abs(point[1]) > 1.0 - 1e-4, cap, lit)
    return lit.astype(point[0].dtype, copy=False)


def _box_lambert(body: PlacedShape, point: list[Array]) -> Array:
    """Return the light of the face that each point lies on."""
    size = [np.abs(p) for p in point]
    axis = np.where(size[0] >= size[1], 0, 1)
    axis = np.where(size[2] > np.maximum(size[0], size[1]), 2, axis)
    table = np.empty(6, dtype=point[0].dtype)
    for k in range(3):
        for positive in (0, 1):
            sign = 2.0 * positive - 1.0
            key, sky = max(sign * body.light[k], 0.0), sign * body.up[k]
            table[2 * k + positive] = AMBIENT + KEY * key + SKY * (0.5 + 0.5 * sky)
    side = np.choose(axis, point) > 0.0
    lit: Array = table[2 * axis + side]
    return lit
