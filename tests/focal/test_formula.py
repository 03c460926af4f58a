"""Which formula holds for slices that no longer breathe: told by their blur."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.focal.alignment import no_alignment
from focusgen.focal.empty_borders import empty_borders
from focusgen.focal.formula import with_formula
from focusgen.focal.stack import StackLens
from tests.focal.stacks import truth
from tests.focal.test_empty_borders import aligned_by_others


@pytest.mark.parametrize(("focal_m", "formula"), [(0.25, "exact"), (0.05, "paper")])
def test_macro_slices_that_were_aligned_before_tell_the_formula_by_their_blur(focal_m, formula):
    traced = truth("tabletop")  # the same pictures, as a longer lens with the same opening takes them
    reference_m, width = traced.distances_m[2], traced.slices.shape[2]
    view_px = traced.radius_px_m * 2 * 2.0 / 0.05  # k = f / 2N fx, of 50 mm at f/2
    image_m = focal_m * reference_m / (reference_m - focal_m) if formula == "exact" else focal_m
    f_number = 2.0 * focal_m / 0.05
    lens = StackLens(focal_m, f_number, image_m * width / view_px)
    still = no_alignment(len(traced.slices))
    shown = still, list(traced.distances_m), traced.slices, np.zeros(traced.slices.shape[:3], bool)
    found = with_formula(lens, "auto", *shown)
    assert found.formula == formula
    assert found.radius_px_m(width) == pytest.approx(traced.radius_px_m, rel=1e-6)
    assert with_formula(lens, "paper", *shown).formula == "paper"


def test_borders_that_an_alignment_left_empty_tell_that_slices_breathed_and_on_which_they_lie():
    traced = truth("handheld")
    lens, width = StackLens(0.05, 2.0, 0.036), traced.slices.shape[2]
    shown = no_alignment(len(traced.slices)), list(traced.distances_m), traced.slices
    empty = empty_borders(aligned_by_others(0))
    found = with_formula(lens, "auto", *shown, empty)
    assert (found.formula, found.reference_m) == ("exact", traced.distances_m[2])
    assert found.radius_px_m(width) == pytest.approx(traced.radius_px_m, rel=1e-3)
    assert (
        with_formula(lens, "auto", *shown, empty[::-1]).formula == "paper"
    )  # far ones smaller: no lens does
    assert with_formula(lens, "auto", *shown, np.zeros_like(empty)).formula == "paper"
