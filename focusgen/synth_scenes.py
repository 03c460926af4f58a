"""Families of procedural scenes: which bodies stand where, drawn from a seed.

World: x right, y down, z forward, metres; the camera's middle position is near the origin. Each family keeps
everything between 0.3 m and 10 m and closes the view with an opaque backdrop, so that every ray ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from focusgen.seeds import derive_seed
from focusgen.synth_texture import Colour, Material, Pattern, Vector
from focusgen.synth_trace import CameraPath, Kind, Shape

Built = tuple[list[Shape], CameraPath]
Rng = np.random.Generator

WOODS = (("#a8713f", "#5f3a1d"), ("#c69a63", "#7d5530"), ("#8a6a4c", "#4a3524"), ("#d2b48c", "#94714a"))
WALLS = (("#b5654a", "#d8cfc0"), ("#c9b79c", "#8f7f68"), ("#8fa3ad", "#c8d2d4"), ("#a9b49a", "#6d7a62"))
FRUITS = (
    ("#c93a2b", "#e8b23c"),
    ("#e0862a", "#f2b75a"),
    ("#7fa63a", "#c9d15a"),
    ("#6a2f57", "#a3568a"),
    ("#e3c23f", "#b98a25"),
)
PAINTS = (
    ("#2f5d8a", "#e9e2d0"),
    ("#b23a48", "#f0d9b5"),
    ("#2e7d6b", "#d9e8dc"),
    ("#e07a3f", "#3d405b"),
    ("#f2cc8f", "#81523f"),
    ("#5b4b8a", "#c8b6e2"),
    ("#3f6b3a", "#c6d8a0"),
    ("#22333b", "#c6ac8f"),
)
LEAVES = (("#4f8a3a", "#b6cf7a"), ("#2f6b38", "#86b565"), ("#7fa03a", "#d6d98a"), ("#b8862f", "#e6c96a"))


def build(family: str, seed: int) -> Built:
    """Return the bodies and the camera path of one scene.

    Raises:
        ValueError: an unknown family; lists the known ones.
    """
    if family not in _FAMILIES:
        raise ValueError(f"unknown family {family!r}; known: {', '.join(_FAMILIES)}")
    rng = np.random.default_rng(derive_seed(seed, "synth", family))
    shapes, camera = _FAMILIES[family](rng)
    return shapes, replace(camera, phase=float(rng.uniform(0.0, 2.0 * np.pi)))


# --- small things that families share ------------------------------------------------------------


def display_colour(text: str) -> Colour:
    """Return linear light of a display colour "#rrggbb"."""
    red, green, blue = (float((int(text[k : k + 2], 16) / 255.0) ** 2.2) for k in (1, 3, 5))
    return red, green, blue


def _material(
    rng: Rng,
    pattern: Pattern,
    colours: tuple[str, str],
    period_m: float,
    *,
    grain: float = 0.35,
    grain_m: float | None = None,
    direction: Vector = (1.0, 0.0, 0.0),
    glow: float = 0.0,
) -> Material:
    return Material(
        pattern=pattern,
        first=display_colour(colours[0]),
        second=display_colour(colours[1]),
        period_m=period_m,
        grain=grain,
        grain_m=grain_m if grain_m is not None else 0.35 * period_m,
        direction=direction,
        glow=glow,
        seed=int(rng.integers(1, 9000)),
    )


def _pick(rng: Rng, choices: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    return choices[int(rng.integers(len(choices)))]


def _between(rng: Rng, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _tilted(rng: Rng) -> Vector:
    """Return a direction for stripes that is never along an axis."""
    return (1.0, _between(rng, -0.8, 0.8), _between(rng, -0.8, 0.8))


def _painted(rng: Rng, period_m: float) -> Material:
    """Return a painted surface: stripes, squares, dots or a glaze."""
    patterns: tuple[Pattern, ...] = ("stripe", "checker", "dots", "noise", "stripe")
    pattern = patterns[int(rng.integers(len(patterns)))]
    return _material(
        rng, pattern, _pick(rng, PAINTS), period_m, grain=0.4, grain_m=0.25 * period_m, direction=_tilted(rng)
    )


def _backdrop(rng: Rng, distance_m: float, material: Material) -> Shape:
    return Shape("rectangle", (0.0, 0.0, distance_m), (4.0 * distance_m, 4.0 * distance_m, 1.0), material)


def _ground(height_m: float, far_m: float, material: Material) -> Shape:
    """Return a floor from behind the camera to `far_m`; its texture's y axis runs into the distance."""
    return Shape("rectangle", (0.0, height_m, 0.0), (4.0 * far_m, far_m, 1.0), material, (0.0, -90.0, 0.0))


