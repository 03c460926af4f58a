"""Of several depths, that one is taken which explains the slices around a pixel."""

import numpy as np
import pytest

from focusgen.focal import candidates
from focusgen.focal.candidates import put_together
from focusgen.focal.classical import Estimate, estimate
from focusgen.focal.scores import depth_scores
from focusgen.focal.stack import FocalStack, metres_of
from tests.focal.stacks import truth

PART = (slice(40, 104), slice(60, 156))
HOLE = (slice(20, 44), slice(30, 66))


def test_a_candidate_is_taken_where_it_explains_more_and_only_there(monkeypatch: pytest.MonkeyPatch):
    traced = truth("tabletop")
    slices = np.ascontiguousarray(traced.slices[:, PART[0], PART[1]])
    stack = FocalStack(slices, 1.0 / np.array(traced.distances_m), traced.radius_px_m)
    true = (1.0 / traced.depth_m[PART]).astype(np.float32)
    wrong = true.copy()
    wrong[HOLE] = stack.diopters[-1]
    mirrored = np.ascontiguousarray(true[:, ::-1])
    monkeypatch.setattr(candidates, "_candidates", lambda *args: iter([mirrored, true]))
    found = Estimate(wrong, wrong, np.ones_like(true), "relative_blur", {"focus_measure": 1.0})
    told: list[float] = []
    made = put_together(stack, found, progress=told.append)
    before, after = (np.abs(one - true)[HOLE].mean() for one in (wrong, made.diopters))
    assert after <= 0.3 * before
    outside = np.ones(true.shape, bool)
    outside[HOLE] = False
    assert np.abs(made.diopters - true)[outside].mean() <= 0.1 * before
    assert made.confidence[HOLE].mean() <= 0.5 < 0.9 <= made.confidence[outside].mean()
    assert told == sorted(told)


@pytest.mark.slow
def test_a_traced_stack_becomes_no_worse_with_the_candidates_of_best():
    traced = truth("tabletop")
    rows, columns = slice(32, 160), slice(53, 267)
    slices, depth_m = traced.slices[:, rows, columns], traced.depth_m[rows, columns]
    stack = FocalStack(slices, 1.0 / np.array(traced.distances_m), traced.radius_px_m)
    found = estimate(stack)
    made = put_together(stack, found)
    before, after = (depth_scores(metres_of(one.diopters), depth_m) for one in (found, made))
    assert after["abs_rel"] <= before["abs_rel"]
    assert after["rmse"] <= before["rmse"]
