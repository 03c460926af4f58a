"""Things that stand about in procedural scenes.

Each stands at (x, z) on a level; `size` is about half its width, metres.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from focusgen.synth.parts import BARK, FRUITS, LEAVES, SPINES, WOODS, Rng, between, material, painted, pick
from focusgen.synth.shapes import Shape


def fruit(rng: Rng, x: float, z: float, level_m: float, size: float) -> list[Shape]:
    """Return an apple, an orange or a plum."""
    skin = material(rng, "noise", pick(rng, FRUITS), 0.7 * size, grain=0.3, grain_m=0.15 * size)
    turn = (between(rng, -50, 50), 0.0, 0.0)
    return [Shape("ellipsoid", (x, level_m - 0.93 * size, z), (size, 0.93 * size, size), skin, turn)]


def ball(rng: Rng, x: float, z: float, level_m: float, size: float) -> list[Shape]:
    """Return a painted ball."""
    turn = (between(rng, 0, 360), 25.0, 20.0)
    return [Shape("ellipsoid", (x, level_m - size, z), (size, size, size), painted(rng, 0.85 * size), turn)]


def tin(rng: Rng, x: float, z: float, level_m: float, size: float) -> list[Shape]:
    """Return a painted tin with a pale lid."""
    tall, radius = size * between(rng, 1.0, 1.6), 0.7 * size
    lid = material(rng, "plain", ("#d8d2c4", "#a39c8c"), 0.3 * size, grain_m=0.1 * size)
    top_m = level_m - 2.0 * tall
    return [
        Shape("cylinder", (x, level_m - tall, z), (radius, tall, radius), painted(rng, size)),
        Shape("cylinder", (x, top_m - 0.06 * size, z), (1.05 * radius, 0.06 * size, 1.05 * radius), lid),
    ]


def parcel(rng: Rng, x: float, z: float, level_m: float, size: float) -> list[Shape]:
    """Return a painted box."""
    tall, turn = size * between(rng, 0.7, 1.2), (between(rng, -50, 50), 0.0, 0.0)
    half = (0.8 * size, tall, 0.6 * size)
    return [Shape("box", (x, level_m - tall, z), half, painted(rng, 0.9 * size), turn)]


def book_pile(rng: Rng, x: float, z: float, level_m: float, size: float) -> list[Shape]:
    """Return two to four books on one another."""
    shapes, level = [], level_m
    for _ in range(int(rng.integers(2, 5))):
        thick = between(rng, 0.16, 0.30) * size
        cover = material(rng, "plain", pick(rng, SPINES), 0.4 * size, grain_m=0.2 * size)
        half = (between(rng, 0.9, 1.2) * size, thick, between(rng, 0.7, 0.9) * size)
        turn = (between(rng, -30, 30), 0.0, 0.0)
        shapes.append(Shape("box", (x, level - thick, z), half, cover, turn))
        level -= 2.0 * thick
    return shapes


def crate(rng: Rng, x: float, z: float, level_m: float, size: float) -> list[Shape]:
    """Return a wooden crate."""
    wood = material(rng, "planks", pick(rng, WOODS), 0.55 * size, grain=0.25, grain_m=0.15 * size)
    turn = (between(rng, -45, 45), 0.0, 0.0)
    return [Shape("box", (x, level_m - size, z), (size, size, 0.8 * size), wood, turn)]


def potted_bush(rng: Rng, x: float, z: float, level_m: float, size: float) -> list[Shape]:
    """Return a bush in a clay pot."""
    clay = material(rng, "plain", ("#b5603a", "#d98b5f"), 0.5 * size, grain_m=0.12 * size)
    green = material(rng, "noise", pick(rng, LEAVES), 0.40 * size, grain=0.5, grain_m=0.16 * size)
    high, small = level_m - 1.2 * size, 0.5 * size
    return [
        Shape("cylinder", (x, level_m - 0.6 * size, z), (0.6 * size, 0.6 * size, 0.6 * size), clay),
        Shape("ellipsoid", (x, high - 0.6 * size, z), (0.95 * size, 0.9 * size, 0.95 * size), green),
        Shape("ellipsoid", (x + small, high - 1.1 * size, z), (small, small, small), green),
    ]


def tree(rng: Rng, x: float, z: float, level_m: float, size: float) -> list[Shape]:
    """Return a trunk with a crown of four lumps."""
    bark = material(rng, "noise", BARK, 0.3 * size, grain=0.5, grain_m=0.1 * size)
    green = material(rng, "noise", pick(rng, LEAVES), 0.5 * size, grain=0.5, grain_m=0.2 * size)
    shapes = [Shape("cylinder", (x, level_m - 0.9 * size, z), (0.14 * size, 0.9 * size, 0.14 * size), bark)]
    for across, up, radius in ((0.0, 2.5, 0.85), (-0.6, 2.0, 0.6), (0.6, 2.1, 0.65), (0.1, 3.1, 0.5)):
        at = (x + across * size, level_m - up * size, z + between(rng, -0.3, 0.3) * size)
        shapes.append(Shape("ellipsoid", at, (radius * size, 0.9 * radius * size, radius * size), green))
    return shapes


def bookcase(rng: Rng, x: float, z: float, level_m: float, turn_deg: float) -> list[Shape]:
    """Return shelves of books, 1 m wide and 1.5 m high, facing the camera."""
    frame = material(rng, "planks", pick(rng, WOODS), 0.12, grain_m=0.03)
    about = np.deg2rad(turn_deg)
    shapes = []
    for row in range(5):
        height = level_m - 0.02 - 0.37 * row
        shapes.append(Shape("box", (x, height, z), (0.5, 0.02, 0.14), frame, (turn_deg, 0.0, 0.0)))
        along = -0.48
        while row < 4 and along < 0.42:
            half, tall = between(rng, 0.030, 0.058), between(rng, 0.10, 0.155)
            cover = material(rng, "plain", pick(rng, SPINES), 0.05, grain_m=0.03)
            at = (along + half, height - 0.02 - tall, between(rng, -0.04, 0.0))
            world = (
                float(x + at[0] * np.cos(about) + at[2] * np.sin(about)),
                at[1],
                float(z - at[0] * np.sin(about) + at[2] * np.cos(about)),
            )
            shapes.append(Shape("box", world, (half, tall, 0.1), cover, (turn_deg, 0.0, 0.0)))
            along += 2.0 * half + (0.006 if rng.random() < 0.85 else 0.12)
    return shapes


Thing = Callable[[Rng, float, float, float, float], list[Shape]]
TABLE_THINGS: tuple[Thing, ...] = (fruit, ball, tin, parcel, book_pile, fruit)
GARDEN_THINGS: tuple[Thing, ...] = (ball, crate, potted_bush)