def _spots(
    rng: Rng, n: int, depths_m: tuple[float, float], slope: float, gap_m: float
) -> list[tuple[float, float]]:
    """Return up to n places (x, z) inside the view, spread in depth, none nearer to another than `gap_m`."""
    places: list[tuple[float, float]] = []
    edges = np.geomspace(depths_m[0], depths_m[1], n + 1)
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        for _ in range(40):
            z = _between(rng, float(low), float(high))
            x = z * _between(rng, -slope, slope)
            room = gap_m * (0.6 + 0.4 * z)
            if all((x - a) ** 2 + (z - b) ** 2 > room**2 for a, b in places):
                places.append((x, z))
                break
    return places


# --- tabletop ------------------------------------------------------------------------------------


def _tabletop(rng: Rng) -> Built:
    top_m = 0.30
    wood = _material(rng, "planks", _pick(rng, WOODS), _between(rng, 0.10, 0.15), grain=0.3, grain_m=0.012)
    wall_pattern: Pattern = ("brick", "noise", "stripe")[int(rng.integers(3))]
    wall = _material(
        rng, wall_pattern, _pick(rng, WALLS), 0.30, grain=0.45, grain_m=0.05, direction=(1, 0.2, 0)
    )
    far_m = _between(rng, 2.7, 3.6)
    shapes = [
        _backdrop(rng, far_m, wall),
        _ground(top_m + 0.75, far_m, _material(rng, "planks", _pick(rng, WOODS), 0.2, grain_m=0.03)),
        Shape("box", (0.0, top_m + 0.02, 1.15), (1.25, 0.02, 1.0), wood, (_between(rng, -4, 4), 0.0, 0.0)),
    ]
    shapes += _pictures(rng, far_m)
    for x, z in _spots(rng, 9, (0.58, 1.95), 0.42, 0.17):
        shapes += _table_thing(rng, x, z, top_m)
    camera = CameraPath((0.0, 0.0, 0.0), 0.0, 15.0, (0.035, 0.010, 0.020), (1.4, 0.5))
    return shapes, camera


def _pictures(rng: Rng, far_m: float) -> list[Shape]:
    """Return framed pictures on the wall."""
    shapes = []
    for x in (-0.85, 0.05, 0.9):
        half = _between(rng, 0.16, 0.26)
        height, at = half * _between(rng, 0.8, 1.3), (x + _between(rng, -0.1, 0.1), _between(rng, -0.25, 0.0))
        frame = _material(rng, "plain", _pick(rng, WOODS), 0.05, grain_m=0.02)
        shapes.append(Shape("box", (*at, far_m - 0.02), (half + 0.03, height + 0.03, 0.02), frame))
        shapes.append(Shape("rectangle", (*at, far_m - 0.045), (half, height, 1.0), _painted(rng, 0.11)))
    return shapes


def _table_thing(rng: Rng, x: float, z: float, top_m: float) -> list[Shape]:
    """Return a fruit, a tin, a mug, a parcel or a pile of books that stands on the table."""
    size = _between(rng, 0.045, 0.085) * (0.7 + 0.4 * z)
    choice, turn = int(rng.integers(5)), (_between(rng, -50, 50), 0.0, 0.0)
    if choice == 0:
        fruit = _material(rng, "noise", _pick(rng, FRUITS), 0.7 * size, grain=0.3, grain_m=0.15 * size)
        return [Shape("ellipsoid", (x, top_m - 0.93 * size, z), (size, 0.93 * size, size), fruit, turn)]
    if choice == 1:
        ball = _painted(rng, 0.8 * size)
        return [Shape("ellipsoid", (x, top_m - size, z), (size, size, size), ball, (turn[0], 20.0, 30.0))]
    if choice == 2:
        tall = size * _between(rng, 1.0, 1.7)
        return [
            Shape("cylinder", (x, top_m - tall, z), (0.7 * size, tall, 0.7 * size), _painted(rng, size), turn)
        ]
    if choice == 3:
        tall = size * _between(rng, 0.8, 1.5)
        return [Shape("box", (x, top_m - tall, z), (0.8 * size, tall, 0.6 * size), _painted(rng, size), turn)]
    return _book_pile(rng, x, z, top_m, size)


