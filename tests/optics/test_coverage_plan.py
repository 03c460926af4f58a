"""The plan of a scene: what its first four sets can show at best, by trying everything."""

from __future__ import annotations

import itertools

import numpy as np

from focusgen.optics.balance import Balance, judge
from focusgen.optics.coverage_plan import CLOSER, TO_THE_LIMIT, USUAL, CoveragePlan
from focusgen.optics.stats import depth_counts
from focusgen.optics.surfaces import Surfaces

WIDTH = 320
PIXEL_M = 36e-3 / WIDTH
BALANCE = Balance((24.0, 85.0), (1.4, 8.0), (0.0075 * 36e-3, 0.02 * 36e-3), PIXEL_M)
SLOPE = Surfaces.of(depth_counts((1 / np.linspace(0.2, 1, 4000)).astype(np.float16)))
STEPS = Surfaces.of(
    depth_counts(np.repeat([0.5, 0.55, 2.0, 2.5, 3.0], [300, 100, 1000, 300, 2300]).astype(np.float16))
)


def test_the_most_is_what_four_of_the_best_sets_show_together():
    for surfaces in (SLOPE, STEPS):
        plan = CoveragePlan(surfaces, BALANCE)
        sets = list(plan.sets(None))
        shown = [a | b | c | d for a, b, c, d in itertools.product(sets, repeat=4)]
        assert plan.most(0, 0) == max(bits.bit_count() for bits in shown)
        assert plan.most(0b11, 3) == max((bits | 0b11).bit_count() for bits in sets)
        assert plan.most(0b101, 4) == 2


def test_a_set_leaves_its_turn_only_where_the_turn_costs_a_decile():
    plan = CoveragePlan(SLOPE, BALANCE)
    turns = {plan.third(0, 0, seed) for seed in range(12)}
    assert turns == {0, 1, 2}
    everything = (1 << 10) - 1
    ends_are_missing = everything & ~0b1100000011
    for seed in range(12):
        assert plan.third(ends_are_missing, 2, seed) != 1
        assert plan.third(everything, 2, seed) is not None
    assert plan.third(0, 3, 1) is None


def test_a_closer_look_finds_what_the_usual_one_misses_and_the_limit_still_more():
    parts = ((2.4, 2.5, 2500), (3.7, 3.86, 4000), (4.3, 5.0, 20_000))  # the last is a wall
    room = np.concatenate([np.linspace(*part) for part in parts])
    surfaces = Surfaces.of(depth_counts(room.astype(np.float16)))
    plans = [CoveragePlan(surfaces, BALANCE, search) for search in (USUAL, CLOSER, TO_THE_LIMIT)]
    found = [plan.most(0, 0) for plan in plans]
    assert found[0] < found[1] < found[2] == 10
    lenses = np.array(list(plans[2].sets(None).values()))
    assert not judge(surfaces, BALANCE, *lenses.T, BALANCE.expected_max_coc_m).lacks.any()


def test_no_faultless_set_no_plan():
    wall = Surfaces.of(depth_counts(np.full(100, 3.0, np.float16)))
    plan = CoveragePlan(wall, BALANCE)
    assert not plan.sets(None) and plan.most(0, 0) == 0
