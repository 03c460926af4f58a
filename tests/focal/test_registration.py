"""Slices are brought together where they differ, and are the very same pixels where they do not."""

import numpy as np
import pytest

from focusgen.focal.registration import registered
from tests.focal.stacks import truth
from tests.focal.test_exposure import AUTOMATIC, taken_with


@pytest.mark.parametrize("name", ["tabletop", "handheld"])
def test_even_stacks_are_not_touched(name: str):
    slices = truth(name).slices
    assert registered(slices, aligns=False).slices is slices
    assert registered(slices).exposure.is_even


def test_a_handheld_stack_is_aligned_although_exposure_explains_more_than_shake():
    traced = truth("handheld")
    even, automatic = registered(traced.slices), registered(taken_with(traced.slices, AUTOMATIC))
    assert not automatic.alignment.is_still
    for ours, other in zip(automatic.alignment.matrices, even.alignment.matrices, strict=True):
        assert np.abs(ours - other)[:2, 2].max() <= 0.4
    assert np.abs(np.log(automatic.exposure.gains / AUTOMATIC)).max() <= 0.03
