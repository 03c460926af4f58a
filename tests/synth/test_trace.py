"""Rays against bodies: the nearest surface from any point of a lens, and the same light for all of them."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.synth.shapes import PlacedShape, Pose, Shape, place
from focusgen.synth.texture import Material
from focusgen.synth.trace import Rays, light_of_hits, nearest_hits, points_of_hits

ORIGIN = Pose(np.eye(3), np.zeros(3))
WHOLE = (slice(None), slice(None))
LOOK = Material("noise", (0.1, 0.2, 0.3), (0.9, 0.8, 0.7), 0.2, grain=0.0)
HALF = (0.5, 0.4, 0.3)

INSIDE = {
    "ellipsoid": lambda x, y, z: x * x + y * y + z * z <= 1.0,
    "box": lambda x, y, z: np.maximum(np.maximum(np.abs(x), np.abs(y)), np.abs(z)) <= 1.0,
    "cylinder": lambda x, y, z: (x * x + z * z <= 1.0) & (np.abs(y) <= 1.0),
}


def placed(kind: str, at=(0.2, -0.1, 3.0), turn=(35.0, -20.0, 10.0), look: Material = LOOK) -> PlacedShape:
    return place(Shape(kind, at, HALF, look, turn), 0, ORIGIN)


def fan(n: int, lens: tuple[float, float] | None = None) -> Rays:
    side = np.linspace(-0.25, 0.35, n)
    start = None if lens is None else tuple(np.full((1, n, n), value) for value in lens)
    return Rays(side[None, None, :], side[None, :, None], start)


def marched(body: PlacedShape, rays: Rays, kind: str) -> np.ndarray:
    """Return the first depth at which a walk along each ray is inside the body, inf for none."""
    step_m = 2e-3
    x, y = np.broadcast_arrays(rays.x[0], rays.y[0])
    lens = (0.0, 0.0) if rays.lens is None else (rays.lens[0][0], rays.lens[1][0])
    first = np.full(x.shape, np.inf)
    for depth in np.arange(1.8, 4.2, step_m):
        point = np.stack([lens[0] + x * depth, lens[1] + y * depth, np.full(x.shape, depth)])
        local = np.tensordot(body.matrix, point, 1) + body.offset[:, None, None]
        first[np.isinf(first) & INSIDE[kind](*local)] = depth
    return first


@pytest.mark.parametrize("lens", [None, (0.06, -0.04)])
@pytest.mark.parametrize("kind", INSIDE)
def test_a_ray_ends_where_a_walk_along_it_enters_the_body(kind, lens):
    body, rays = placed(kind), fan(41, lens)
    found = nearest_hits([body], rays, [WHOLE]).depth_m[0]
    walked = marched(body, rays, kind)
    both = np.isfinite(found) & np.isfinite(walked)
    assert both.sum() > 200
    assert np.abs(found[both] - walked[both]).max() < 4e-3
    assert np.mean(np.isfinite(found) != np.isfinite(walked)) < 0.02, "they part at the rim alone"


@pytest.mark.parametrize("kind", ["rectangle", "disc", "leaf"])
def test_flat_bodies_are_hit_in_their_plane_and_within_their_outline(kind):
    body, rays = placed(kind), fan(61)
    hits = nearest_hits([body], rays, [WHOLE])
    mine = hits.number == 0
    x, y, z = points_of_hits(body, rays, hits.depth_m, mine)
    assert mine.sum() > 200 and np.abs(z).max() < 1e-9
    reach = {"rectangle": np.maximum(np.abs(x), np.abs(y)), "disc": x * x + y * y, "leaf": np.abs(x) + y * y}
    assert 0.95 < reach[kind].max() <= 1.0


def test_the_nearest_of_many_wins_whatever_their_order():
    near, far = placed("ellipsoid", at=(0.0, 0.0, 2.0)), placed("box", at=(0.9, 0.3, 4.0))
    rays = fan(31)
    one = nearest_hits([near, far], rays, [WHOLE, WHOLE])
    other = nearest_hits([far, near], rays, [WHOLE, WHOLE])
    assert np.array_equal(one.depth_m, other.depth_m)
    assert np.array_equal(one.number == 0, other.number == 1) and (one.number == 1).any()


def test_what_lies_behind_the_lens_or_outside_its_region_is_never_hit():
    behind = placed("ellipsoid", at=(0.0, 0.0, -2.0))
    assert np.isinf(nearest_hits([behind], fan(11), [WHOLE]).depth_m).all()
    region = (slice(2, 5), slice(3, 7))
    found = nearest_hits([placed("box", at=(0.0, 0.0, 2.0))], fan(11), [region]).number[0]
    rows, columns = np.nonzero(found == 0)
    assert set(rows) == {2, 3, 4} and set(columns) == {3, 4, 5, 6}


def test_a_point_sends_the_same_light_to_every_point_of_the_lens():
    """That is what makes a traced blur the sum of shifted sharp pictures."""
    ball = placed("ellipsoid", at=(0.0, 0.0, 2.0), turn=(0.0, 0.0, 0.0))
    target = np.array([0.1, -0.05, 2.0 - 0.3 * np.sqrt(1.0 - 0.2**2 - 0.125**2)])
    lights = []
    for lens in ((0.0, 0.0), (0.05, 0.0), (-0.03, 0.04)):
        slope = (target[:2] - lens) / target[2]
        x, y, *start = (np.full((1, 1, 1), value) for value in (*slope, *lens))
        rays = Rays(x, y, (start[0], start[1]))
        hits = nearest_hits([ball], rays, [WHOLE])
        assert hits.depth_m[0, 0, 0] == pytest.approx(target[2], abs=1e-9)
        lights.append(light_of_hits([ball], rays, hits, [WHOLE])[:, 0, 0, 0])
    assert np.ptp(lights, axis=0).max() < 1e-9 and min(lights[0]) > 0.0


def test_light_falls_from_above_and_a_glowing_body_needs_none():
    grey = Material("plain", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 1.0, grain=0.0)
    bulb = Material("plain", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 1.0, grain=0.0, glow=1.0)
    up, down = np.full((1, 1, 1), -0.13), np.full((1, 1, 1), 0.13)
    lights = {}
    for name, look in (("grey", grey), ("bulb", bulb)):
        ball = placed("ellipsoid", at=(0.0, 0.0, 2.0), turn=(0.0, 0.0, 0.0), look=look)
        for place_name, y in (("top", up), ("bottom", down)):
            rays = Rays(np.zeros((1, 1, 1)), y)
            hits = nearest_hits([ball], rays, [WHOLE])
            lights[name, place_name] = light_of_hits([ball], rays, hits, [WHOLE])[0, 0, 0, 0]
    assert lights["grey", "top"] > 1.5 * lights["grey", "bottom"] > 0.0
    assert lights["bulb", "top"] == pytest.approx(0.5) == lights["bulb", "bottom"]
