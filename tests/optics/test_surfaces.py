"""Surfaces of a scene: where a lens may focus, deciles, and what sky and filled holes may not do."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.base.errors import SceneError
from focusgen.optics.stats import depth_counts
from focusgen.optics.surfaces import Surfaces, is_cut_off, rank_in_decile


def surfaces_of(depth_m, **kwargs) -> Surfaces:
    return Surfaces.of(depth_counts(np.asarray(depth_m, np.float16)), **kwargs)


def depth_at(scene: Surfaces, *ranks: float) -> list[float]:
    return scene.depths_at(np.array(ranks)).tolist()


def test_a_rank_is_the_share_of_pixels_that_is_nearer():
    scene = surfaces_of([1.0] * 25 + [2.0] * 50 + [4.0] * 25)
    assert depth_at(scene, 0.0, 0.24, 0.26, 0.74, 0.76, 1.0) == [1, 1, 2, 2, 4, 4]
    assert scene.share.tolist() == [0.25, 0.5, 0.25]


def test_the_range_of_blur_leaves_out_the_rest():
    scene = surfaces_of([1.0] * 10 + [2.0] * 80 + [4.0] * 10)
    ranges = [scene.blur_range_per_m(np.array([2.0, 4.0]), share).tolist() for share in (0.8, 0.9, 0.91)]
    assert ranges == [[0, 0.25], [0.25, 0.25], [0.5, 0.75]]


def test_spans_hold_what_is_near_in_diopters_both_ends_included():
    scene = surfaces_of([1.0] * 10 + [2.0] * 80 + [4.0] * 10)
    focus_m, defocus_per_m = np.array([2.0, 2.0, 2.0, 1.0]), np.array([0.0, 0.25, 0.5, 0.49])
    span = scene.near(focus_m, defocus_per_m)
    assert [place.tolist() for place in span] == [[1, 1, 0, 0], [2, 3, 3, 1]]
    assert scene.share_of(span) == pytest.approx([0.8, 0.9, 1.0, 0.1])


def test_deciles_are_those_of_the_middle_and_shown_by_over_half_of_their_pixels():
    scene = surfaces_of(np.arange(100, 300) / 100)
    assert scene.all_deciles == tuple(range(10))
    assert scene.decile[9] == -1 and scene.decile[10] == 0 and scene.decile[189] == 9
    shown = scene.deciles_in((np.array([0, 0, 19]), np.array([20, 19, 46])))
    assert [np.flatnonzero(row).tolist() for row in shown] == [[0], [], [1]]
    near, far = rank_in_decile(np.array([0, 9]), np.array([0.0, 0.999]))
    assert 1.09 < depth_at(scene, near)[0] <= depth_at(scene, far)[0] <= 2.90


def test_sky_is_a_far_value_that_many_pixels_share():
    near = np.linspace(2, 6, 995)
    assert depth_at(surfaces_of([*near, *[80.0] * 5]), 1.0) == [6]
    assert depth_at(surfaces_of([*near, *[80.0] * 4]), 1.0) == [80]  # a lone far thing
    assert depth_at(surfaces_of([*near, *[40.0] * 50]), 1.0) == [40]  # a wall
    assert depth_at(surfaces_of([80.0] * 9), 0.5) == [80]  # nothing else is there


def test_filled_holes_do_not_stand_in_for_a_surface_at_the_median():
    scene = surfaces_of([2.0] * 300 + [3.0] * 500 + [5.0] * 200, put=[(3.0, 500)])
    assert set(depth_at(scene, *np.linspace(0, 1, 50))) == {2.0, 5.0}
    assert scene.share[1] == 0.5  # they are pixels of the picture all the same


def test_what_is_known_to_be_far_stands_for_no_surface_wherever_it_was_put():
    scene = surfaces_of([2.0] * 300 + [3.0] * 400 + [5.0] * 300, put=[(5.0, 250), (3.0, 400)])
    assert set(depth_at(scene, *np.linspace(0, 1, 50))) == {2.0, 5.0}
    assert scene.focusable.tolist() == [0.3, 0.0, 0.05]  # a wall at 5 m stands before the sky


def test_nothing_too_near_attracts_focus_and_a_scene_of_nothing_else_is_refused():
    scene = surfaces_of([0.03] * 50 + [1.0] * 50).beyond(0.048)
    assert set(depth_at(scene, 0.0, 0.5, 1.0)) == {1.0} and scene.share.tolist() == [0.5, 0.5]
    with pytest.raises(SceneError, match=r"nearer than 2 m.*twice the shortest focal length"):
        scene.beyond(2.0)


def test_no_depth_is_refused():
    with pytest.raises(ValueError, match="no depth"):
        Surfaces.of(np.zeros(65536, np.int64))


def ramp(*, end_m: float, n_at_end: int) -> tuple[np.ndarray, np.ndarray]:
    """Return depths that go on up to an end, and their pixels."""
    depth_m = np.unique(np.linspace(1.0, end_m, 2000).astype(np.float16)).astype(np.float64)
    pixels = np.full(depth_m.size, 10.0)
    pixels[-1] = n_at_end
    return depth_m, pixels


def test_depth_that_ends_in_many_pixels_at_a_whole_number_is_cut_off():
    assert is_cut_off(*ramp(end_m=10.0, n_at_end=2000))
    assert is_cut_off(*ramp(end_m=65.535, n_at_end=2000))
    assert not is_cut_off(*ramp(end_m=10.0, n_at_end=40))
    assert not is_cut_off(*ramp(end_m=9.37, n_at_end=2000))
    assert not is_cut_off(*ramp(end_m=3.0, n_at_end=2000))


def test_a_wall_with_nothing_before_it_is_not_cut_off():
    assert not is_cut_off(np.array([1.0, 10.0]), np.array([50.0, 50.0]))
