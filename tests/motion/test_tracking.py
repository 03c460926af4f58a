"""Tracking a surface: a thing that comes nearer is followed, and what is lost is said to be lost."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from focusgen.motion.flow import luma
from focusgen.motion.tracking import PatchTrack, track_depths
from focusgen.optics.coc import Lens, signed_blur_radius_px
from focusgen.optics.focus_motion import Clip, follow
from focusgen.optics.stats import depth_counts
from focusgen.optics.surfaces import Surfaces
from focusgen.synth.shapes import Shape
from focusgen.synth.view import SynthScene
from focusgen.synth.write import make_scene

N_FRAMES, WIDTH = 24, 192
SWAY_M = (0.12, 0.0, 0.3)
START_M = (0.0, 0.0, 1.1)


@pytest.fixture(scope="module")
def clip_of_a_ball() -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Return pictures, depth and the depth of a painted ball that comes nearer before a wall."""
    scene = make_scene("tabletop", 1, n_frames=N_FRAMES, width=WIDTH, height=112)
    paint = next(shape.material for shape in scene.shapes if shape.kind == "ellipsoid")
    ball = Shape(
        "ellipsoid",
        START_M,
        (0.16, 0.16, 0.16),
        paint,
        sway_m=SWAY_M,
        sway_frames=2.2 * N_FRAMES,
        sway_phase=1.0,
    )
    with_ball = dataclasses.replace(scene, shapes=(scene.shapes[0], ball))
    frames = [with_ball.frame(t) for t in range(N_FRAMES)]
    depths = [np.asarray(frame.depth_m, np.float16) for frame in frames]
    return (
        [frame.rgb for frame in frames],
        depths,
        np.array([_front_m(with_ball, ball, t) for t in range(N_FRAMES)]),
    )


def _front_m(scene: SynthScene, ball: Shape, frame: int) -> float:
    """Return the median depth of the ball's pixels."""
    bare = dataclasses.replace(scene, shapes=tuple(s for s in scene.shapes if s is not ball))
    depth_m = scene.depth_m(frame)
    return float(np.median(depth_m[depth_m < bare.depth_m(frame)]))


@pytest.mark.parametrize("lag", [1, 4])
def test_a_moving_thing_stays_within_half_a_pixel_of_focus_after_the_lag(clip_of_a_ball, lag: int):
    pictures, depths, ball_m = clip_of_a_ball
    lens = Lens(0.050, 2.0, float(ball_m[0]))
    begin = lambda frame: (lens.focus_distance_m, np.random.default_rng(3))  # noqa: E731
    seen = track_depths([(0, N_FRAMES)], pictures.__getitem__, depths.__getitem__, [begin])[0]
    surfaces = Surfaces.of(sum(depth_counts(depth) for depth in depths))
    clip = Clip(((0, N_FRAMES),), (surfaces,), 24.0, 4.0)
    path = follow(lens, clip, seen, lag_frames=lag)
    radius_px = [
        abs(blur_px(dataclasses.replace(lens, focus_distance_m=s), depth_m))
        for s, depth_m in zip(path.distances_m, ball_m, strict=True)
    ]
    assert np.mean(np.array(radius_px[lag:]) <= 0.5) >= 0.9
    assert max(abs(blur_px(lens, depth_m)) for depth_m in ball_m) > 1.0  # a lens that stays does lose it


def blur_px(lens: Lens, depth_m: float) -> float:
    return float(signed_blur_radius_px(np.array([depth_m]), lens, image_width_px=WIDTH)[0])


def test_tracks_share_their_frames_and_are_the_same_again(clip_of_a_ball):
    pictures, depths, _ = clip_of_a_ball
    read: list[int] = []

    def picture(frame: int) -> np.ndarray:
        read.append(frame)
        return pictures[frame]

    starts = [lambda frame, s=s: (s, np.random.default_rng(0)) for s in (1.0, 3.0)]
    both = track_depths([(0, 6), (6, 10)], picture, depths.__getitem__, starts)
    assert read == list(range(10)) and [len(track) for track in both] == [10, 10]
    assert track_depths([(0, 6), (6, 10)], picture, depths.__getitem__, starts[1:]) == both[1:]


def test_a_thing_that_is_covered_is_lost_and_not_taken_for_what_covers_it():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)
    far, near = np.full((96, 128), 4.0, np.float16), np.full((96, 128), 0.5, np.float16)
    track = PatchTrack(far, luma(picture), 4.0, rng)
    stay = lambda points: (points, np.ones(len(points), bool))  # noqa: E731
    assert track.carry(stay, far) == 4.0
    assert track.carry(stay, near) is None and track.carry(stay, far) is None
