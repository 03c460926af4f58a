"""Rays against simple bodies: the nearest hit, its exact z-depth, and the light it sends.

Camera frame: x right, y down, z forward, metres; a ray has direction (x, y, 1), so the parameter of a hit
*is* its z-depth, also for rays that start away from the lens centre (the lens lies in the plane z = 0).
Every body is a unit shape under an affine frame, so that one intersection per kind serves any size and turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.synth_texture import Material, Vector, texture_colour

Array = npt.NDArray[Any]
Kind = Literal["rectangle", "disc", "ellipsoid", "box", "cylinder"]

FLAT_KINDS: frozenset[Kind] = frozenset({"rectangle", "disc"})
NEAR_M = 0.05
"""Nothing of a scene may come closer to the camera; nearer hits are not hits."""

KEY_LIGHT: Vector = (-0.48, -0.72, -0.50)
"""Direction towards the light, in the world: from above left, behind the camera. Unit length within 1 %."""

AMBIENT, SKY, KEY = 0.30, 0.22, 0.58
"""Shares of light from everywhere, from above, and of the key light; they sum to 1.1 at most."""


@dataclass(frozen=True)
class Shape:
    """One body of a scene.

    Attributes:
        kind: rectangle and disc lie in the body's xy plane; a cylinder stands along its y axis.
        centre_m: position in the world.
        half_m: half sizes along the body's axes; the third of a flat body is not used.
        material: its look.
        turn_deg: yaw, pitch, roll: about y, then x, then z.
        sway_m: amplitude of a slow periodic movement, per axis of the world.
        sway_frames: its period.
        sway_phase: its phase, radians.
    """

    kind: Kind
    centre_m: Vector
    half_m: Vector
    material: Material
    turn_deg: Vector = (0.0, 0.0, 0.0)
    sway_m: Vector = (0.0, 0.0, 0.0)
    sway_frames: float = 40.0
    sway_phase: float = 0.0

    def centre_at(self, frame_index: int) -> Array:
        """Return where the centre is at a frame, float64."""
        angle = 2.0 * np.pi * frame_index / self.sway_frames + self.sway_phase
        centre: Array = np.asarray(self.centre_m) + np.asarray(self.sway_m) * np.sin(angle)
        return centre

    def half_sizes(self) -> Array:
        """Return the half sizes with a harmless third one for flat bodies."""
        a, b, c = self.half_m
        return np.array([a, b, 1.0 if self.kind in FLAT_KINDS else c])


@dataclass(frozen=True)
class Pose:
    """Where the camera stands: rotation (3, 3) from camera to world, position in the world, metres."""

    rotation: Array
    position_m: Array


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


@dataclass(frozen=True)
class PlacedShape:
    """A shape as one camera sees it: local = matrix @ camera + offset, and its box of slopes."""

    shape: Shape
    matrix: Array
    offset: Array
    light: Vector
    up: Vector
    slopes: tuple[float, float, float, float]
    depth_range_m: tuple[float, float]


class Hits(NamedTuple):
    """Nearest hits: z-depth (inf where nothing is hit) and number of the shape (-1)."""

    depth_m: Array
    number: npt.NDArray[np.int16]


def rotation_matrix(yaw_deg: float, pitch_deg: float, roll_deg: float = 0.0) -> Array:
    """Return the rotation for a yaw to the right, a pitch downwards and a roll clockwise."""
    yaw, pitch, roll = np.deg2rad([yaw_deg, pitch_deg, roll_deg])
    cy, sy, cp, sp, cr, sr = (
        np.cos(yaw),
        np.sin(yaw),
        np.cos(pitch),
        np.sin(pitch),
        np.cos(roll),
        np.sin(roll),
    )
    about_y = np.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cp, sp], [0.0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]])
    product: Array = about_y @ about_x @ about_z
    return product


def place(shape: Shape, frame_index: int, pose: Pose) -> PlacedShape:
    """Return a shape as the camera at `pose` sees it at one frame."""
    turn = rotation_matrix(*shape.turn_deg)
    half = shape.half_sizes()
    to_local = turn.T / half[:, None]
    offset = to_local @ (pose.position_m - shape.centre_at(frame_index))
    in_camera = pose.rotation.T @ turn * half  # columns: half axes seen from the camera
    centre = pose.rotation.T @ (shape.centre_at(frame_index) - pose.position_m)
    slopes, depth_range_m = _extent(shape.kind, in_camera, centre)
    return PlacedShape(
        shape=shape,
        matrix=to_local @ pose.rotation,
        offset=offset,
        light=_vector(turn.T @ np.asarray(KEY_LIGHT)),
        up=_vector(turn.T @ np.array([0.0, -1.0, 0.0])),
        slopes=slopes,
        depth_range_m=depth_range_m,
    )


def _extent(
    kind: Kind, axes: Array, centre: Array
) -> tuple[tuple[float, float, float, float], tuple[float, float]]:
    """Return the box of slopes (left, top, right, bottom) and the depth range that hold a body."""
    everywhere = (-np.inf, -np.inf, np.inf, np.inf)
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], dtype=float)
    if kind in FLAT_KINDS:
        signs[:, 2] = 0.0
    corners = signs @ axes.T + centre
    low, high = float(corners[:, 2].min()), float(corners[:, 2].max())
    if low < NEAR_M:
        return everywhere, (NEAR_M, max(high, 2.0 * NEAR_M))
    if kind in ("disc", "ellipsoid"):
        return _ellipse_slopes(axes if kind == "ellipsoid" else axes * [1.0, 1.0, 0.0], centre), (low, high)
    x, y = corners[:, 0] / corners[:, 2], corners[:, 1] / corners[:, 2]
    return (float(x.min()), float(y.min()), float(x.max()), float(y.max())), (low, high)


def _ellipse_slopes(axes: Array, centre: Array) -> tuple[float, float, float, float]:
    """Return the tight box around the image of an ellipsoid, from its dual conic."""
    dual = axes @ axes.T - np.outer(centre, centre)  # negative definite in its last entry: all of it in front
    bounds = []
    for axis in (0, 1):
        middle = dual[axis, 2] / dual[2, 2]
        spread = np.sqrt(max(middle * middle - dual[axis, axis] / dual[2, 2], 0.0))
        bounds.append((float(middle - spread), float(middle + spread)))
    return bounds[0][0], bounds[1][0], bounds[0][1], bounds[1][1]


def nearest_hits(placed: list[PlacedShape], rays: Rays, regions: list[tuple[slice, slice]]) -> Hits:
    """Return the nearest hit of every ray.

    Args:
        placed: the bodies.
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


