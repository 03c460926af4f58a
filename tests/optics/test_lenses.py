"""The lens law: its distribution, its limits, and that it never changes."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from focusgen.base.errors import SceneError
from focusgen.optics.coc import Lens
from focusgen.optics.lenses import focus_distances_even_in_diopters, sample_lenses, spread_lenses

FROZEN = (0.06669429124541147, 2.5601340702660584, 4.013245878517101)  # seed 42
WIDE = {"d_min_m": 1.0, "d_max_m": 9.0}


def test_draws_follow_the_law_of_the_report():
    lenses = sample_lenses(4000, **WIDE, seed=1).lenses
    f = np.array([lens.focal_length_m for lens in lenses])
    n = np.array([lens.f_number for lens in lenses])
    beta = (np.array([lens.focus_distance_m for lens in lenses]) - 1.0) / 8.0
    assert f.min() >= 0.024 and f.max() <= 0.085 and f.mean() == pytest.approx(0.0545, abs=1e-3)
    assert n.min() >= 1.4 and n.max() <= 8.0
    assert np.median(n) == pytest.approx(math.sqrt(1.4 * 8.0), rel=0.05)  # log-uniform: the geometric mean
    assert beta.min() > 0 and beta.max() < 1
    assert beta.mean() == pytest.approx(0.5, abs=0.01) and beta.var() == pytest.approx(0.05, abs=0.003)


def test_the_first_lenses_do_not_change_when_more_are_asked():
    near = {"d_min_m": 0.02, "d_max_m": 0.2}  # many redraws: they must not shift what follows
    many = sample_lenses(12, **near, seed=5)
    assert many.n_redrawn > 0
    for k in range(13):
        assert sample_lenses(k, **near, seed=5).lenses == many.lenses[:k]


def test_lenses_are_frozen_and_survive_json_exactly():
    (lens,) = sample_lenses(1, **WIDE, seed=42).lenses
    assert (lens.focal_length_m, lens.focus_distance_m) == (FROZEN[0], FROZEN[2])
    assert lens.f_number == pytest.approx(FROZEN[1], rel=1e-15)  # exp() may round otherwise elsewhere
    numbers = (lens.focal_length_m, lens.f_number, lens.focus_distance_m)
    assert all(type(x) is float for x in numbers)
    assert Lens(*json.loads(json.dumps(numbers))) == lens


def test_another_seed_is_another_set():
    assert sample_lenses(4, **WIDE, seed=1).lenses != sample_lenses(4, **WIDE, seed=2).lenses


def test_focus_never_comes_nearer_than_twice_the_focal_length_and_redraws_are_counted():
    draw = sample_lenses(300, d_min_m=0.01, d_max_m=0.3, seed=3)
    assert all(lens.focus_distance_m >= 2 * lens.focal_length_m for lens in draw.lenses)
    assert draw.n_redrawn > 50
    assert sample_lenses(300, **WIDE, seed=3).n_redrawn == 0


def test_a_flat_scene_is_focused_where_it_lies():
    lenses = sample_lenses(5, d_min_m=3.0, d_max_m=3.0, seed=0).lenses
    assert {lens.focus_distance_m for lens in lenses} == {3.0}


@pytest.mark.parametrize("law", ["random", "sweep"])
@pytest.mark.parametrize("d_max", [0.004, 0.047, 0.0480000001])
def test_a_scene_too_near_for_any_lens_is_refused_with_advice(law, d_max):
    with pytest.raises(SceneError, match=r"shortest focal length[\s\S]*unit of the depth|no lens that can"):
        sample_lenses(2, d_min_m=0.001, d_max_m=d_max, seed=0, law=law)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (2.0, 1.0), (1.0, math.inf), (math.nan, 2.0)])
def test_a_depth_range_that_cannot_be_is_refused(low, high):
    with pytest.raises(SceneError, match="stats.json"):
        sample_lenses(1, d_min_m=low, d_max_m=high, seed=0)


def test_a_sweep_keeps_one_lens_and_steps_evenly_in_diopters():
    draw = sample_lenses(7, **WIDE, seed=9, law="sweep", formula="exact")
    assert len({(lens.focal_length_m, lens.f_number, lens.formula) for lens in draw.lenses}) == 1
    distances = [lens.focus_distance_m for lens in draw.lenses]
    assert distances[0] == 1.0 and distances[-1] == 9.0
    np.testing.assert_allclose(np.diff(1 / np.array(distances)), (1 / 9 - 1) / 6, rtol=1e-9)


def test_a_sweep_begins_at_twice_the_focal_length_where_the_scene_is_nearer():
    lenses = sample_lenses(4, d_min_m=0.01, d_max_m=5.0, seed=2, law="sweep").lenses
    assert lenses[0].focus_distance_m == 2 * lenses[0].focal_length_m
    assert lenses[-1].focus_distance_m == 5.0


def test_one_slice_of_a_sweep_stands_in_the_middle_in_diopters():
    assert focus_distances_even_in_diopters(1, 1.0, 3.0) == (1.5,)
    assert focus_distances_even_in_diopters(0, 1.0, 3.0) == ()
    assert focus_distances_even_in_diopters(2, 1.0, 3.0) == (1.0, 3.0)


def test_the_ranges_of_the_configuration_are_obeyed():
    lenses = sample_lenses(50, **WIDE, seed=0, focal_length_mm=(50.0, 50.0), f_number=(2.0, 2.0)).lenses
    assert {(lens.focal_length_m, lens.f_number) for lens in lenses} == {(0.05, 2.0)}


def test_lenses_that_stand_for_the_law_are_spread_as_the_law_draws():
    spread = spread_lenses(2000, WIDE["d_min_m"], WIDE["d_max_m"])
    drawn = sample_lenses(4000, **WIDE, seed=1).lenses
    for name in ("focal_length_m", "f_number", "focus_distance_m"):
        a, b = ([getattr(lens, name) for lens in lenses] for lenses in (spread, drawn))
        assert np.percentile(a, [5, 25, 50, 75, 95]) == pytest.approx(
            np.percentile(b, [5, 25, 50, 75, 95]), rel=0.08
        )
