"""Parts of procedural scenes: colours in linear light, places apart, shade under what stands."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.synth import parts
from focusgen.synth.parts import (
    backdrop,
    between,
    darkened,
    display_colour,
    ground,
    material,
    painted,
    pick,
    side,
    spots,
    wall_material,
)
from focusgen.synth.shapes import Pose, Shape, place
from focusgen.synth.trace import Rays, nearest_hits

PALETTES = ("WOODS", "BRICKS", "PLASTERS", "FRUITS", "PAINTS", "LEAVES", "SPINES")
LOOK = material(np.random.default_rng(0), "plain", ("#ffffff", "#000000"), 0.1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_display_colours_become_linear_light():
    assert display_colour("#ff0080") == (1.0, 0.0, pytest.approx((128 / 255) ** 2.2))


@pytest.mark.parametrize("name", PALETTES)
def test_every_colour_of_a_palette_is_one(name):
    for pair in getattr(parts, name):
        first, second = map(display_colour, pair)
        assert first != second and all(0.0 <= value <= 1.0 for value in (*first, *second))


def test_a_material_has_noise_of_its_own_and_a_grain_that_follows_its_pattern():
    drawn = rng()
    one, other = (material(drawn, "noise", parts.BARK, 0.3) for _ in range(2))
    assert one.seed != other.seed and one.grain_m == pytest.approx(0.105)
    assert material(drawn, "noise", parts.BARK, 0.3, grain_m=0.02).grain_m == 0.02


@pytest.mark.parametrize("make", [painted, wall_material])
def test_looks_differ_from_draw_to_draw_and_are_alike_for_a_seed(make):
    assert make(rng(3), 0.2) == make(rng(3), 0.2)
    looks = [make(rng(seed), 0.2) for seed in range(40)]
    assert len({look.pattern for look in looks}) >= 3
    assert all(0 < look.grain_m < look.period_m for look in looks)
    assert all(np.linalg.norm(look.direction) >= 1.0 for look in looks)


def test_draws_stay_in_bounds_and_are_plain_numbers():
    drawn = rng()
    values = [between(drawn, -2.0, 3.0) for _ in range(100)]
    assert all(type(v) is float and -2.0 <= v < 3.0 for v in values) and max(values) > 2.5
    assert {side(drawn) for _ in range(50)} == {-1.0, 1.0}
    assert {pick(drawn, parts.LEAVES) for _ in range(100)} == set(parts.LEAVES)


# --- where things stand


@pytest.mark.parametrize("seed", range(5))
def test_places_are_spread_in_depth_inside_the_view_and_apart(seed):
    found = spots(rng(seed), 8, (1.0, 8.0), 0.3, 0.2)
    assert 5 <= len(found) <= 8
    x, z = np.array(found).T
    assert (np.diff(z) > 0).all() and z.min() >= 1.0 and z.max() <= 8.0
    assert (np.abs(x) <= 0.3 * z).all()
    for k in range(len(found)):
        room_m = 0.2 * (0.6 + 0.4 * z[k])
        assert (np.hypot(x[:k] - x[k], z[:k] - z[k]) > room_m).all()


def test_where_there_is_no_room_there_are_fewer_things():
    assert len(spots(rng(), 5, (1.0, 1.2), 0.1, 3.0)) == 1
    assert spots(rng(), 0, (1.0, 2.0), 0.3, 0.1) == []


def thing(x: float, z: float, foot_m: float, half: tuple[float, float, float] = (0.1, 0.2, 0.3)) -> Shape:
    return Shape("box", (x, foot_m - half[1], z), half, LOOK)


def test_shade_lies_under_what_stands_on_it_and_not_under_what_floats():
    floor = ground(0.9, 5.0, LOOK, [thing(1.0, 2.0, 0.9), thing(-1.0, 3.0, 0.5), thing(0.0, 4.0, 0.904)])
    assert floor.contacts == ((1.0, 0.9, 2.0, pytest.approx(0.34)), (0.0, 0.9, 4.0, pytest.approx(0.34)))
    again = darkened(floor, 0.9, [])
    assert again.contacts == () and again.centre_m == floor.centre_m


def depth_along(shape: Shape, x: float, y: float) -> float:
    rays = Rays(np.array([[[x]]]), np.array([[[y]]]))
    placed = place(shape, 0, Pose(np.eye(3), np.zeros(3)))
    return float(nearest_hits([placed], rays, [(slice(None), slice(None))]).depth_m[0, 0, 0])


def test_a_backdrop_closes_the_view_and_a_floor_lies_below_it():
    wall = backdrop(7.0, LOOK)
    assert [depth_along(wall, x, y) for x in (-3.0, 0.0, 3.0) for y in (-3.0, 3.0)] == pytest.approx(
        [7.0] * 6
    )
    floor = ground(0.9, 5.0, LOOK)
    assert depth_along(floor, 0.2, 0.3) == pytest.approx(3.0)  # y = 0.9 where the ray falls by 0.3 a metre
    assert not np.isfinite(depth_along(floor, 0.0, -0.3))
