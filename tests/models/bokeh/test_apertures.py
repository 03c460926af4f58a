"""Blur by polygons and cat's eyes: kernels, orientation, limits, truth traced through the same opening."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from focusgen.models.bokeh.apertures import aperture_kernel, blur_reach_px
from focusgen.models.bokeh.discs import disc_kernel
from focusgen.models.bokeh.ocp import render_ocp
from focusgen.models.bokeh.planes import plane_ladder
from focusgen.optics.aperture import DISC, Aperture
from focusgen.optics.coc import signed_blur_radius_px
from focusgen.optics.transfer import display_values, linear_light
from focusgen.synth.truth import trace_thin_lens
from tests.traced import make_truth_scene

OTHERS = [Aperture.parse(text) for text in ("polygon(6, 15)", "polygon(5, 0)", "cat_eye(0.5)", "cat_eye(1)")]


def axis_variance(kernel: torch.Tensor) -> float:
    offsets = torch.arange(len(kernel), dtype=torch.float64) - len(kernel) // 2
    return float((kernel * offsets[None, :] ** 2).sum())


@pytest.mark.parametrize("radius_px", [1.5, 4.0, 11.0])
def test_kernels_have_unit_sum_and_the_spread_of_their_shape(radius_px):
    hexagon = Aperture.parse("polygon(6)")
    kernel = aperture_kernel(-radius_px, hexagon)
    assert float(kernel.sum()) == pytest.approx(1.0, abs=1e-12)
    assert len(kernel) == 2 * blur_reach_px(-radius_px, hexagon) + 1
    # per axis a^4 5 sqrt(3) / 16 over the area pi of a hexagon of side a
    assert axis_variance(kernel) == pytest.approx(radius_px**2 * 0.25186, rel=0.02)
    many = aperture_kernel(-radius_px, Aperture.parse("polygon(24)"))
    reach = (len(many) - len(disc_kernel(radius_px))) // 2
    inner = many[reach : len(many) - reach, reach : len(many) - reach]
    assert float((inner - disc_kernel(radius_px)).abs().max()) < 0.2 * float(disc_kernel(radius_px).max())


def test_what_is_nearer_shows_the_shape_on_its_head():
    pentagon = Aperture.parse("polygon(5, 0)")
    far, near = aperture_kernel(-8.0, pentagon), aperture_kernel(8.0, pentagon)
    assert torch.allclose(near, far.flip(0, 1), atol=1e-12) and not torch.allclose(near, far, atol=1e-4)


def blurred(rgb: torch.Tensor, rho: torch.Tensor, aperture: Aperture, **options) -> torch.Tensor:
    ladder = plane_ladder(float(rho.min()), float(rho.max()))
    return render_ocp(rgb, rho, ladder, aperture=aperture, **options)


@pytest.mark.parametrize("aperture", OTHERS, ids=str)
def test_limits_hold_for_every_opening(aperture):
    generator = torch.Generator().manual_seed(0)
    rgb = torch.rand(1, 3, 48, 64, generator=generator)
    rho = torch.linspace(-6.0, -1.0, 64).expand(1, 48, 64).clone()
    rho[:, 12:24, 16:32] = 5.0
    constant = torch.full_like(rgb, 0.4)
    assert float((blurred(constant, rho, aperture) - 0.4).abs().max()) < 1e-4
    assert float((blurred(rgb, rho * 0.0, aperture) - rgb).abs().max()) < 1e-5
    cropped, whole = (blurred(rgb, rho, aperture, crop=crop) for crop in (True, False))
    assert float((cropped - whole).abs().max()) < 2e-4
    assert float((cropped - blurred(rgb, rho, DISC)).abs().max()) > 0.005


@pytest.mark.parametrize(
    ("text", "other", "gain_db"),
    [
        ("polygon(3, 20)", "disc", 0.3),
        ("polygon(3, 20)", "polygon(3, 200)", 1.0),
        ("cat_eye(0.5)", "disc", 0.8),
        ("cat_eye(1)", "disc", 3.5),
    ],
)
def test_renders_agree_best_with_rays_through_the_same_opening(text, other, gain_db):
    aperture = Aperture.parse(text)
    scene, lens = make_truth_scene(
        "tabletop", 0, focal_length_m=0.085, focus_quantile=0.3, n_frames=1, width=96, height=64
    )
    light = trace_thin_lens(scene, 0, lens, aperture=aperture, n_samples=64)
    truth, frame = display_values(light).astype(np.float64), scene.frame(0)
    radius = torch.from_numpy(signed_blur_radius_px(frame.depth_m, lens, image_width_px=96))[None]
    linear = linear_light(torch.from_numpy(frame.rgb / np.float32(255)).permute(2, 0, 1)[None])

    def psnr_db(drawn_with: Aperture) -> float:
        shown = display_values(blurred(linear, radius, drawn_with))[0].permute(1, 2, 0).numpy()
        return float(-10 * np.log10(np.mean((shown - truth) ** 2)))

    assert psnr_db(aperture) > 38.0
    assert psnr_db(aperture) >= psnr_db(Aperture.parse(other)) + gain_db