def _book_pile(rng: Rng, x: float, z: float, top_m: float, size: float) -> list[Shape]:
    shapes, level = [], top_m
    for _ in range(int(rng.integers(2, 5))):
        thick = _between(rng, 0.16, 0.30) * size
        cover = _material(rng, "stripe", _pick(rng, PAINTS), 0.9 * size, grain_m=0.2 * size)
        half = (_between(rng, 0.9, 1.2) * size, thick, _between(rng, 0.7, 0.9) * size)
        shapes.append(Shape("box", (x, level - thick, z), half, cover, (_between(rng, -30, 30), 0.0, 0.0)))
        level -= 2.0 * thick
    return shapes


# --- bars ----------------------------------------------------------------------------------------


def _bars(rng: Rng) -> Built:
    far_m, ground_m = _between(rng, 3.0, 4.2), 0.55
    wall = _material(rng, "brick", _pick(rng, WALLS), 0.34, grain=0.5, grain_m=0.05)
    lawn = _material(rng, "noise", _pick(rng, LEAVES), 0.09, grain=0.5, grain_m=0.03)
    shapes = [_backdrop(rng, far_m, wall), _ground(ground_m, far_m, lawn)]
    shapes += _fence(rng, _between(rng, 0.48, 0.62))
    for x, z in _spots(rng, 7, (1.1, far_m - 0.4), 0.42, 0.32):
        shapes += _garden_thing(rng, x, z, ground_m)
    camera = CameraPath((0.0, 0.0, 0.0), _between(rng, -3, 3), 3.0, (0.035, 0.012, 0.015), (1.2, 0.5))
    return shapes, camera


def _fence(rng: Rng, z: float) -> list[Shape]:
    """Return upright bars of uneven width near the camera, with one rail."""
    colours, shapes, lean = _pick(rng, WOODS), [], _between(rng, -4, 4)
    step = _between(rng, 0.10, 0.14)
    for number in range(-6, 7):
        wood = _material(rng, "noise", colours, 0.02, grain=0.4, grain_m=0.006)
        half = _between(rng, 0.007, 0.018)
        x = number * step + _between(rng, -0.2, 0.2) * step
        kind_is_round = bool(rng.integers(2))
        shapes.append(
            Shape(
                "cylinder" if kind_is_round else "box",
                (x, 0.0, z + _between(rng, -0.02, 0.02)),
                (half, 1.2, half if kind_is_round else 0.008),
                wood,
                (0.0, 0.0, lean + _between(rng, -2, 2)),
            )
        )
    rail = _material(rng, "noise", colours, 0.02, grain=0.4, grain_m=0.006)
    shapes.append(
        Shape("box", (0.0, 0.145, z + 0.03), (2.0, 0.016, 0.008), rail, (0.0, 0.0, _between(rng, -2, 2)))
    )
    return shapes


def _garden_thing(rng: Rng, x: float, z: float, ground_m: float) -> list[Shape]:
    """Return a ball, a crate or a bush in a pot."""
    size, choice = _between(rng, 0.11, 0.19) * (0.6 + 0.35 * z), int(rng.integers(3))
    if choice == 0:
        ball, turn = _painted(rng, 0.9 * size), (_between(rng, 0, 360), 25.0, 20.0)
        return [Shape("ellipsoid", (x, ground_m - size, z), (size, size, size), ball, turn)]
    if choice == 1:
        crate = _material(rng, "planks", _pick(rng, WOODS), 0.45 * size, grain_m=0.1 * size)
        turn = (_between(rng, -45, 45), 0.0, 0.0)
        return [Shape("box", (x, ground_m - size, z), (size, size, 0.8 * size), crate, turn)]
    pot = _material(rng, "plain", ("#b5603a", "#d98b5f"), 0.5 * size, grain_m=0.12 * size)
    bush = _material(rng, "noise", _pick(rng, LEAVES), 0.35 * size, grain=0.6, grain_m=0.12 * size)
    high = ground_m - 1.2 * size
    return [
        Shape("cylinder", (x, ground_m - 0.6 * size, z), (0.6 * size, 0.6 * size, 0.6 * size), pot),
        Shape("ellipsoid", (x, high - 0.6 * size, z), (0.95 * size, 0.9 * size, 0.95 * size), bush),
        Shape(
            "ellipsoid", (x + 0.5 * size, high - 1.1 * size, z), (0.5 * size, 0.5 * size, 0.5 * size), bush
        ),
    ]


