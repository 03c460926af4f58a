"""Families of scenes to learn from: bodies of every kind and look, wherever they fall.

They resemble no family of `families` on purpose. What is learned on them is measured on those, and on none of
their seeds; so a figure of a network is one for scenes of a kind that it never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from focusgen.base.seeds import derive_seed
from focusgen.synth.parts import Built, Rng, backdrop, between, ground, material, side
from focusgen.synth.shapes import CameraPath, Kind, Shape
from focusgen.synth.texture import Material, Pattern

PATTERNS: tuple[Pattern, ...] = ("noise", "checker", "stripe", "dots", "brick", "planks", "leaf", "plain")
SOLIDS: tuple[Kind, ...] = ("ellipsoid", "box", "cylinder")
FLATS: tuple[Kind, ...] = ("rectangle", "disc", "leaf")
STILL = CameraPath(sway_m=(0.03, 0.02, 0.02), sway_deg=(2.0, 2.0))
REACH = (0.58, 0.40)
"""Slopes up to which the view reaches to the side and up, with a little beyond."""


def build_practice(family: str, seed: int) -> Built:
    """Return the bodies and the camera path of one scene of `PRACTICE_FAMILIES`."""
    rng = np.random.default_rng(derive_seed(seed, "practice", family))
    shapes, camera = _BUILDERS[family](rng)
    return shapes, replace(camera, phase=between(rng, 0.0, 2.0 * np.pi))


def without_texture(rng: Rng, shapes: list[Shape], share: float) -> list[Shape]:
    """Return the bodies, a share of them in one even colour: light and outline are all they show."""
    return [_plain(one, rng) if rng.random() < share else one for one in shapes]


def _plain(shape: Shape, rng: Rng) -> Shape:
    look = shape.material
    grain = 0.0 if rng.random() < 0.7 else 0.05
    return replace(shape, material=replace(look, second=look.first, grain=grain))


def any_material(rng: Rng, size_m: float) -> Material:
    """Return a material of any pattern and colours, its period between a tenth and all of a size."""
    period_m = size_m * float(np.exp(between(rng, np.log(0.08), 0.0)))
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
    tilt = (1.0, between(rng, -1.0, 1.0), between(rng, -1.0, 1.0))
    grain_m = period_m * between(rng, 0.1, 0.5)
    grain = between(rng, 0.0, 0.6)
    colours = (_any_colour(rng), _any_colour(rng))
    return material(rng, pattern, colours, period_m, grain=grain, grain_m=grain_m, direction=tilt)


def _any_colour(rng: Rng) -> str:
    """Return a display colour; every third one is grey, black and white included."""
    if rng.random() < 0.33:
        values = np.full(3, rng.random())
    else:
        values = np.clip(rng.random() + 0.5 * (rng.random(3) - 0.5), 0.0, 1.0)
    red, green, blue = np.rint(255 * values).astype(int).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


def _turn(rng: Rng, most_deg: float = 180.0) -> tuple[float, float, float]:
    return between(rng, -most_deg, most_deg), between(rng, -most_deg, most_deg), between(rng, -180.0, 180.0)


def _place(rng: Rng, z: float) -> tuple[float, float, float]:
    return z * between(rng, -REACH[0], REACH[0]), z * between(rng, -REACH[1], REACH[1]), z


def _depths(rng: Rng, n: int, near_m: float, far_m: float) -> list[float]:
    """Return depths that are even in inverse metres, or in the logarithm."""
    if rng.random() < 0.5:
        return [1.0 / between(rng, 1.0 / far_m, 1.0 / near_m) for _ in range(n)]
    return [float(np.exp(between(rng, np.log(near_m), np.log(far_m)))) for _ in range(n)]


def _surroundings(rng: Rng, far_m: float) -> list[Shape]:
    """Return a wall that closes the view, leaning or not, and perhaps a floor and a side wall."""
    wall = backdrop(far_m, any_material(rng, between(rng, 0.2, 1.0)))
    shapes = [wall]
    if rng.random() < 0.6:
        shapes.append(ground(between(rng, 0.2, 0.9), far_m + 1.0, any_material(rng, between(rng, 0.1, 0.6))))
    if rng.random() < 0.3:
        at, look = side(rng) * between(rng, 0.5, 1.5), any_material(rng, between(rng, 0.2, 0.8))
        shapes.append(Shape("rectangle", (at, 0.0, 0.0), (far_m + 1.0, 5.0, 1.0), look, (90.0, 0.0, 0.0)))
    return shapes


def _clutter(rng: Rng) -> Built:
    """Return solid bodies of any turn at any depth, hanging in the air."""
    far_m = between(rng, 1.5, 9.0)
    shapes = _surroundings(rng, far_m)
    for z in _depths(rng, int(rng.integers(7, 28)), between(rng, 0.4, 0.7), 0.95 * far_m):
        size = z * float(np.exp(between(rng, np.log(0.03), np.log(0.25))))
        half = (size * between(rng, 0.4, 1.0), size * between(rng, 0.4, 1.0), size * between(rng, 0.4, 1.0))
        kind = SOLIDS[int(rng.integers(len(SOLIDS)))]
        shapes.append(Shape(kind, _place(rng, z), half, any_material(rng, size), _turn(rng)))
    return shapes, STILL


def _slabs(rng: Rng) -> Built:
    """Return large slanted sheets and blocks, each across a good part of the view."""
    far_m = between(rng, 1.5, 8.0)
    shapes = _surroundings(rng, far_m)
    for z in _depths(rng, int(rng.integers(2, 6)), 0.6, 0.9 * far_m):
        size = z * between(rng, 0.15, 0.5)
        kind: Kind = "box" if rng.random() < 0.4 else "rectangle"
        half = (size, size * between(rng, 0.3, 1.2), 0.3 * size)
        turn = (between(rng, -70, 70), between(rng, -70, 70), between(rng, -180, 180))
        shapes.append(Shape(kind, _place(rng, 1.2 * z), half, any_material(rng, size), turn))
    return shapes, STILL


def _wires(rng: Rng) -> Built:
    """Return thin rods and threads across the view in any direction, near and far."""
    shapes, camera = _slabs(rng)
    far_m = shapes[0].centre_m[2]
    for z in _depths(rng, int(rng.integers(4, 18)), 0.45, 0.8 * far_m):
        radius = z * float(np.exp(between(rng, np.log(0.002), np.log(0.02))))
        kind: Kind = "cylinder" if rng.random() < 0.6 else "box"
        turn = (between(rng, -20, 20), between(rng, -20, 20), between(rng, -90, 90))
        look = any_material(rng, between(rng, 2.0, 8.0) * radius)
        shapes.append(Shape(kind, _place(rng, z), (radius, 1.4 * z, radius), look, turn))
    return shapes, camera


def _scraps(rng: Rng) -> Built:
    """Return many small flat things at every depth."""
    far_m = between(rng, 1.5, 6.0)
    shapes = _surroundings(rng, far_m)
    for z in _depths(rng, int(rng.integers(25, 70)), 0.45, 0.95 * far_m):
        size = z * float(np.exp(between(rng, np.log(0.02), np.log(0.10))))
        kind = FLATS[int(rng.integers(len(FLATS)))]
        half = (size * between(rng, 0.3, 1.0), size, 1.0)
        shapes.append(Shape(kind, _place(rng, z), half, any_material(rng, size), _turn(rng, 60.0)))
    return shapes, STILL


def _stacked(rng: Rng) -> Built:
    """Return blocks and columns side by side on a floor, in rows one behind the other."""
    far_m, level_m = between(rng, 2.0, 8.0), between(rng, 0.2, 0.6)
    shapes = [backdrop(far_m, any_material(rng, between(rng, 0.2, 1.0)))]
    shapes.append(ground(level_m, far_m + 1.0, any_material(rng, between(rng, 0.1, 0.5))))
    for z in np.geomspace(between(rng, 0.5, 0.9), 0.9 * far_m, int(rng.integers(3, 6))).tolist():
        for x in np.arange(-0.6 * z, 0.6 * z, 0.22 * z).tolist():
            if rng.random() < 0.6:
                shapes.append(_standing(rng, x, z * between(rng, 0.95, 1.1), level_m))
    return shapes, CameraPath(pitch_deg=between(rng, 0.0, 12.0), sway_m=(0.03, 0.02, 0.02))


def _standing(rng: Rng, x: float, z: float, level_m: float) -> Shape:
    half, tall = z * between(rng, 0.02, 0.10), z * between(rng, 0.03, 0.22)
    kind = SOLIDS[int(rng.integers(len(SOLIDS)))]
    turn = (between(rng, -90.0, 90.0), 0.0, 0.0)
    return Shape(kind, (x, level_m - tall, z), (half, tall, half), any_material(rng, 2.0 * half), turn)


_BUILDERS: dict[str, Callable[[Rng], Built]] = {
    "clutter": _clutter,
    "slabs": _slabs,
    "wires": _wires,
    "scraps": _scraps,
    "stacked": _stacked,
}
PRACTICE_FAMILIES: tuple[str, ...] = tuple(_BUILDERS)


def with_lamps(rng: Rng, shapes: list[Shape], dimmed: float) -> list[Shape]:
    """Return the bodies `dimmed`, and small lamps among them that are not: highlights, once it is exposed."""
    dark = [replace(one, material=_dimmed(one.material, dimmed)) for one in shapes]
    far_m = max(one.centre_m[2] for one in shapes)
    lamp = material(rng, "plain", ("#fffaf0", "#fff0d0"), 0.05, grain=0.0, glow=1.0)
    for z in _depths(rng, int(rng.integers(3, 14)), 0.5, 0.95 * far_m):
        radius = z * float(np.exp(between(rng, np.log(0.002), np.log(0.015))))
        dark.append(Shape("ellipsoid", _place(rng, z), (radius,) * 3, lamp))
    return dark


def _dimmed(look: Material, factor: float) -> Material:
    def less(colour: Sequence[float]) -> tuple[float, float, float]:
        red, green, blue = (factor * value for value in colour)
        return red, green, blue

    return replace(look, first=less(look.first), second=less(look.second))
