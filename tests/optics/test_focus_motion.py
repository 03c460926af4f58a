"""Focus that moves: where it may go, how fast, and that it is the same on every node."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.optics.coc import Lens
from focusgen.optics.focus_motion import Clip, FocusPath, drift, follow, kind_of, least_jerk, rack
from focusgen.optics.stats import depth_counts
from focusgen.optics.surfaces import Surfaces

LENS = Lens(0.05, 2.0, 2.0)
FPS, TOP = 24.0, 2.0


def surfaces_of(*depths_m: float) -> Surfaces:
    return Surfaces.of(depth_counts(np.array([depths_m], np.float16)))


NEAR_TO_FAR = surfaces_of(*np.linspace(1.0, 8.0, 400))


def clip_of(n_frames: int = 48, cuts: tuple[int, ...] = (), surfaces: Surfaces = NEAR_TO_FAR, top=TOP):
    edges = (0, *cuts, n_frames)
    shots = tuple(zip(edges[:-1], edges[1:], strict=True))
    return Clip(shots, (surfaces,) * len(shots), FPS, top)


def speeds(path: FocusPath) -> np.ndarray:
    """Return |diopters per second| between consecutive frames."""
    return np.abs(np.diff(1.0 / np.array(path.distances_m))) * FPS


@pytest.mark.parametrize("move", [rack, drift])
def test_focus_starts_at_the_lens_moves_no_faster_than_a_lens_and_stays_inside_the_scene(move):
    for seed in range(40):
        path = move(LENS, clip_of(), seed=seed)
        assert len(path.distances_m) == 48 and path.distances_m[0] == 2.0 and path.jumps == ()
        assert all(type(value) is float for value in path.distances_m)
        assert 0.0 < speeds(path).max() <= TOP * (1 + 1e-9)
        assert 1.0 <= min(path.distances_m) and max(path.distances_m) <= 8.0
        assert path == move(LENS, clip_of(), seed=seed) != move(LENS, clip_of(), seed=seed + 1)


def test_a_rack_begins_and_ends_at_rest_on_surfaces_and_takes_the_step_that_is_seen():
    for seed in range(40):
        path = rack(LENS, clip_of(), seed=seed)
        assert path.remarks == () and path.distances_m[-1] in NEAR_TO_FAR.depth_m
        moving = speeds(path)
        assert moving[0] < moving.max() / 2 and moving[-1] < moving.max() / 2
        assert np.ptp(1.0 / np.array(path.distances_m)) >= 0.25 * (1 / 1.35 - 1 / 7.65) * 0.99


def test_a_rack_has_one_to_three_parts_and_the_profile_of_the_least_jerk():
    rests = set()
    for seed in range(60):
        moving = speeds(rack(LENS, clip_of(96, surfaces=surfaces_of(1, 2, 4, 8)), seed=seed)) > 1e-9
        rests.add(int(np.count_nonzero(np.diff(np.concatenate([[0], moving.astype(int)])) == 1)))
    assert rests <= {1, 2, 3} and len(rests) >= 2
    at = np.linspace(0, 1, 2001)
    way = np.array([least_jerk(u) for u in at])
    assert way[0] == 0 and way[-1] == 1 and way[1000] == 0.5
    assert np.gradient(way, at).max() == pytest.approx(1.875, rel=1e-3)


def test_a_rack_that_no_lens_is_fast_enough_for_says_that_it_ends_short():
    path = rack(LENS, clip_of(8, surfaces=surfaces_of(2.0, 0.2)), seed=3)
    clipped = rack(LENS, clip_of(8, surfaces=surfaces_of(2.0, 0.2), top=0.5), seed=3)
    assert path.remarks and clipped.remarks and "ends short" in clipped.remarks[0]
    assert speeds(clipped).max() <= 0.5 * (1 + 1e-9)
    assert 1 / clipped.distances_m[-1] == pytest.approx(0.5 + 0.5 * 7 / FPS / 1.875)


@pytest.mark.parametrize("move", [rack, drift])
def test_nothing_moves_across_a_cut_but_the_jump_is_noted(move):
    other = surfaces_of(*np.linspace(20.0, 40.0, 100))
    clip = Clip(((0, 20), (20, 40)), (NEAR_TO_FAR, other), FPS, TOP)
    path = move(LENS, clip, seed=5)
    assert path.jumps == (20,) and len(path.distances_m) == 40
    assert all(20.0 <= value <= 40.0 for value in path.distances_m[20:])
    assert all(value <= 8.0 for value in path.distances_m[:20])
    assert path.distances_m[:20] == move(LENS, clip_of(20), seed=5).distances_m


@pytest.mark.parametrize("move", [rack, drift])
def test_a_scene_of_one_surface_and_a_shot_of_one_frame_keep_their_focus(move):
    path = move(LENS, clip_of(24, surfaces=surfaces_of(2.0, 2.0)), seed=1)
    assert set(path.distances_m) == {2.0}
    assert len(move(LENS, clip_of(3, cuts=(1, 2)), seed=1).distances_m) == 3


@pytest.mark.parametrize("move", [rack, drift])
def test_no_lens_is_focused_nearer_than_twice_its_focal_length(move):
    long_lens = Lens(0.085, 2.0, 0.5)
    for seed in range(20):
        path = move(
            long_lens, clip_of(surfaces=surfaces_of(*np.linspace(0.05, 0.6, 50)), top=20.0), seed=seed
        )
        assert min(path.distances_m) >= 2 * 0.085


@pytest.mark.parametrize("lag", [0, 2, 6])
def test_a_surface_that_comes_steadily_is_followed_and_one_that_starts_is_seen_late(lag):
    steady = [1.0 / (0.3 + 0.01 * t) for t in range(48)]
    path = follow(LENS, clip_of(), steady, lag_frames=lag)
    late_per_m = np.abs(1 / np.array(path.distances_m) - 1 / np.array(steady))
    assert path.distances_m[0] == steady[0] and late_per_m[lag + 12 :].max() < 0.006
    sudden = [2.0] * 10 + [1.5] * 38
    path = follow(LENS, clip_of(), sudden, lag_frames=lag)
    assert set(path.distances_m[: 10 + lag]) == {2.0} and path.distances_m[10 + lag] < 2.0
    assert path.distances_m[-1] == pytest.approx(1.5, rel=0.01)
    assert speeds(path).max() <= TOP * (1 + 1e-9)


def test_a_lost_track_keeps_its_focus_and_says_where():
    seen = [2.0] * 5 + [None] * 7
    path = follow(LENS, clip_of(12), seen, lag_frames=1)
    assert set(path.distances_m) == {2.0}
    assert path.remarks == ("lost in 7 frames, first 5: focus stays where it is",)


def test_mixed_has_each_kind_once_in_each_four_sets_whatever_their_number():
    kinds = [kind_of("mixed", index, 7) for index in range(8)]
    assert set(kinds[:4]) == set(kinds[4:]) == {"rack", "track", "drift", "fixed"}
    assert any(kind_of("mixed", 0, seed) != kinds[0] for seed in range(8))
    assert kind_of("drift", 3, 7) == "drift"
