"""Blur and distance: linear in diopters, one factor per stack, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from focusgen.focal.baselines import predict
from focusgen.focal.stack import FARTHEST_M, FocalStack, StackLens, metres_of, shrunk


def test_a_lens_s_blur_is_the_thin_lens_s():
    # f^2 / (2 N) = 0.05^2 / 4 = 625e-6 m^2; 3600 px show 0.036 m: 62.5 px per diopter.
    assert StackLens(0.05, 2.0).radius_px_m(3600) == pytest.approx(62.5)


@pytest.mark.parametrize(
    ("lens", "factor"),
    [
        (StackLens(0.1, 2.0), 4.0),  # twice as long: four times
        (StackLens(0.05, 4.0), 0.5),
        (StackLens(0.05, 2.0, 0.018), 2.0),
        (StackLens(0.05, 2.0, formula="exact"), 1.0),  # without a reference there is nothing to magnify
        (StackLens(0.05, 2.0, formula="exact", reference_m=math.inf), 1.0),
        (StackLens(0.05, 2.0, formula="exact", reference_m=0.55), 1.1),  # s / (s - f)
        (StackLens(0.05, 2.0, reference_m=0.55), 1.0),
    ],
)
def test_it_scales_as_optics_says(lens, factor):
    assert lens.radius_px_m(1000) == pytest.approx(factor * StackLens(0.05, 2.0).radius_px_m(1000))
    assert lens.radius_px_m(2000) == pytest.approx(2.0 * lens.radius_px_m(1000))


def test_depth_can_be_told_as_far_as_a_tenth_of_it_moves_the_blur_by_a_quarter_pixel():
    lens = StackLens(0.05, 2.0)
    reach_m, k = lens.identifiable_to_m(1000), lens.radius_px_m(1000)
    # A tenth of the depth changes 1/d by a tenth of it, to first order.
    assert k * 0.1 / reach_m == pytest.approx(0.25)


def stack(*diopters: float, gain: float | None = 10.0) -> FocalStack:
    return FocalStack(np.zeros((len(diopters), 2, 3, 3), np.uint8), np.array(diopters), gain)


def test_the_sharpest_slice_is_the_one_nearest_in_diopters():
    depth = np.array([[2.0, 1.4, 0.0], [3.0, 1.6, 1.0]], np.float32)
    found = stack(2.0, 1.0, 0.5).nearest_radius_px(depth)
    np.testing.assert_allclose(found, [[0.0, 4.0, 5.0], [10.0, 4.0, 0.0]], rtol=1e-5)
    assert found.dtype == np.float32


def test_a_stack_knows_its_length_and_its_span():
    found = stack(2.0, 1.0, 0.5)
    assert len(found) == 3 and found.span == 1.5


def test_slices_that_are_focused_far_out_are_as_far_in_metres():
    far = stack(1 / 2000, 1 / 5000, 0.0)
    assert (far.farthest_m, stack(2.0, 0.5, 0.0).farthest_m) == (pytest.approx(15_000.0), FARTHEST_M)
    found = [predict(method, far).depth_m[0, 0] for method in ("laplacian_argmax", "constant")]
    assert found == pytest.approx([2000.0, 4000.0])


def test_infinity_is_written_as_a_large_number_of_metres():
    found = metres_of(np.array([2.0, 0.5, 1.0 / FARTHEST_M, 0.0, -1.0]))
    assert found.tolist() == pytest.approx([0.5, 2.0, FARTHEST_M, FARTHEST_M, FARTHEST_M])
    assert found.dtype == np.float32 and np.isfinite(found).all()


def test_a_smaller_stack_blurs_as_much_less_in_pixels():
    large = FocalStack(np.full((2, 60, 90, 3), 7, np.uint8), np.array([2.0, 1.0]), 12.0)
    small = shrunk(large, 3.0)
    assert small.slices.shape == (2, 20, 30, 3) and (small.slices == 7).all()
    assert small.radius_px_m == pytest.approx(4.0) and shrunk(large, 1.0) is large
