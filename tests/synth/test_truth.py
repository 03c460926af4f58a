"""Traced truth: blur radius, energy, occlusion and noise of the lens sampling."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.optics.coc import Lens, signed_blur_radius_px
from focusgen.optics.transfer import display_values
from focusgen.synth.shapes import CameraPath, Shape
from focusgen.synth.texture import Material
from focusgen.synth.truth import disc_points, fx_px_of, low_discrepancy, trace_thin_lens
from focusgen.synth.view import SynthScene, decode_display_u8
from focusgen.synth.write import make_scene
from tests.traced import make_truth_scene, write_truth

BLACK = Material("checker", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1.0, grain=0.0, glow=1.0)
WHITE = Material("checker", (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), 1.0, grain=0.0, glow=1.0)
STILL = CameraPath(sway_m=(0.0, 0.0, 0.0), sway_deg=(0.0, 0.0))
WIDTH, HEIGHT = 96, 64


def dot_scene(lens: Lens, dot_depth_m: float, dot_radius_px: float = 1.5) -> SynthScene:
    fx_px = fx_px_of(lens, WIDTH)
    radius_m = dot_radius_px * dot_depth_m / fx_px
    dot = Shape("disc", (0.0, 0.0, dot_depth_m), (radius_m, radius_m, 1.0), WHITE)
    wall = Shape("rectangle", (0.0, 0.0, 9.0), (90.0, 90.0, 1.0), BLACK)
    return SynthScene("dot", 0, 1, WIDTH, HEIGHT, fx_px, (wall, dot), STILL)


@pytest.mark.parametrize("formula", ["paper", "exact"])
@pytest.mark.parametrize("dot_depth_m", [0.45, 0.62, 2.0, 4.0])
def test_an_impulse_is_blurred_to_the_radius_and_energy_of_the_formula(formula, dot_depth_m):
    lens = Lens(0.085, 1.4, 0.8, formula)
    light = trace_thin_lens(dot_scene(lens, dot_depth_m), 0, lens, n_samples=512)[..., 0].astype(np.float64)
    expected_px = float(abs(signed_blur_radius_px(np.array([dot_depth_m]), lens, image_width_px=WIDTH)[0]))
    assert 2.0 < expected_px < 30.0
    # Second moments add: a disc has r^2 / 2, the pixel's box 1 / 6 (two axes of 1 / 12).
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    moment = np.sum(light * ((x - WIDTH / 2) ** 2 + (y - HEIGHT / 2) ** 2)) / light.sum()
    assert np.sqrt(2.0 * (moment - 1.5**2 / 2.0 - 1.0 / 6.0)) == pytest.approx(expected_px, rel=0.02)
    assert light.sum() == pytest.approx(np.pi * 1.5**2, rel=0.03)


def test_the_focal_plane_is_drawn_as_sharply_as_by_a_pinhole():
    lens = Lens(0.05, 1.4, 1.0, "exact")
    fx_px = fx_px_of(lens, WIDTH)
    texture = Material("stripe", (0.1, 0.2, 0.3), (0.9, 0.8, 0.7), 0.05, direction=(1.0, 0.3, 0.0))
    wall = Shape("rectangle", (0.0, 0.0, 1.0), (9.0, 9.0, 1.0), texture)
    scene = SynthScene("wall", 0, 1, WIDTH, HEIGHT, fx_px, (wall,), STILL)
    sharp = decode_display_u8(scene.frame(0).rgb)
    error = trace_thin_lens(scene, 0, lens, n_samples=256) - sharp
    assert np.sqrt(np.mean(error**2)) < 0.012


def test_a_near_bar_lets_light_past_its_edge_as_the_lens_area_says():
    # The edge of a defocused half plane: half of the lens sees past it exactly at the edge, all of it one
    # blur radius away, and 0.5 + (x sqrt(1 - x^2) + asin x) / pi of it in between.
    lens = Lens(0.05, 1.4, 2.0, "exact")
    fx_px = fx_px_of(lens, WIDTH)
    wall = Shape("rectangle", (0.0, 0.0, 2.0), (90.0, 90.0, 1.0), WHITE)
    sheet = Shape("rectangle", (-10.0, 0.0, 0.5), (10.0, 50.0, 1.0), BLACK)
    scene = SynthScene("edge", 0, 1, WIDTH, HEIGHT, fx_px, (wall, sheet), STILL)
    profile = trace_thin_lens(scene, 0, lens, n_samples=256)[..., 0].mean(axis=0)
    radius_px = float(signed_blur_radius_px(np.array([0.5]), lens, image_width_px=WIDTH)[0])
    away = np.clip((np.arange(WIDTH) + 0.5 - WIDTH / 2) / radius_px, -1.0, 1.0)
    expected = 0.5 + (away * np.sqrt(1.0 - away**2) + np.arcsin(away)) / np.pi
    np.testing.assert_allclose(profile, expected, atol=0.01)


@pytest.mark.slow
def test_noise_of_two_independent_truths_is_below_the_differences_that_we_measure():
    scene, lens = make_truth_scene("tabletop", 0, width=WIDTH, height=HEIGHT)
    a, b = (display_values(trace_thin_lens(scene, 0, lens, n_samples=256, seed=s)) for s in (0, 1))
    assert -10.0 * np.log10(np.mean((a - b) ** 2)) > 48.0
    assert abs(float(a.mean() / b.mean()) - 1.0) < 1e-3


def test_a_lens_of_another_camera_is_refused_with_the_focal_length_it_needs():
    lens = Lens(0.05, 2.0, 1.0, "exact")
    scene = make_scene("bars", 0, width=WIDTH, height=HEIGHT)
    with pytest.raises(ValueError, match=r"fx 106\.667 px but this lens needs 140\.351 px.*fx_px_of"):
        trace_thin_lens(scene, 0, lens, n_samples=4)


@pytest.mark.parametrize("formula", ["paper", "exact"])
def test_a_truth_scene_has_its_lens_focused_on_something_and_can_be_traced(formula):
    scene, lens = make_truth_scene("corridor", 1, focus_quantile=0.3, formula=formula, width=48, height=32)
    depth_m = scene.depth_m(0)
    assert scene.fx_px == pytest.approx(fx_px_of(lens, 48)) and lens.formula == formula
    assert np.mean(depth_m < lens.focus_distance_m) == pytest.approx(0.3, abs=0.1)
    assert trace_thin_lens(scene, 0, lens, n_samples=2).shape == (32, 48, 3)


def test_samples_cover_the_disc_evenly():
    points = low_discrepancy(1024)
    x, y = disc_points(points[:, 2], points[:, 3], 2.0)
    radius = np.hypot(x, y)
    assert radius.max() <= 2.0 + 1e-6
    assert np.mean(radius < 1.0) == pytest.approx(0.25, abs=0.01)
    assert np.mean(x) == pytest.approx(0.0, abs=0.01) and np.mean(x * y) == pytest.approx(0.0, abs=0.01)


def test_a_truth_file_has_the_published_keys_and_types(tmp_path):
    lens = Lens(0.05, 2.0, 1.0, "exact")
    scene = make_scene("bars", 1, width=48, height=32, fx_px=fx_px_of(lens, 48))
    write_truth(tmp_path / "one.npz", scene, 3, lens, 16)
    write_truth(tmp_path / "clip.npz", scene, [0, 1], lens, 16)
    one, clip = np.load(tmp_path / "one.npz"), np.load(tmp_path / "clip.npz")
    names = ["aif", "depth", "truth", "f", "N", "S_focus", "sensor_width", "fx_px", "width", "height"]
    assert sorted(one.files) == sorted([*names, "lens_samples"])
    assert one["aif"].dtype == np.uint8 and one["depth"].dtype == np.float32
    assert one["truth"].dtype == np.uint16 and one["truth"].shape == (32, 48, 3)
    assert clip["truth"].shape == (2, 32, 48, 3) and clip["depth"].shape == (2, 32, 48)
    assert float(one["fx_px"]) == pytest.approx(0.05 * 1.0 / 0.95 * 48 / 0.036)
    assert int(one["lens_samples"]) == 16 and float(one["S_focus"]) == 1.0
    assert np.array_equal(one["aif"], scene.frame(3).rgb)
