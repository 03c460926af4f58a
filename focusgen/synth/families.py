"""Families of procedural scenes: which bodies stand where, drawn from a seed.

World: x right, y down, z forward, metres; the camera's middle position is the origin. Each family keeps
everything between 0.3 m and 10 m and closes the view with an opaque backdrop, so that every ray ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from focusgen.base.seeds import derive_seed
from focusgen.synth.parts import (
    BARK,
    BRICKS,
    FRUITS,
    LEAVES,
    PAINTS,
    WOODS,
    Built,
    Rng,
    backdrop,
    between,
    darkened,
    ground,
    material,
    painted,
    pick,
    side,
    spots,
    wall_material,
)
from focusgen.synth.shapes import CameraPath, Kind, Shape
from focusgen.synth.spaces import corridor, village
from focusgen.synth.texture import Material, Vector
from focusgen.synth.things import GARDEN_THINGS, TABLE_THINGS, bookcase, fruit


def build(family: str, seed: int) -> Built:
    """Return the bodies and the camera path of one scene of a family of `FAMILIES`."""
    rng = np.random.default_rng(derive_seed(seed, "synth", family))
    shapes, camera = _BUILDERS[family](rng)
    return shapes, replace(camera, phase=between(rng, 0.0, 2.0 * np.pi))


def _tabletop(rng: Rng) -> Built:
    """Return things on a wooden table, and pictures on the wall behind."""
    top_m, far_m = 0.30, between(rng, 2.7, 3.6)
    things: list[Shape] = []
    for x, z in spots(rng, 11, (0.62, 1.9), 0.40, 0.15):
        size = between(rng, 0.045, 0.075) * (0.75 + 0.4 * z)
        things += TABLE_THINGS[int(rng.integers(len(TABLE_THINGS)))](rng, x, z, top_m, size)
    things += fruit(rng, side(rng) * between(rng, 0.15, 0.19), between(rng, 0.44, 0.48), top_m, 0.05)
    wood = material(rng, "planks", pick(rng, WOODS), between(rng, 0.10, 0.15), grain=0.3, grain_m=0.012)
    table = Shape("box", (0.0, top_m + 0.02, 1.2), (1.3, 0.02, 0.9), wood, (between(rng, -4, 4), 0.0, 0.0))
    floor = material(rng, "planks", pick(rng, WOODS), 0.2, grain_m=0.03)
    shapes = [backdrop(far_m, wall_material(rng, 0.3)), ground(top_m + 0.75, far_m, floor)]
    shapes += [darkened(table, top_m, things), *_pictures(rng, far_m), *things]
    return shapes, CameraPath(pitch_deg=14.0, sway_m=(0.035, 0.010, 0.020), sway_deg=(1.4, 0.5))


def _pictures(rng: Rng, far_m: float) -> list[Shape]:
    """Return framed pictures on the wall."""
    shapes = []
    for x in (-0.95, 0.0, 0.95):
        half = between(rng, 0.18, 0.28)
        height = half * between(rng, 0.8, 1.3)
        at = (x + between(rng, -0.12, 0.12), between(rng, -0.2, 0.05))
        frame = material(rng, "plain", pick(rng, WOODS), 0.05, grain_m=0.02)
        shapes.append(Shape("box", (*at, far_m - 0.02), (half + 0.03, height + 0.03, 0.02), frame))
        shapes.append(Shape("rectangle", (*at, far_m - 0.045), (half, height, 1.0), painted(rng, 0.11)))
    return shapes


def _bars(rng: Rng) -> Built:
    """Return a garden seen through a near fence."""
    far_m, ground_m = between(rng, 3.0, 4.2), 0.55
    things: list[Shape] = []
    for x, z in spots(rng, 8, (1.1, far_m - 0.4), 0.42, 0.30):
        size = between(rng, 0.10, 0.17) * (0.6 + 0.35 * z)
        things += GARDEN_THINGS[int(rng.integers(len(GARDEN_THINGS)))](rng, x, z, ground_m, size)
    wall = material(rng, "brick", pick(rng, BRICKS), 0.34, grain=0.4, grain_m=0.07)
    lawn = material(rng, "noise", pick(rng, LEAVES), 0.2, grain=0.4, grain_m=0.07)
    shapes = [backdrop(far_m, wall), ground(ground_m, far_m, lawn, things)]
    shapes += [*_fence(rng, between(rng, 0.48, 0.62)), *things]
    camera = CameraPath(yaw_deg=between(rng, -3, 3), pitch_deg=3.0, sway_m=(0.035, 0.012, 0.015))
    return shapes, camera


def _fence(rng: Rng, z: float) -> list[Shape]:
    """Return upright bars of uneven width near the camera, with one rail."""
    colours, lean, step = pick(rng, WOODS), between(rng, -4, 4), between(rng, 0.11, 0.15)
    shapes = []
    for number in range(-6, 7):
        wood = material(rng, "noise", colours, 0.035, grain=0.4, grain_m=0.012)
        half = between(rng, 0.005, 0.012)
        kind: Kind = "cylinder" if rng.integers(2) else "box"
        at = (number * step + between(rng, -0.2, 0.2) * step, 0.0, z + between(rng, -0.02, 0.02))
        turn = (0.0, 0.0, lean + between(rng, -2, 2))
        shapes.append(Shape(kind, at, (half, 1.2, half if kind == "cylinder" else 0.008), wood, turn))
    rail = material(rng, "noise", colours, 0.035, grain=0.4, grain_m=0.012)
    turn = (0.0, 0.0, between(rng, -2, 2))
    shapes.append(Shape("box", (0.0, 0.145, z + 0.03), (2.0, 0.012, 0.008), rail, turn))
    return shapes


def _portrait(rng: Rng) -> Built:
    """Return a figure before bookcases and lights, and a flower near the camera."""
    far_m, floor_m = between(rng, 3.2, 5.0), 1.1
    floor = material(rng, "planks", pick(rng, WOODS), 0.25)
    shapes = [backdrop(far_m, wall_material(rng, 0.42)), ground(floor_m, far_m, floor)]
    shapes += _figure(rng, between(rng, -0.10, 0.10), between(rng, 0.95, 1.25))
    for number in (-1.0, 1.0):
        z = between(rng, 2.2, far_m - 0.4)
        at_x = number * z * between(rng, 0.22, 0.36)
        shapes += bookcase(rng, at_x, z, floor_m - 0.3, number * between(rng, 5, 35))
    for _ in range(16):
        z = between(rng, 0.6 * far_m, far_m - 0.15)
        bulb = material(rng, "plain", ("#fff3d0", "#ffe09a"), 0.05, grain=0.1, glow=0.9)
        at, radius = (
            (z * between(rng, -0.5, 0.5), z * between(rng, -0.30, -0.05), z),
            between(rng, 0.018, 0.035),
        )
        shapes.append(Shape("ellipsoid", at, (radius, radius, radius), bulb))
    shapes += _near_flower(rng, side(rng) * between(rng, 0.15, 0.19), between(rng, 0.45, 0.55))
    return shapes, CameraPath(sway_m=(0.035, 0.012, 0.020), sway_deg=(1.5, 0.6))


def _figure(rng: Rng, x: float, z: float) -> list[Shape]:
    """Return head, hair, eyes, neck and a striped pullover, swaying a little."""
    skins = (("#e8b998", "#d69a78"), ("#c68863", "#a86b4a"), ("#8d5a3c", "#6f4229"), ("#f0cdb0", "#dfae8c"))
    hairs = (("#2b1d14", "#5a3d28"), ("#6b4423", "#a9743f"), ("#b98a4a", "#e0bd7a"))
    skin = material(rng, "noise", pick(rng, skins), 0.03, grain=0.2, grain_m=0.012)
    hair = material(
        rng, "stripe", pick(rng, hairs), 0.026, grain=0.4, grain_m=0.014, direction=(1.0, 0.25, 0.1)
    )
    eye = material(rng, "plain", ("#f4f1ea", "#e8e4da"), 0.02, grain=0.05)
    iris = material(rng, "plain", ("#2a2018", "#4a3a2a"), 0.02, grain=0.1)
    lip = material(rng, "plain", ("#b5544f", "#9a3f40"), 0.01, grain=0.2)
    knit = material(
        rng, "stripe", pick(rng, PAINTS), 0.055, grain=0.3, grain_m=0.013, direction=(0.1, 1.0, 0.1)
    )
    parts: list[tuple[Kind, Vector, Vector, Material]] = [
        ("ellipsoid", (0.0, -0.02, 0.0), (0.082, 0.115, 0.095), skin),
        ("ellipsoid", (0.0, -0.065, 0.035), (0.098, 0.105, 0.100), hair),
        ("ellipsoid", (0.0, 0.0, -0.094), (0.014, 0.026, 0.018), skin),
        ("ellipsoid", (-0.033, -0.028, -0.083), (0.016, 0.010, 0.010), eye),
        ("ellipsoid", (0.033, -0.028, -0.083), (0.016, 0.010, 0.010), eye),
        ("ellipsoid", (-0.033, -0.028, -0.091), (0.007, 0.007, 0.004), iris),
        ("ellipsoid", (0.033, -0.028, -0.091), (0.007, 0.007, 0.004), iris),
        ("ellipsoid", (0.0, 0.050, -0.082), (0.026, 0.008, 0.010), lip),
        ("cylinder", (0.0, 0.115, 0.015), (0.045, 0.06, 0.045), skin),
        ("ellipsoid", (0.0, 0.36, 0.03), (0.235, 0.23, 0.13), knit),
    ]
    period, phase = between(rng, 35, 55), between(rng, 0, 6)
    return [
        Shape(kind, (x + a, b, z + c), half, look, (0, 0, 0), (0.012, 0.004, 0.006), period, phase)
        for kind, (a, b, c), half, look in parts
    ]


def _near_flower(rng: Rng, x: float, z: float) -> list[Shape]:
    """Return a flower close to the camera: petals around a heart, on a stem."""
    petal = material(rng, "leaf", pick(rng, PAINTS), 0.026, grain=0.3, grain_m=0.009)
    heart = material(rng, "dots", ("#e3b23c", "#8a5a1d"), 0.009, grain=0.4, grain_m=0.006)
    green = material(rng, "noise", LEAVES[1], 0.02, grain=0.4, grain_m=0.006)
    y = between(rng, -0.03, 0.05)
    shapes = [
        Shape("cylinder", (x, y + 0.30, z + 0.01), (0.005, 0.30, 0.005), green),
        Shape("leaf", (x + 0.03, y + 0.10, z + 0.01), (0.014, 0.045, 1.0), green, (0.0, 20.0, 50.0)),
        Shape("ellipsoid", (x, y, z - 0.004), (0.016, 0.016, 0.008), heart),
    ]
    for angle in np.arange(0.0, 360.0, 45.0):
        about = np.deg2rad(angle)
        at = (float(x + 0.034 * np.sin(about)), float(y - 0.034 * np.cos(about)), z)
        shapes.append(Shape("disc", at, (0.013, 0.026, 1.0), petal, (0.0, 12.0, float(angle))))
    return shapes


def _foliage(rng: Rng) -> Built:
    """Return leaves, twigs and berries at every depth, moved by the wind."""
    far_m = between(rng, 4.0, 5.5)
    hills = material(rng, "noise", ("#5f7d3f", "#cfe3c0"), 0.36, grain=0.6, grain_m=0.10)
    shapes = [backdrop(far_m, hills)]
    shapes += [_branch(rng, between(rng, 0.9, 3.2)) for _ in range(6)]
    shapes += [_leaf(rng, depth) for depth in np.geomspace(0.46, 3.4, 90).tolist()]
    for depth in np.geomspace(0.7, 2.6, 14).tolist():
        z = depth * between(rng, 0.95, 1.05)
        radius = between(rng, 0.012, 0.022) * (0.6 + 0.5 * z)
        berry = material(rng, "noise", pick(rng, FRUITS), radius, grain=0.3, grain_m=0.3 * radius)
        at = (z * between(rng, -0.5, 0.5), z * between(rng, -0.3, 0.3), z)
        shapes.append(Shape("ellipsoid", at, (radius, radius, radius), berry))
    return shapes, CameraPath(pitch_deg=between(rng, -4, 4), sway_m=(0.03, 0.012, 0.02))


def _branch(rng: Rng, z: float) -> Shape:
    bark = material(rng, "noise", BARK, 0.08, grain=0.4, grain_m=0.025)
    radius = between(rng, 0.006, 0.014) * (0.6 + 0.5 * z)
    at = (z * between(rng, -0.4, 0.4), z * between(rng, -0.25, 0.25), z)
    turn = (between(rng, -15, 15), 0.0, between(rng, -75, 75))
    return Shape("cylinder", at, (radius, 1.5 * z, radius), bark, turn)


def _leaf(rng: Rng, depth_m: float) -> Shape:
    """Return a leaf in the wind; near ones hang towards the edge of the picture."""
    z = depth_m * between(rng, 0.96, 1.04)
    size = between(rng, 0.035, 0.06) * (0.5 + 0.75 * z)
    reach = between(rng, 0.22, 0.52) if z < 0.8 else between(rng, 0.0, 0.52)
    at = (z * reach * side(rng), z * between(rng, -0.32, 0.32), z)
    green = material(rng, "leaf", pick(rng, LEAVES), 0.5 * size, grain=0.35, grain_m=0.15 * size)
    turn = (between(rng, -35, 35), between(rng, -35, 35), between(rng, 0, 360))
    half = (between(rng, 0.38, 0.55) * size, size, 1.0)
    wind = (0.006 * z, 0.004 * z, 0.0)
    return Shape("leaf", at, half, green, turn, wind, between(rng, 22, 40), between(rng, 0, 6.28))


_BUILDERS: dict[str, Callable[[Rng], Built]] = {
    "tabletop": _tabletop,
    "bars": _bars,
    "portrait": _portrait,
    "corridor": corridor,
    "foliage": _foliage,
    "village": village,
}
FAMILIES: tuple[str, ...] = tuple(_BUILDERS)
