"""Formulas that promise to pass any array use operators and methods only, and give back what went in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from focusgen.optics.coc import Lens, coc_diameter_m, signed_blur_radius_px
from focusgen.optics.highlights import bent_light, regained_light
from focusgen.optics.transfer import display_values, linear_light

LENS = Lens(focal_length_m=0.05, f_number=2.0, focus_distance_m=2.0)


class Foreign(np.ndarray):
    """An array of another library, as far as numpy's own functions are concerned: none of them takes it."""

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise AssertionError(f"numpy.{function.__name__} was called with an array that is not numpy's")


FORMULAS = {
    "coc": lambda x: coc_diameter_m(x, LENS),
    "radius": lambda x: signed_blur_radius_px(x, LENS, image_width_px=100),
    "clipped radius": lambda x: signed_blur_radius_px(x, LENS, image_width_px=100, max_coc_m=1e-4),
    "regained": regained_light,
    "bent": bent_light,
    "gamma to light": linear_light,
    "srgb to light": lambda x: linear_light(x, "srgb"),
    "light to gamma": display_values,
    "light to srgb": lambda x: display_values(x, "srgb"),
}
VALUES = np.array([[0.001, 0.02, 0.5], [0.7, 0.9, 1.0]], np.float32)


@pytest.mark.parametrize("name", FORMULAS)
def test_an_array_of_another_library_passes_and_comes_back_as_its_own_kind(name):
    formula = FORMULAS[name]
    found = formula(VALUES.view(Foreign))
    assert type(found) is Foreign and found.shape == VALUES.shape
    assert found.dtype == (np.float64 if name == "light to srgb" else np.float32)
    assert np.array_equal(np.asarray(found.view(np.ndarray)), formula(VALUES))


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_what_was_given_is_left_as_it_was(formula):
    given = VALUES.copy()
    formula(given)
    assert np.array_equal(given, VALUES)


def test_the_foreign_array_would_notice():
    with pytest.raises(AssertionError, match=r"numpy\.where"):
        np.where(VALUES.view(Foreign) > 0.5, 1.0, 0.0)
