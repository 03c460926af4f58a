"""A corridor and a lane that go far into depth: what closes them, and what stands where."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.synth.shapes import Shape, place
from focusgen.synth.spaces import corridor, village
from focusgen.synth.trace import Rays, nearest_hits

SEEDS = range(3)


def bodies(build, seed: int) -> list[Shape]:
    return build(np.random.default_rng(seed))[0]


@pytest.mark.parametrize("build", [corridor, village])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_ray_leaves_the_scene_at_any_time(build, seed):
    shapes, camera = build(np.random.default_rng(seed))
    side = np.linspace(-0.6, 0.6, 25)
    rays = Rays(side[None, None, :], side[None, :, None])
    for frame in (0, 15, 31):
        placed = [place(shape, frame, camera.pose(frame)) for shape in shapes]
        hits = nearest_hits(placed, rays, [(slice(None), slice(None))] * len(placed))
        assert np.isfinite(hits.depth_m).all() and hits.depth_m.max() < 11.0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_corridor_is_even_on_both_sides(seed):
    shapes = bodies(corridor, seed)
    pillars = [s for s in shapes if s.kind == "cylinder" and s.half_m[0] == s.half_m[2] == 0.11]
    left, right = ([s.centre_m for s in pillars if np.sign(s.centre_m[0]) == sign] for sign in (-1, 1))
    assert len(left) == len(right) >= 3
    assert [(-x, y, z) for x, y, z in left] == right
    walls = [s for s in shapes if s.half_m[1] == 3.0]
    assert len(walls) == 2 and walls[0].centre_m[0] == -walls[1].centre_m[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_things_of_a_corridor_stand_between_its_walls(seed):
    shapes = bodies(corridor, seed)
    side_m = max(s.centre_m[0] for s in shapes if s.half_m[1] == 3.0)
    assert 0.95 <= side_m <= 1.25
    assert max(abs(s.centre_m[0]) for s in shapes) <= side_m


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ball_hangs_on_its_string_near_the_camera_and_swings_with_it(seed):
    shapes = bodies(corridor, seed)
    ball, string = (s for s in shapes if s.sway_m != (0.0, 0.0, 0.0))
    assert ball.centre_m[2] == string.centre_m[2] == 0.60
    for frame in (0, 7, 30):
        assert ball.centre_at(frame)[0] == pytest.approx(string.centre_at(frame)[0])
    assert string.centre_m[1] + string.half_m[1] == pytest.approx(ball.centre_m[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lane_has_houses_on_both_sides_with_windows_before_their_walls(seed):
    shapes = bodies(village, seed)
    houses = [s for s in shapes if s.kind == "box" and s.turn_deg == (0.0, 0.0, 0.0)]
    roofs = [s for s in shapes if s.turn_deg == (0, 0, 45.0)]
    assert len(houses) == len(roofs) >= 4
    assert {np.sign(s.centre_m[0]) for s in houses} == {-1.0, 1.0}
    lane = next(s for s in shapes if s.kind == "rectangle" and s.half_m[0] == 0.45)
    assert all(abs(h.centre_m[0]) - h.half_m[0] > lane.half_m[0] for h in houses)
    windows = [s for s in shapes if s.half_m[:2] == (0.11, 0.15) and s.turn_deg == (90.0, 0.0, 0.0)]
    assert len(windows) == 2 * len(houses)
    edges = {round(abs(h.centre_m[0]) - h.half_m[0] - 0.004, 6) for h in houses}
    assert {round(abs(w.centre_m[0]), 6) for w in windows} <= edges


def test_the_sky_glows_and_the_lamp_is_near():
    shapes = bodies(village, 0)
    glowing = [s for s in shapes if s.material.glow > 0]
    assert {s.material.glow for s in glowing} == {0.8, 1.0}
    assert min(s.centre_m[2] for s in glowing) < 0.8
