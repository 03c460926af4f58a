"""Lengths that no lens or sensor has, and what was meant."""

from __future__ import annotations

import math

import pytest

from focusgen.optics.lens_limits import FOCAL_MM, SENSOR_MM, problem_mm


@pytest.mark.parametrize("value_mm", [0.5, 1.5, 24.0, 5000.0])
def test_lengths_of_lenses_are_no_problem(value_mm):
    assert problem_mm(value_mm, FOCAL_MM) == ("", "")


def test_metres_are_told_from_what_is_merely_impossible():
    problem, advice = problem_mm(0.036, SENSOR_MM)
    assert problem == "must be from 0.5 to 500 mm, not 0.036 mm"
    assert advice == "Give millimetres. 36 mm, if 0.036 was in metres."
    for value_mm in (-1.0, 1e6, math.nan, math.inf):
        problem, advice = problem_mm(value_mm, FOCAL_MM)
        assert "must be from 0.5 to 5000 mm" in problem and "metres." in advice and "if" not in advice
