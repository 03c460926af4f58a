"""What the numbers of own depth mean: scale, marks for "no depth", infinity, rays."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError
from focusgen.media.depth_units import DepthOptions, read_numbers, unit_text, units_per_metre


def metres(values: np.ndarray, **options) -> np.ndarray:
    chosen = DepthOptions(**options)
    return read_numbers(values, chosen, units_per_metre(values, chosen) or 1.0).depth_m


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_zero_negative_and_nan_floats_are_holes_and_infinity_stays_far(dtype):
    values = np.array([[0.0, -1.0, np.nan], [-np.inf, np.inf, 2.5]], dtype)
    np.testing.assert_array_equal(metres(values), [[np.nan, np.nan, np.nan], [np.nan, np.inf, 2.5]])


@pytest.mark.parametrize("scale", [3.28084, 100_000.0])
def test_half_precision_is_divided_by_the_scale_itself_not_by_the_nearest_half(scale):
    found = metres(np.array([[6000.0, 50000.0]], np.float16), depth_scale=scale, scale_floats=True)
    np.testing.assert_allclose(found, np.array([[6000.0, 49984.0]]) / scale, rtol=1e-6)


def test_a_double_too_large_for_a_float_is_a_number_and_not_infinity():
    assert metres(np.array([[1e300, np.inf]])).tolist() == [[float(np.finfo(np.float32).max), np.inf]]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, ">u2", np.int32, np.int64])
def test_whole_numbers_need_a_stated_scale(dtype):
    values = np.array([[1500, 0, 3000]], dtype)
    with pytest.raises(CorruptInputError, match=r"nobody says of which unit\n.*--depth_scale 1000"):
        metres(values)
    np.testing.assert_array_equal(metres(values, depth_scale=1000.0), np.float32([[1.5, np.nan, 3.0]]))


def test_negative_whole_numbers_are_holes():
    assert np.isnan(metres(np.array([[-1, 5]], np.int16), depth_scale=1.0)[0, 0])


@pytest.mark.parametrize("value", [65535.0, -7.0, 1e10, 655.35])
def test_a_number_that_means_no_depth_can_be_named_as_the_file_says_it(value):
    values = np.array([[value, 2.0]], np.float32)
    assert np.isnan(metres(values, invalid_values=(value,))[0, 0])
    assert metres(values, invalid_values=(3.0, 1.0))[0, 1] == 2.0


def test_sixteen_bit_saturation_is_counted_unless_it_was_named_as_no_depth():
    values = np.array([[65535, 65534, 1, 0]], np.uint16)
    options = DepthOptions(1000.0)
    assert read_numbers(values, options, 1000.0).saturated.tolist() == (values == 65535).tolist()
    assert read_numbers(values // 2, options, 1000.0).saturated is None
    assert read_numbers(values.astype(np.int32), options, 1000.0).saturated is None
    named = DepthOptions(1000.0, invalid_values=(65535.0,))
    assert read_numbers(values, named, 1000.0).saturated is None
    assert np.isnan(read_numbers(values, named, 1000.0).depth_m[0, 0])


@pytest.mark.parametrize(
    ("median", "scale", "divisor"), [(3.0, 1000.0, 1.0), (3000.0, 1000.0, 1000.0), (60.0, 5000.0, 1.0)]
)
def test_a_stated_scale_divides_floats_only_where_metres_would_be_implausible(median, scale, divisor):
    values = np.array([[median, median, 0.0, np.nan, np.inf]], np.float32)
    assert units_per_metre(values, DepthOptions(scale)) == divisor


@pytest.mark.parametrize(("median", "scale"), [(300.0, 100.0), (1e6, 1.5), (1e-3, 2.0)])
def test_floats_that_may_be_both_are_refused_until_somebody_says_which(median, scale):
    values = np.full((2, 2), median, np.float32)
    with pytest.raises(CorruptInputError, match=r"--depth\.scale_floats false .*--depth\.scale_floats true"):
        units_per_metre(values, DepthOptions(scale))
    assert units_per_metre(values, DepthOptions(scale, scale_floats=True)) == scale
    assert units_per_metre(values, DepthOptions(scale, scale_floats=False)) == 1.0


def test_floats_without_a_scale_are_metres_and_a_map_of_holes_tells_nothing():
    assert units_per_metre(np.full((2, 2), 3000.0), DepthOptions()) == 1.0
    assert units_per_metre(np.zeros((2, 2)), DepthOptions(1000.0)) is None


def test_distances_along_rays_become_depth_along_the_axis():
    height, width, focal_px = 5, 9, 6.0
    y, x = np.mgrid[:height, :width]
    rays = np.stack([(x - 4.0) / focal_px, (y - 2.0) / focal_px, np.ones_like(x, float)], -1)
    plane_m = 2.0 + 0.1 * x
    distance_m = plane_m * np.linalg.norm(rays, axis=-1)
    depth_m = metres(distance_m.astype(np.float32), ray_distance_focal_px=focal_px)
    np.testing.assert_allclose(depth_m, plane_m, rtol=1e-6)
    assert abs(metres(distance_m, ray_distance_focal_px=12.0) - plane_m).max() > 0.1


@pytest.mark.parametrize(
    ("unit", "median_m", "text"),
    [
        ("1000 per metre (uint16)", 2.4, "1000 per metre, median 2.4 m (uint16)"),
        ("metres (float32)", 2997.2, "metres, median 2997 m (float32)"),
    ],
)
def test_the_unit_is_told_with_the_median(unit, median_m, text):
    assert unit_text(unit, median_m) == text
