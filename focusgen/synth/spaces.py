"""Families of procedural scenes that go far into depth: a corridor and a village lane."""

from __future__ import annotations

import numpy as np

from focusgen.synth.parts import (
    LEAVES,
    PAINTS,
    PLASTERS,
    Built,
    Rng,
    backdrop,
    between,
    ground,
    material,
    painted,
    pick,
    side,
    spots,
    wall_material,
)
from focusgen.synth.shapes import CameraPath, Shape
from focusgen.synth.things import GARDEN_THINGS, tree


def corridor(rng: Rng) -> Built:
    """Return slanted walls far into depth, and a ball on a string near the camera."""
    side_m, floor_m, roof_m, far_m = between(rng, 0.95, 1.25), 0.95, -1.05, between(rng, 7.0, 9.0)
    things: list[Shape] = []
    for x, z in spots(rng, 6, (1.2, far_m - 1.0), 0.30, 0.5):
        if abs(x) < side_m - 0.35:
            size = between(rng, 0.12, 0.18) * (0.7 + 0.2 * z)
            things += GARDEN_THINGS[int(rng.integers(len(GARDEN_THINGS)))](rng, x, z, floor_m, size)
    pillars = _pillars(rng, side_m, floor_m, roof_m, far_m)
    tiles = material(rng, "checker", pick(rng, PAINTS), 0.32, grain=0.35, grain_m=0.06)
    wall, long_m = wall_material(rng, 0.42), far_m + 1.0
    roof = material(rng, "noise", PLASTERS[0], 0.5, grain=0.3, grain_m=0.14)
    end = material(rng, "stripe", pick(rng, PAINTS), 0.4, grain=0.5, grain_m=0.09, direction=(1, 0.4, 0))
    shapes = [
        backdrop(far_m, end),
        ground(floor_m, long_m, tiles, things + pillars),
        ground(roof_m, long_m, roof),
        Shape("rectangle", (-side_m, 0.0, 0.0), (long_m, 3.0, 1.0), wall, (90.0, 0.0, 0.0)),
        Shape("rectangle", (side_m, 0.0, 0.0), (long_m, 3.0, 1.0), wall, (90.0, 0.0, 0.0)),
        *pillars,
        *_wall_pictures_and_lamps(rng, side_m, roof_m, far_m),
        *_ball_on_a_string(rng),
        *things,
    ]
    camera = CameraPath(yaw_deg=between(rng, -3, 3), pitch_deg=1.5, sway_m=(0.03, 0.012, 0.05))
    return shapes, camera


def _pillars(rng: Rng, side_m: float, floor_m: float, roof_m: float, far_m: float) -> list[Shape]:
    middle, tall = 0.5 * (floor_m + roof_m), 0.5 * (floor_m - roof_m)
    stone = material(rng, "noise", ("#cfc6b4", "#8f8675"), 0.16, grain=0.4, grain_m=0.04)
    return [
        Shape("cylinder", (sign * (side_m - 0.12), middle, z), (0.11, tall, 0.11), stone)
        for z in np.arange(2.0, far_m - 0.3, 1.6).tolist()
        for sign in (-1.0, 1.0)
    ]


def _wall_pictures_and_lamps(rng: Rng, side_m: float, roof_m: float, far_m: float) -> list[Shape]:
    shapes = []
    lamp = material(rng, "plain", ("#fff6dc", "#ffe7ae"), 0.1, grain=0.1, glow=0.9)
    for z in np.arange(2.8, far_m - 0.5, 1.6).tolist():
        for sign in (-1.0, 1.0):
            at = (sign * (side_m - 0.01), between(rng, -0.25, 0.05), z)
            shapes.append(Shape("rectangle", at, (0.36, 0.26, 1.0), painted(rng, 0.16), (90.0, 0.0, 0.0)))
        shapes.append(Shape("ellipsoid", (0.0, roof_m + 0.12, z - 0.2), (0.11, 0.08, 0.11), lamp))
    return shapes