# --- portrait ------------------------------------------------------------------------------------


def _portrait(rng: Rng) -> Built:
    far_m, z = _between(rng, 3.2, 5.0), _between(rng, 0.95, 1.25)
    wall_pattern: Pattern = ("noise", "brick", "stripe")[int(rng.integers(3))]
    wall = _material(
        rng, wall_pattern, _pick(rng, WALLS), 0.4, grain=0.5, grain_m=0.07, direction=(1, 0.3, 0)
    )
    shapes = [
        _backdrop(rng, far_m, wall),
        _ground(1.1, far_m, _material(rng, "planks", _pick(rng, WOODS), 0.25)),
    ]
    shapes += _figure(rng, _between(rng, -0.08, 0.08), z)
    for _ in range(14):
        depth = _between(rng, 0.6 * far_m, far_m - 0.15)
        at = (depth * _between(rng, -0.5, 0.5), depth * _between(rng, -0.3, 0.12), depth)
        bulb = _material(rng, "plain", ("#fff3d0", "#ffe09a"), 0.05, grain=0.1, glow=0.9)
        radius = _between(rng, 0.018, 0.035)
        shapes.append(Shape("ellipsoid", at, (radius, radius, radius), bulb))
    side = 1.0 if rng.integers(2) else -1.0
    shapes += _near_flower(rng, side * _between(rng, 0.17, 0.21), _between(rng, 0.45, 0.55))
    for x, depth in _spots(rng, 4, (1.9, far_m - 0.4), 0.45, 0.5):
        tall = _between(rng, 0.5, 0.9)
        cabinet = _painted(rng, 0.24)
        shapes.append(
            Shape("box", (x, 1.1 - tall, depth), (0.25, tall, 0.2), cabinet, (_between(rng, -30, 30), 0, 0))
        )
    camera = CameraPath((0.0, 0.0, 0.0), 0.0, 0.0, (0.035, 0.012, 0.020), (1.5, 0.6))
    return shapes, camera


def _figure(rng: Rng, x: float, z: float) -> list[Shape]:
    """Return head, hair, eyes, neck and a patterned pullover, swaying a little."""
    skins = (("#e8b998", "#d69a78"), ("#c68863", "#a86b4a"), ("#8d5a3c", "#6f4229"), ("#f0cdb0", "#dfae8c"))
    skin = _material(rng, "noise", _pick(rng, skins), 0.03, grain=0.18, grain_m=0.006)
    hair_colours = _pick(rng, (("#2b1d14", "#5a3d28"), ("#6b4423", "#a9743f"), ("#b98a4a", "#e0bd7a")))
    hair = _material(rng, "stripe", hair_colours, 0.012, grain=0.5, grain_m=0.008, direction=(1.0, 0.25, 0.1))
    eye = _material(rng, "plain", ("#f4f1ea", "#e8e4da"), 0.02, grain=0.05)
    iris = _material(rng, "plain", ("#2a2018", "#4a3a2a"), 0.02, grain=0.1)
    lip = _material(rng, "plain", ("#b5544f", "#9a3f40"), 0.01, grain=0.2)
    cloth = _material(
        rng, "stripe", _pick(rng, PAINTS), 0.05, grain=0.5, grain_m=0.006, direction=(0.1, 1.0, 0.1)
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
        ("ellipsoid", (0.0, 0.36, 0.03), (0.235, 0.23, 0.13), cloth),
    ]
    period, phase = _between(rng, 35, 55), _between(rng, 0, 6)
    return [
        Shape(
            kind, (x + c[0], c[1], z + c[2]), half, material, (0, 0, 0), (0.012, 0.004, 0.006), period, phase
        )
        for kind, c, half, material in parts
    ]


