"""Stacks drawn from RGB-D: white stays white, the focus plane stays sharp, infinity is a distance."""

import math

import numpy as np
import torch

from focusgen.focal.render import limited_share, render_stack, signed_radii_px
from focusgen.focal.stack import StackLens
from focusgen.models.bokeh.ocp import render_ocp
from focusgen.models.bokeh.planes import plane_ladder

LENS = StackLens(0.05, 2.0)
FOCUS_M = [0.5, 1.0, math.inf]


def test_a_white_picture_stays_white_to_the_border():
    white = np.full((24, 36, 3), 65535, np.uint16)
    depth_m = np.linspace(0.5, 4.0, 864, dtype=np.float32).reshape(24, 36)
    for focus_m, shown in zip(FOCUS_M, render_stack(white, depth_m, FOCUS_M, LENS), strict=True):
        assert (shown == 65535).all()
        radius_px = torch.from_numpy(signed_radii_px(depth_m, focus_m, LENS))[None]
        ladder = plane_ladder(float(radius_px.min()), float(radius_px.max()))
        assert float((render_ocp(torch.ones(1, 3, 24, 36), radius_px, ladder) - 1.0).abs().max()) <= 1e-6


def test_what_lies_in_the_focus_plane_is_not_changed():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    (shown,) = render_stack(rgb, np.full((40, 60), 2.0, np.float32), [2.0], LENS)
    assert np.array_equal(shown, rgb)


def test_radii_are_signed_and_linear_in_diopters():
    radii = signed_radii_px(np.array([[0.5, 1.0, 2.0] * 20], np.float32), 1.0, LENS)[0, :3]
    k = LENS.radius_px_m(60)
    assert np.allclose(radii, [k, 0.0, -0.5 * k], atol=1e-5)


def test_the_exact_formula_magnifies_by_each_slices_own_distance():
    exact = StackLens(0.05, 2.0, formula="exact")
    depth_m = np.array([[0.5, 1.0, 2.0] * 20], np.float32)
    for focus_m, magnification in ((1.0, 1.0 / 0.95), (0.25, 0.25 / 0.2), (math.inf, 1.0)):
        radii = signed_radii_px(depth_m, focus_m, exact)
        assert np.allclose(radii, magnification * signed_radii_px(depth_m, focus_m, LENS), rtol=1e-5)


def test_blur_beyond_a_tenth_of_the_width_is_limited_and_told():
    lens = StackLens(0.05, 2.0, 0.01)
    k = lens.radius_px_m(60)
    depth_m = np.array([[1.0 / (1.0 + 5.9 / k), 1.0, 1.0 / (1.0 + 6.1 / k)] * 20], np.float32)
    assert np.abs(signed_radii_px(depth_m, 1.0, lens)).max() == 6.0
    assert limited_share(depth_m, 1.0, lens) == np.float64(1 / 3)
    assert limited_share(depth_m[:, :2].repeat(30, 1), 1.0, lens) == 0.0