def _ball_on_a_string(rng: Rng) -> list[Shape]:
    radius, x, z = between(rng, 0.045, 0.065), side(rng) * between(rng, 0.13, 0.19), 0.60
    y, swing = between(rng, -0.02, 0.10), (0.012, 0.0, 0.0)
    string = material(rng, "plain", ("#3a3a3a", "#6a6a6a"), 0.02)
    return [
        Shape("ellipsoid", (x, y, z), (radius, radius, radius), painted(rng, 0.05), (20, 30, 0), swing, 48),
        Shape("cylinder", (x, y - 0.60, z), (0.0025, 0.60, 0.0025), string, (0, 0, 0), swing, 48),
    ]


def village(rng: Rng) -> Built:
    """Return houses and trees along a lane under a sky, and a lamp post near the camera."""
    ground_m, far_m = 0.55, between(rng, 8.6, 9.6)
    things: list[Shape] = []
    for sign in (-1.0, 1.0):
        z = between(rng, 2.2, 2.8)
        while z < far_m - 1.2:
            wide, x = between(rng, 0.45, 0.7), sign * between(rng, 1.35, 1.6)
            things += _house(rng, x, z, ground_m, wide)
            things += tree(rng, sign * between(rng, 0.72, 0.85), z + between(rng, 0.7, 0.9), ground_m, 0.22)
            z += 2.0 * wide + between(rng, 0.25, 0.5)
    post = material(rng, "noise", ("#39424a", "#5f6b74"), 0.03, grain=0.5, grain_m=0.006)
    lamp = material(rng, "plain", ("#fff3d0", "#ffe09a"), 0.03, grain=0.15, glow=0.8)
    x, z = side(rng) * between(rng, 0.15, 0.21), between(rng, 0.62, 0.75)
    things += [
        Shape("cylinder", (x, 0.25, z), (0.008, 0.30, 0.008), post),
        Shape("ellipsoid", (x, -0.07, z), (0.026, 0.030, 0.026), lamp),
        Shape("cylinder", (x, -0.105, z), (0.030, 0.006, 0.030), post),
    ]
    sky = material(rng, "noise", ("#7fb0de", "#f4f4ee"), 0.9, grain=0.25, grain_m=0.15, glow=1.0)
    grass = material(rng, "noise", pick(rng, LEAVES[:3]), 0.25, grain=0.4, grain_m=0.09)
    stones = material(rng, "brick", ("#8d8577", "#6a6459"), 0.36, grain=0.4, grain_m=0.09)
    lane = Shape(
        "rectangle", (0.0, ground_m - 0.003, far_m / 2), (0.45, far_m, 1.0), stones, (0.0, -90.0, 0.0)
    )
    shapes = [backdrop(far_m, sky), ground(ground_m, far_m, grass, things), lane, *things]
    return shapes, CameraPath(yaw_deg=between(rng, -3, 3), pitch_deg=1.0, sway_m=(0.035, 0.012, 0.05))


def _house(rng: Rng, x: float, z: float, level_m: float, wide: float) -> list[Shape]:
    """Return walls, a roof of tiles and windows towards the lane and the camera."""
    tall, deep, away = between(rng, 0.40, 0.60), wide * 0.85, 1.0 if x > 0 else -1.0
    plaster = material(rng, "noise", pick(rng, PLASTERS), 0.22, grain=0.35, grain_m=0.07)
    tiles = material(rng, "brick", ("#a8452f", "#7c382a"), 0.24, grain=0.4, grain_m=0.06)
    glass = material(rng, "checker", ("#2c3e50", "#e8e3d5"), 0.11, grain=0.3, grain_m=0.03)
    shapes = [
        Shape("box", (x, level_m - tall, z), (wide, tall, deep), plaster),
        # A gable roof: a box turned by 45 degrees about the ridge, half sunk into the walls.
        Shape(
            "box", (x, level_m - 2.0 * tall, z), (0.72 * wide, 0.72 * wide, 1.06 * deep), tiles, (0, 0, 45.0)
        ),
    ]
    for across in (-0.5, 0.5):
        at = (x - away * (wide + 0.004), level_m - 1.15 * tall, z + across * deep)
        shapes.append(Shape("rectangle", at, (0.11, 0.15, 1.0), glass, (90.0, 0.0, 0.0)))
        at = (x + across * wide, level_m - 1.15 * tall, z - deep - 0.004)
        shapes.append(Shape("rectangle", at, (0.11, 0.15, 1.0), glass))
    return shapes