def _near_flower(rng: Rng, x: float, z: float) -> list[Shape]:
    """Return a flower close to the camera: petals around a heart, on a stem."""
    petal = _material(rng, "leaf", _pick(rng, PAINTS), 0.02, grain=0.3, grain_m=0.006)
    heart = _material(rng, "dots", ("#e3b23c", "#8a5a1d"), 0.006, grain=0.4, grain_m=0.003)
    stem = _material(rng, "noise", LEAVES[1], 0.02, grain=0.4, grain_m=0.006)
    y = _between(rng, -0.03, 0.05)
    shapes = [
        Shape("cylinder", (x, y + 0.30, z + 0.01), (0.005, 0.30, 0.005), stem),
        Shape("ellipsoid", (x, y, z - 0.004), (0.016, 0.016, 0.008), heart),
    ]
    for angle in np.arange(0.0, 360.0, 45.0):
        a = np.deg2rad(angle)
        at = (float(x + 0.034 * np.sin(a)), float(y - 0.034 * np.cos(a)), z)
        shapes.append(Shape("disc", at, (0.013, 0.026, 1.0), petal, (0.0, 12.0, float(angle))))
    return shapes


# --- corridor ------------------------------------------------------------------------------------


def _corridor(rng: Rng) -> Built:
    side_m, floor_m, roof_m, far_m = _between(rng, 0.95, 1.25), 0.95, -1.05, _between(rng, 7.0, 9.0)
    tiles = _material(rng, "checker", _pick(rng, PAINTS), 0.32, grain=0.35, grain_m=0.06)
    wall = _material(rng, "brick", _pick(rng, WALLS), 0.42, grain=0.5, grain_m=0.06)
    roof = _material(rng, "noise", ("#d9d3c5", "#b3aa98"), 0.3, grain=0.4, grain_m=0.06)
    end = _material(rng, "stripe", _pick(rng, PAINTS), 0.4, grain=0.5, grain_m=0.09, direction=(1, 0.4, 0))
    long_m = far_m + 1.0
    shapes = [
        _backdrop(rng, far_m, end),
        _ground(floor_m, long_m, tiles),
        _ground(roof_m, long_m, roof),
        Shape("rectangle", (-side_m, 0.0, 0.0), (long_m, 3.0, 1.0), wall, (90.0, 0.0, 0.0)),
        Shape("rectangle", (side_m, 0.0, 0.0), (long_m, 3.0, 1.0), wall, (90.0, 0.0, 0.0)),
    ]
    shapes += _columns_and_lamps(rng, side_m, floor_m, roof_m, far_m)
    for x, z in _spots(rng, 5, (1.1, far_m - 1.0), 0.30, 0.5):
        if abs(x) < side_m - 0.3:
            shapes += _garden_thing(rng, x, z, floor_m)
    ball, radius = _painted(rng, 0.06), _between(rng, 0.055, 0.075)
    x = _between(rng, 0.12, 0.20) * (1.0 if rng.integers(2) else -1.0)
    shapes.append(
        Shape(
            "ellipsoid",
            (x, _between(rng, -0.02, 0.10), 0.60),
            (radius,) * 3,
            ball,
            (20, 30, 0),
            (0.01, 0.02, 0.0),
            48,
        )
    )
    string = _material(rng, "plain", ("#3a3a3a", "#6a6a6a"), 0.02)
    shapes.append(
        Shape("cylinder", (x, -0.60, 0.60), (0.0025, 0.60, 0.0025), string, (0, 0, 0), (0.01, 0.0, 0.0), 48)
    )
    camera = CameraPath((0.0, 0.0, 0.0), _between(rng, -3, 3), 1.5, (0.03, 0.012, 0.06), (1.4, 0.5))
    return shapes, camera


