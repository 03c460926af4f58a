"""Metres to what the autoencoder reads and back: the scale comes from the slices that are there."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from focusgen.focal.sd3.normalise import FLOOR, MARGIN_SHARE, from_unit, range_of, to_unit


def span(*diopters: float, n_padded: int = 0):
    values = torch.tensor([[*diopters, *[99.0] * n_padded]])
    mask = torch.tensor([[True] * len(diopters) + [False] * n_padded])
    return range_of(values, mask)


def test_the_range_is_that_of_the_slices_and_a_third_more_on_both_sides():
    found = span(2.0, 1.0, 1.5)
    assert found.low.item() == pytest.approx(1.0 - MARGIN_SHARE) and found.high.item() == pytest.approx(
        2.0 + MARGIN_SHARE
    )
    assert found.low.shape == found.high.shape == (1, 1, 1, 1)


def test_places_without_a_slice_say_nothing():
    for one, other in zip(span(2.0, 0.5), span(2.0, 0.5, n_padded=3), strict=True):
        assert torch.equal(one, other)


def test_nothing_beyond_fifty_metres_is_told_apart_unless_a_slice_is_focused_there():
    assert span(2.0, 0.1).low.item() == pytest.approx(FLOOR)
    assert span(2.0, 0.0).low.item() == 0.0
    assert span(2.0, 0.01).low.item() == 0.0
    assert span(2.0, 1.9).low.item() > FLOOR


def test_each_stack_of_a_batch_has_a_range_of_its_own():
    both = range_of(torch.tensor([[2.0, 1.0], [5.0, 4.0]]), torch.ones(2, 2, dtype=torch.bool))
    assert both.low.flatten().tolist() == pytest.approx([0.65, 3.65])


def test_the_ends_are_minus_one_and_one_and_the_middle_is_half_way_in_diopters():
    found = span(2.0, 1.0)
    ends = torch.tensor([found.low.item(), 1.5, found.high.item()]).reshape(1, 1, 1, 3)
    assert to_unit(ends, found).flatten().tolist() == pytest.approx([-1.0, 0.0, 1.0], abs=1e-6)


def test_near_is_large_and_what_lies_beyond_is_not_clamped():
    found = span(2.0, 1.0)
    assert to_unit(torch.tensor(5.0), found).item() > 1.0 and to_unit(torch.tensor(0.0), found).item() < -1.0


@given(st.floats(0.05, 8.0), st.floats(0.05, 8.0), st.floats(0.0, 10.0))
def test_going_there_and_back_changes_nothing(near, far, diopters):
    found = span(near, far)
    value = torch.tensor(diopters, dtype=torch.float64)
    wide = type(found)(found.low.double(), found.high.double())
    assert from_unit(to_unit(value, wide), wide).item() == pytest.approx(diopters, rel=1e-6, abs=1e-6)


def test_slices_of_one_distance_are_no_division_by_zero():
    assert torch.isfinite(to_unit(torch.tensor(1.0), span(1.0, 1.0))).all()
