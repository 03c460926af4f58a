"""One circle of confusion, one label: values worked out by hand, limits, and the published expression."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.base.errors import DepthRangeError
from focusgen.optics.coc import (
    Lens,
    blur_diameter_px,
    coc_diameter_m,
    focus_map,
    focus_map_by_formula,
    signed_blur_radius_px,
)

LENS_50MM_F2 = Lens(focal_length_m=0.050, f_number=2.0, focus_distance_m=2.0)
EXACT_50MM_F2 = Lens(0.050, 2.0, 2.0, formula="exact")


def every_depth() -> np.ndarray:
    """Each positive finite float16, once."""
    return np.arange(1, 0x7C00, dtype=np.uint16).view(np.float16)


def test_blur_matches_a_hand_calculation():
    # 0.050**2 / (2 * 2.0) * |4 - 2| / 4 = 312.5 um
    assert coc_diameter_m(np.array([4.0]), LENS_50MM_F2) == pytest.approx(312.5e-6, rel=1e-6)
    # the exact thin lens divides by N (S - f) = 2 * 1.95
    assert coc_diameter_m(np.array([4.0]), EXACT_50MM_F2) == pytest.approx(0.0025 / 3.9 / 2, rel=1e-6)


def test_the_exact_formula_agrees_with_the_image_of_a_point():
    # A thin lens images d at v = f d / (d - f); the cone of aperture f / N is cut by the sensor at v(S).
    f, n, s = 0.050, 2.0, 2.0
    depth = np.array([0.5, 1.0, 3.0, 30.0])
    image, sensor = f * depth / (depth - f), f * s / (s - f)
    by_rays = (f / n) * np.abs(image - sensor) / image
    np.testing.assert_allclose(coc_diameter_m(depth, EXACT_50MM_F2), by_rays, rtol=1e-12)


@pytest.mark.parametrize("lens", [LENS_50MM_F2, EXACT_50MM_F2])
def test_coc_is_linear_in_inverse_depth_and_reaches_its_scale_at_infinity(lens):
    depth = np.geomspace(0.3, 1e6, 50)
    by_diopters = lens.coc_per_diopter_m2 * np.abs(1 / depth - 1 / lens.focus_distance_m)
    np.testing.assert_allclose(coc_diameter_m(depth, lens), by_diopters, rtol=1e-9)
    assert coc_diameter_m(np.array([1e12]), lens) == pytest.approx(lens.coc_scale_m, rel=1e-9)


def test_focal_plane_has_zero_blur_and_full_focus():
    depth = np.full((2, 3), 2.0, dtype=np.float16)
    assert np.all(coc_diameter_m(depth.astype(np.float32), LENS_50MM_F2) == 0)
    assert np.all(focus_map(depth, LENS_50MM_F2, 1e-3) == 1)


@pytest.mark.parametrize("lens", [LENS_50MM_F2, EXACT_50MM_F2, Lens(0.0837461, 1.4142135, 7.123456)])
@pytest.mark.parametrize("max_coc_m", [1e-5, 3.3e-4, 0.0123])
def test_the_table_gives_the_published_expression_bit_for_bit(lens, max_coc_m):
    depth = every_depth()
    f, n, s = lens.focal_length_m, lens.f_number, lens.focus_distance_m
    d = depth.astype(np.float32)
    denominator = n * (s - f) if lens.formula == "exact" else n * s
    coc = (f * f / denominator) * np.abs(d - s) / d
    published = (1.0 - np.clip(coc / max_coc_m, 0.0, 1.0)).astype(np.float16)
    for ours in (focus_map(depth, lens, max_coc_m), focus_map_by_formula(depth, lens, max_coc_m)):
        assert ours.dtype == np.float16
        assert np.array_equal(ours.view(np.uint16), published.view(np.uint16))
    assert published.min() >= 0 and published.max() <= 1


@pytest.mark.parametrize("hole", [0.0, -1.0, np.nan, np.inf])
def test_holes_are_refused(hole):
    with pytest.raises(DepthRangeError, match=r"1 of 2 depths .* phase 3|1 of 2 depths"):
        focus_map(np.array([1.0, hole], dtype=np.float16), LENS_50MM_F2, 1e-3)


def test_a_label_without_a_positive_max_coc_is_refused():
    with pytest.raises(ValueError, match="max_coc must be > 0"):
        focus_map(np.ones(3, np.float16), LENS_50MM_F2, 0.0)


@pytest.mark.parametrize("bad", [np.float64(0.05), 50, "0.05"])
def test_a_lens_takes_python_floats_only(bad):
    with pytest.raises(TypeError, match="must be a Python float"):
        Lens(bad, 2.0, 2.0)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((0.0, 2.0, 2.0), "finite and > 0"),
        ((0.05, float("nan"), 2.0), "finite"),
        ((0.05, 2.0, float("inf")), "finite"),
        ((0.05, 2.0, -1.0), "> 0"),
    ],
)
def test_a_lens_that_cannot_be_is_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        Lens(*numbers)


def test_a_formula_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="'paper' or 'exact', not 'thin'"):
        Lens(0.05, 2.0, 2.0, "thin")


def test_the_exact_formula_refuses_focus_inside_the_focal_length():
    with pytest.raises(ValueError, match="beyond the focal length"):
        Lens(0.085, 2.0, 0.085, formula="exact")


def test_signed_radius_is_positive_nearer_and_half_the_diameter_on_the_image():
    depth = np.array([1.0, 2.0, 4.0], dtype=np.float32)
    radius = signed_blur_radius_px(depth, LENS_50MM_F2, image_width_px=1280)
    diameter = [blur_diameter_px(c, image_width_px=1280) for c in (625e-6, 0.0, 312.5e-6)]
    np.testing.assert_allclose(radius, [diameter[0] / 2, 0.0, -diameter[2] / 2], rtol=1e-5)
    gain = LENS_50MM_F2.coc_per_diopter_m2 * 1280 / (2 * 0.036)  # K of radius_px = K (1/d - 1/S)
    np.testing.assert_allclose(radius, gain * (1 / depth - 1 / 2.0), rtol=1e-5, atol=1e-6)
    assert radius.dtype == np.float32


def test_radius_saturates_with_the_label():
    depth = np.array([0.5, 2.0, 100.0], dtype=np.float32)
    radius = signed_blur_radius_px(depth, LENS_50MM_F2, image_width_px=1000, max_coc_m=1e-4)
    assert np.abs(radius).max() == pytest.approx(1e-4 * 1000 / 0.036 / 2, rel=1e-5)


def test_torch_tensors_give_the_numbers_of_numpy_arrays():
    torch = pytest.importorskip("torch")
    depth = np.geomspace(0.3, 50, 64).astype(np.float32)
    tensor = torch.from_numpy(depth)
    coc = coc_diameter_m(tensor, LENS_50MM_F2)
    assert np.array_equal(coc.numpy(), coc_diameter_m(depth, LENS_50MM_F2))
    ours = signed_blur_radius_px(tensor, LENS_50MM_F2, image_width_px=640, max_coc_m=1e-3)
    assert ours.dtype == torch.float32
    np.testing.assert_array_equal(
        ours.numpy(), signed_blur_radius_px(depth, LENS_50MM_F2, image_width_px=640, max_coc_m=1e-3)
    )