def _columns_and_lamps(rng: Rng, side_m: float, floor_m: float, roof_m: float, far_m: float) -> list[Shape]:
    shapes, middle, tall = [], 0.5 * (floor_m + roof_m), 0.5 * (floor_m - roof_m)
    stone = _material(rng, "noise", ("#cfc6b4", "#8f8675"), 0.16, grain=0.4, grain_m=0.04)
    lamp = _material(rng, "plain", ("#fff6dc", "#ffe7ae"), 0.1, grain=0.1, glow=0.9)
    for z in np.arange(2.0, far_m - 0.3, 1.6).tolist():
        for sign in (-1.0, 1.0):
            shapes.append(Shape("cylinder", (sign * (side_m - 0.12), middle, z), (0.11, tall, 0.11), stone))
            picture_z = z + 0.8
            if picture_z < far_m - 0.5:
                at = (sign * (side_m - 0.01), _between(rng, -0.25, 0.05), picture_z)
                shapes.append(
                    Shape("rectangle", at, (0.36, 0.26, 1.0), _painted(rng, 0.16), (90.0, 0.0, 0.0))
                )
        shapes.append(Shape("ellipsoid", (0.0, roof_m + 0.12, z + 0.6), (0.11, 0.08, 0.11), lamp))
    return shapes


# --- foliage -------------------------------------------------------------------------------------


def _foliage(rng: Rng) -> Built:
    far_m = _between(rng, 4.0, 5.5)
    wood = _material(rng, "noise", ("#7d8f4a", "#cfe0b0"), 0.55, grain=0.5, grain_m=0.10)
    shapes = [_backdrop(rng, far_m, wood)]
    for _ in range(6):
        shapes.append(_branch(rng, _between(rng, 0.8, 3.2)))
    for depth in np.geomspace(0.48, 3.4, 64):
        shapes.append(_leaf(rng, float(depth)))
    for depth in np.geomspace(0.7, 2.6, 12):
        z = float(depth) * _between(rng, 0.95, 1.05)
        radius = _between(rng, 0.012, 0.022) * (0.6 + 0.5 * z)
        berry = _material(rng, "noise", _pick(rng, FRUITS), radius, grain=0.3, grain_m=0.3 * radius)
        at = (z * _between(rng, -0.5, 0.5), z * _between(rng, -0.3, 0.3), z)
        shapes.append(Shape("ellipsoid", at, (radius, radius, radius), berry))
    camera = CameraPath((0.0, 0.0, 0.0), 0.0, _between(rng, -4, 4), (0.03, 0.012, 0.02), (1.4, 0.6))
    return shapes, camera


def _branch(rng: Rng, z: float) -> Shape:
    bark = _material(rng, "noise", ("#5a4330", "#8f745a"), 0.05, grain=0.5, grain_m=0.012)
    radius = _between(rng, 0.008, 0.02) * (0.6 + 0.5 * z)
    at = (z * _between(rng, -0.4, 0.4), z * _between(rng, -0.25, 0.25), z)
    return Shape(
        "cylinder", at, (radius, 1.5 * z, radius), bark, (_between(rng, -15, 15), 0, _between(rng, -70, 70))
    )


def _leaf(rng: Rng, depth_m: float) -> Shape:
    """Return a leaf that moves in the wind; near ones hang towards the edge of the picture."""
    z = depth_m * _between(rng, 0.96, 1.04)
    size = _between(rng, 0.035, 0.06) * (0.5 + 0.75 * z)
    reach = _between(rng, 0.22, 0.52) if z < 0.8 else _between(rng, 0.0, 0.52)
    at = (z * reach * (1.0 if rng.integers(2) else -1.0), z * _between(rng, -0.32, 0.32), z)
    leaf = _material(rng, "leaf", _pick(rng, LEAVES), 0.35 * size, grain=0.4, grain_m=0.1 * size)
    turn = (_between(rng, -35, 35), _between(rng, -35, 35), _between(rng, 0, 360))
    wind = (0.006 * z, 0.004 * z, 0.0)
    half = (_between(rng, 0.42, 0.6) * size, size, 1.0)
    return Shape("disc", at, half, leaf, turn, wind, _between(rng, 22, 40), _between(rng, 0, 6.28))


_FAMILIES: dict[str, Callable[[Rng], Built]] = {
    "tabletop": _tabletop,
    "bars": _bars,
    "portrait": _portrait,
    "corridor": _corridor,
    "foliage": _foliage,
}
FAMILIES: tuple[str, ...] = tuple(_FAMILIES)