def _hit_plane(o: list[Any], d: list[Array], *, is_round: bool) -> Array:
    hit = -o[2] / d[2]
    x, y = o[0] + hit * d[0], o[1] + hit * d[1]
    inside = x * x + y * y <= 1.0 if is_round else (np.abs(x) <= 1.0) & (np.abs(y) <= 1.0)
    return np.where(inside, hit, np.inf).astype(hit.dtype, copy=False)


def _hit_rectangle(o: list[Any], d: list[Array]) -> Array:
    return _hit_plane(o, d, is_round=False)


def _hit_disc(o: list[Any], d: list[Array]) -> Array:
    return _hit_plane(o, d, is_round=True)


def _hit_ellipsoid(o: list[Any], d: list[Array]) -> Array:
    a = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    middle = (d[0] * o[0] + d[1] * o[1] + d[2] * o[2]) / -a
    # Through the closest point to the centre: |o|^2 - 1 would cancel for a small far body in float32.
    miss = sum((o[k] + middle * d[k]) ** 2 for k in range(3))
    inside = 1.0 - miss
    return np.where(inside > 0.0, middle - np.sqrt(inside / a), np.inf).astype(a.dtype, copy=False)


def _hit_box(o: list[Any], d: list[Array]) -> Array:
    enter, leave = _slab(o[0], d[0])
    for axis in (1, 2):
        near, far = _slab(o[axis], d[axis])
        np.maximum(enter, near, out=enter)
        np.minimum(leave, far, out=leave)
    return np.where(enter <= leave, enter, np.inf).astype(enter.dtype, copy=False)


def _hit_cylinder(o: list[Any], d: list[Array]) -> Array:
    a = d[0] * d[0] + d[2] * d[2]
    middle = (d[0] * o[0] + d[2] * o[2]) / -a
    inside = 1.0 - (o[0] + middle * d[0]) ** 2 - (o[2] + middle * d[2]) ** 2
    half = np.sqrt(inside / a)  # NaN outside: every comparison below is then false
    enter, leave = _slab(o[1], d[1])
    enter, leave = np.maximum(enter, middle - half), np.minimum(leave, middle + half)
    return np.where(enter <= leave, enter, np.inf).astype(enter.dtype, copy=False)


def _slab(o: Any, d: Array) -> tuple[Array, Array]:
    inverse = 1.0 / d
    first, second = (-1.0 - o) * inverse, (1.0 - o) * inverse
    return np.minimum(first, second), np.maximum(first, second)


_INTERSECT: dict[Kind, Callable[[list[Any], list[Array]], Array]] = {
    "rectangle": _hit_rectangle,
    "disc": _hit_disc,
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
    return np.clip(colour, 0.0, 1.0)


def _lambert(body: PlacedShape, point: list[Array], half: list[float]) -> Any:
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


def _vector(values: Array) -> Vector:
    a, b, c = values.tolist()
    return a, b, c


@dataclass(frozen=True)
class CameraPath:
    """A hand-held camera: a pose and a slow bounded sway around it, the same for any number of frames.

    Attributes:
        position_m: middle of the path, in the world.
        yaw_deg: middle heading, to the right.
        pitch_deg: middle inclination, downwards.
        sway_m: amplitude per axis of the world.
        sway_deg: amplitude of yaw and pitch.
        period_frames: of the slowest component.
        phase: radians.
    """

    position_m: Vector = (0.0, 0.0, 0.0)
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    sway_m: Vector = (0.03, 0.01, 0.02)
    sway_deg: tuple[float, float] = (1.5, 0.6)
    period_frames: float = 60.0
    phase: float = 0.0

    def pose(self, frame_index: int) -> Pose:
        """Return where the camera stands at a frame."""
        angle = 2.0 * np.pi * frame_index / self.period_frames + self.phase
        waves = np.sin([angle, 1.7 * angle + 1.1, 0.8 * angle + 2.3])
        position_m = np.asarray(self.position_m) + np.asarray(self.sway_m) * waves
        yaw_deg = self.yaw_deg + self.sway_deg[0] * float(np.sin(0.9 * angle + 0.6))
        pitch_deg = self.pitch_deg + self.sway_deg[1] * float(np.sin(1.3 * angle + 4.0))
        return Pose(rotation_matrix(yaw_deg, pitch_deg), position_m)
