"""Sparse planes draw the picture that whole planes draw, with less to transform."""

from __future__ import annotations

import pytest
import torch

from focusgen.models.bokeh import sparse as sparse_planes
from focusgen.models.bokeh.apertures import convolve_aperture
from focusgen.models.bokeh.ocp import render_ocp
from focusgen.models.bokeh.planes import plane_ladder
from focusgen.optics.aperture import Aperture


def scattered_scene(height: int = 355, width: int = 423) -> tuple[torch.Tensor, torch.Tensor]:
    """Small near things, some at the border, over a slanted wall; odd sides."""
    rgb = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3))
    rho = torch.linspace(-13.0, 2.0, width).expand(1, height, width).clone()
    for top, left in ((0, 0), (300, 360), (20, 350), (170, 190), (312, 2)):
        rho[:, top : top + 40, left : left + 40] = 6.0
    return rgb, rho


@pytest.mark.parametrize(
    ("opening", "gain"),
    [("disc", 0.3), ("disc", 1.0), ("disc", 3.0), ("polygon(5, 20)", 1.0), ("cat_eye(0.7)", 0.3)],
)
def test_the_picture_is_the_one_of_whole_planes(opening: str, gain: float) -> None:
    aperture = Aperture.parse(opening)
    rgb, rho = scattered_scene()
    rho = rho * gain
    ladder = plane_ladder(float(rho.min()), float(rho.max()))
    whole = render_ocp(rgb, rho, ladder, aperture=aperture)
    sparse = render_ocp(rgb, rho, ladder, aperture=aperture, sparse=True)
    assert float((sparse - whole).abs().max()) < 3e-6


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (16, 16)])
def test_frames_smaller_than_the_blur_are_drawn_alike(size: tuple[int, int]) -> None:
    rgb = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(4))
    rho = torch.rand(2, *size, generator=torch.Generator().manual_seed(5)) * 60 - 30
    ladder = plane_ladder(-30.0, 30.0)
    whole = render_ocp(rgb, rho, ladder)
    assert float((render_ocp(rgb, rho, ladder, sparse=True) - whole).abs().max()) < 1e-5


def test_more_planes_than_bits_are_drawn_whole() -> None:
    rgb, rho = torch.rand(1, 3, 16, 16), torch.full((1, 16, 16), 4.0)
    ladder = plane_ladder(-90_000.0, 90_000.0)
    assert len(ladder) > 62
    assert torch.equal(render_ocp(rgb, rho, ladder, sparse=True), render_ocp(rgb, rho, ladder))


def test_less_is_transformed_than_on_whole_planes(monkeypatch) -> None:
    work = {"whole": 0, "sparse": 0}

    def counting_whole(x, radius_px, aperture, rows, columns, frame):
        work["whole"] += x.shape[-2] * x.shape[-1]
        return convolve_aperture(x, radius_px, aperture, rows, columns, frame)

    def counting_sparse(canvas):
        work["sparse"] += canvas.shape[-2] * canvas.shape[-1]
        return transform(canvas)

    transform = sparse_planes.torch.fft.fft2
    rgb, rho = scattered_scene()
    ladder = plane_ladder(float(rho.min()), float(rho.max()))
    monkeypatch.setattr("focusgen.models.bokeh.ocp.convolve_aperture", counting_whole)
    monkeypatch.setattr(sparse_planes.torch.fft, "fft2", counting_sparse)
    render_ocp(rgb, rho, ladder)
    render_ocp(rgb, rho, ladder, sparse=True)
    assert 0 < work["sparse"] < 0.75 * work["whole"]
