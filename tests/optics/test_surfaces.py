"""Surfaces of a scene: where a lens may focus, deciles, and what sky and filled holes may not do."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.optics.coc import Lens, coc_diameter_m
from focusgen.optics.stats import depth_counts
from focusgen.optics.surfaces import Surfaces


def surfaces_of(depth_m, **kwargs) -> Surfaces:
    return Surfaces.of(depth_counts(np.asarray(depth_m, np.float16)), **kwargs)


def test_a_rank_is_the_share_of_pixels_that_is_nearer():
    scene = surfaces_of([1.0] * 25 + [2.0] * 50 + [4.0] * 25)
    assert [scene.depth_at(rank) for rank in (0.0, 0.24, 0.26, 0.74, 0.76, 1.0)] == [1, 1, 2, 2, 4, 4]
    assert scene.share.tolist() == [0.25, 0.5, 0.25]


def test_blur_of_the_surfaces_is_the_labels_own_and_its_range_leaves_out_the_rest():
    scene = surfaces_of([1.0] * 10 + [2.0] * 80 + [4.0] * 10)
    lens = Lens(0.05, 2.0, 2.0)
    assert scene.coc_m(lens) == pytest.approx(coc_diameter_m(np.array([1.0, 2.0, 4.0]), lens))
    assert scene.blur_range_per_m(2.0, 0.8) == 0
    assert scene.blur_range_per_m(2.0, 0.9) == 0.25  # the far tenth, 1/2 - 1/4
    assert scene.blur_range_per_m(2.0, 0.91) == 0.5


def test_deciles_are_those_of_the_middle_and_sharp_if_over_half_of_their_pixels_are():
    scene = surfaces_of(np.arange(100, 300) / 100)
    assert scene.all_deciles == frozenset(range(10))
    assert scene.decile[9] == -1 and scene.decile[10] == 0 and scene.decile[189] == 9
    assert scene.sharp_deciles(scene.depth_m < 1.20) == {0}
    assert scene.sharp_deciles(scene.depth_m < 1.18) == set()
    assert 1.10 <= scene.depth_at(scene.rank_in_decile(0, 0.5)) <= 1.28


def test_sky_is_a_far_value_that_many_pixels_share():
    near = np.linspace(2, 6, 995)
    assert surfaces_of([*near, *[80.0] * 5]).depth_at(1.0) == pytest.approx(6)
    assert surfaces_of([*near, *[80.0] * 4]).depth_at(1.0) == 80  # a lone far thing
    assert surfaces_of([*near, *[40.0] * 50]).depth_at(1.0) == 40  # a wall
    assert surfaces_of([80.0] * 9).depth_at(0.5) == 80  # nothing else is there


def test_filled_holes_do_not_stand_in_for_a_surface_at_the_median():
    scene = surfaces_of([2.0] * 300 + [3.0] * 500 + [5.0] * 200, n_filled=500)
    assert {scene.depth_at(rank) for rank in np.linspace(0, 1, 50)} == {2.0, 5.0}
    assert scene.share[1] == 0.5  # they are pixels of the picture all the same


def test_no_depth_is_refused():
    with pytest.raises(ValueError, match="no depth"):
        Surfaces.of(np.zeros(65536, np.int64))
