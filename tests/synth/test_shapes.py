"""Bodies before the camera: where they lie, how they sway, and boxes that hold all of them."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.synth.shapes import FLAT_KINDS, NEAR_M, CameraPath, Pose, Shape, place, rotation_matrix
from focusgen.synth.texture import Material
from focusgen.synth.trace import Rays, nearest_hits

ORIGIN = Pose(np.eye(3), np.zeros(3))
KINDS = ("rectangle", "disc", "leaf", "ellipsoid", "box", "cylinder")


def material() -> Material:
    return Material("checker", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), 0.1)


def shape(kind: str, **more) -> Shape:
    return Shape(kind, (0.2, -0.1, 3.0), (0.5, 0.4, 0.3), material(), **more)


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 0, 0), (0, -20, 0), (10, 20, 30), (180, 5, -90)])
def test_turns_are_rotations(angles):
    turn = rotation_matrix(*angles)
    assert np.allclose(turn @ turn.T, np.eye(3)) and np.linalg.det(turn) == pytest.approx(1.0)


def test_yaw_turns_to_the_right_and_pitch_down():
    forward = np.array([0.0, 0.0, 1.0])
    assert (rotation_matrix(10, 0) @ forward)[0] > 0
    assert (rotation_matrix(0, 10) @ forward)[1] > 0, "y points down"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (35.0, -20.0, 10.0)])
def test_the_box_of_a_body_holds_every_ray_that_meets_it_and_its_depths(kind, turn):
    placed = place(shape(kind, turn_deg=turn), 0, ORIGIN)
    side = np.linspace(-0.6, 0.6, 301)
    rays = Rays(side[None, None, :], side[None, :, None])
    whole = (slice(None), slice(None))
    hits = nearest_hits([placed], rays, [whole])
    met = np.isfinite(hits.depth_m[0])
    assert met.any()
    rows, columns = np.nonzero(met)
    left, top, right, bottom = placed.slopes
    assert left - 1e-9 <= side[columns].min() and side[columns].max() <= right + 1e-9
    assert top - 1e-9 <= side[rows].min() and side[rows].max() <= bottom + 1e-9
    low, high = placed.depth_range_m
    assert low - 1e-9 <= hits.depth_m[0][met].min() and hits.depth_m[0][met].max() <= high + 1e-9
    if kind in ("ellipsoid", "disc"):  # the box is tight, not only safe
        assert side[columns].max() == pytest.approx(right, abs=0.01)


def test_a_ball_is_hit_where_geometry_says():
    ball = Shape("ellipsoid", (0.0, 0.0, 5.0), (1.0, 1.0, 1.0), material())
    rays = Rays(np.array([[[0.0, 0.1]]]), np.array([[[0.0, 0.0]]]))
    hits = nearest_hits([place(ball, 0, ORIGIN)], rays, [(slice(None), slice(None))])
    assert hits.depth_m[0, 0, 0] == pytest.approx(4.0)
    a, b, c = 1 + 0.1**2, -2 * 5.0, 24.0  # |(0.1 z, 0, z - 5)| = 1
    assert hits.depth_m[0, 0, 1] == pytest.approx((-b - np.sqrt(b * b - 4 * a * c)) / (2 * a))


def test_the_nearer_of_two_bodies_is_the_one_that_is_seen():
    walls = [Shape("rectangle", (0, 0, z), (9, 9, 1), material()) for z in (6.0, 4.0)]
    placed = [place(wall, 0, ORIGIN) for wall in walls]
    rays = Rays(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)))
    hits = nearest_hits(placed, rays, [(slice(None), slice(None))] * 2)
    assert (hits.depth_m.item(), hits.number.item()) == (pytest.approx(4.0), 1)


def test_nothing_is_nearer_than_the_near_plane():
    close = Shape("rectangle", (0, 0, NEAR_M / 2), (9, 9, 1), material())
    rays = Rays(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)))
    hits = nearest_hits([place(close, 0, ORIGIN)], rays, [(slice(None), slice(None))])
    assert np.isinf(hits.depth_m).all() and (hits.number == -1).all()


def test_a_body_sways_with_its_period_and_a_camera_stays_near_its_path():
    swaying = shape("box", sway_m=(0.1, 0.0, 0.05), sway_frames=20.0)
    centres = np.stack([swaying.centre_at(frame) for frame in range(21)])
    assert np.allclose(centres[0], centres[20]) and np.ptp(centres[:, 0]) > 0.15
    assert np.ptp(centres[:, 1]) == 0
    path = CameraPath(position_m=(1.0, 2.0, 3.0))
    positions = np.stack([path.pose(frame).position_m for frame in range(200)])
    assert (np.abs(positions - path.position_m) <= np.asarray(path.sway_m) + 1e-12).all()
    assert len(FLAT_KINDS) == 3
