"""Parts that the families of procedural scenes are put together from: colours, materials, things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from focusgen.optics.transfer import DISPLAY_GAMMA
from focusgen.synth.shapes import CameraPath, Shape
from focusgen.synth.texture import Colour, Material, Pattern, Vector

Rng = np.random.Generator
Built = tuple[list[Shape], CameraPath]
"""What a family returns."""

Pair = tuple[str, str]
"""Two display colours of one material."""

WOODS: tuple[Pair, ...] = (
    ("#a8713f", "#5f3a1d"),
    ("#c69a63", "#7d5530"),
    ("#8a6a4c", "#4a3524"),
    ("#d2b48c", "#94714a"),
)
BRICKS: tuple[Pair, ...] = (
    ("#a9553f", "#d8cfc0"),
    ("#c2a482", "#8b7962"),
    ("#8797a0", "#cfd6d6"),
    ("#9aa58a", "#6a7660"),
)
PLASTERS: tuple[Pair, ...] = (
    ("#d9cdb8", "#b7a88e"),
    ("#9fb3bb", "#c9d6d8"),
    ("#c7b0a0", "#a58a78"),
    ("#a9b79c", "#cfd8bf"),
)
FRUITS: tuple[Pair, ...] = (
    ("#c93a2b", "#e8b23c"),
    ("#e0862a", "#f2b75a"),
    ("#7fa63a", "#c9d15a"),
    ("#6a2f57", "#a3568a"),
    ("#e3c23f", "#b98a25"),
)
PAINTS: tuple[Pair, ...] = (
    ("#2f5d8a", "#e9e2d0"),
    ("#b23a48", "#f0d9b5"),
    ("#2e7d6b", "#d9e8dc"),
    ("#e07a3f", "#3d405b"),
    ("#f2cc8f", "#81523f"),
    ("#5b4b8a", "#c8b6e2"),
    ("#3f6b3a", "#c6d8a0"),
    ("#22333b", "#c6ac8f"),
)
LEAVES: tuple[Pair, ...] = (
    ("#4f8a3a", "#b6cf7a"),
    ("#2f6b38", "#86b565"),
    ("#7fa03a", "#d6d98a"),
    ("#b8862f", "#e6c96a"),
)
SPINES: tuple[Pair, ...] = (
    ("#2f4a63", "#5c7f9c"),
    ("#7d3038", "#b0605f"),
    ("#2e5d50", "#6f9a86"),
    ("#8a6a45", "#c4a478"),
    ("#4b4266", "#857ba3"),
    ("#a98f6a", "#d8c7a4"),
)
BARK: Pair = ("#5a4330", "#8f745a")


def display_colour(text: str) -> Colour:
    """Return linear light of a display colour "#rrggbb"."""
    red, green, blue = (float((int(text[k : k + 2], 16) / 255.0) ** DISPLAY_GAMMA) for k in (1, 3, 5))
    return red, green, blue


def material(
    rng: Rng,
    pattern: Pattern,
    colours: Pair,
    period_m: float,
    *,
    grain: float = 0.35,
    grain_m: float | None = None,
    direction: Vector = (1.0, 0.0, 0.0),
    glow: float = 0.0,
) -> Material:
    """Return a material with noise of its own; the grain is a third of the pattern unless given."""
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


def pick(rng: Rng, choices: tuple[Pair, ...]) -> Pair:
    """Return one of the colour pairs."""
    return choices[int(rng.integers(len(choices)))]


def between(rng: Rng, low: float, high: float) -> float:
    """Return a uniform draw as a Python float."""
    return float(rng.uniform(low, high))


def side(rng: Rng) -> float:
    """Return -1 or 1."""
    return 1.0 if rng.integers(2) else -1.0


def painted(rng: Rng, period_m: float) -> Material:
    """Return a painted surface: stripes, squares, dots or a glaze."""
    patterns: tuple[Pattern, ...] = ("stripe", "checker", "dots", "noise", "stripe")
    pattern = patterns[int(rng.integers(len(patterns)))]
    tilt = (1.0, between(rng, -0.8, 0.8), between(rng, -0.8, 0.8))  # never along an axis
    return material(
        rng, pattern, pick(rng, PAINTS), period_m, grain=0.4, grain_m=0.25 * period_m, direction=tilt
    )


def wall_material(rng: Rng, period_m: float) -> Material:
    """Return brickwork, plaster or wallpaper."""
    choice = int(rng.integers(3))
    if choice == 0:
        return material(rng, "brick", pick(rng, BRICKS), period_m, grain=0.45, grain_m=0.16 * period_m)
    if choice == 1:
        return material(rng, "noise", pick(rng, PLASTERS), 0.4 * period_m, grain=0.4, grain_m=0.1 * period_m)
    return material(
        rng,
        "stripe",
        pick(rng, PLASTERS),
        0.6 * period_m,
        grain=0.45,
        grain_m=0.13 * period_m,
        direction=(1.0, between(rng, -0.4, 0.4), 0.0),
    )


def backdrop(distance_m: float, look: Material) -> Shape:
    """Return a wall that closes the view for any camera of a family."""
    return Shape("rectangle", (0.0, 0.0, distance_m), (4.0 * distance_m, 4.0 * distance_m, 1.0), look)


def ground(height_m: float, far_m: float, look: Material, things: Sequence[Shape] = ()) -> Shape:
    """Return a floor from behind the camera to `far_m`, darkened under the things that stand on it."""
    floor = Shape(
        "rectangle", (0.0, height_m, 0.0), (4.0 * far_m, far_m, 1.0), look, turn_deg=(0.0, -90.0, 0.0)
    )
    return darkened(floor, height_m, things)


def darkened(receiver: Shape, height_m: float, things: Sequence[Shape]) -> Shape:
    """Return the body with soft shade under every thing whose foot is at its height."""
    contacts = []
    for thing in things:
        (x, y, z), (a, b, c) = thing.centre_m, thing.half_m
        if abs(y + b - height_m) < 0.005:
            contacts.append((x, height_m, z, 0.85 * (a + c)))
    return replace(receiver, contacts=tuple(contacts))


def spots(
    rng: Rng, n: int, depths_m: tuple[float, float], slope: float, gap_m: float
) -> list[tuple[float, float]]:
    """Return up to n places (x, z) inside the view, spread in depth, none nearer to another than `gap_m`."""
    places: list[tuple[float, float]] = []
    edges = np.geomspace(depths_m[0], depths_m[1], n + 1)
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        for _ in range(40):
            z = between(rng, float(low), float(high))
            x = z * between(rng, -slope, slope)
            room = gap_m * (0.6 + 0.4 * z)
            if all((x - a) ** 2 + (z - b) ** 2 > room**2 for a, b in places):
                places.append((x, z))
                break
    return places
