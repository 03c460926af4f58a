"""The thin lens on a GPU: the frames of a CPU, in every way that a set may be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from focusgen.models.bokeh.planes import plane_ladder
from focusgen.models.bokeh.thin_lens import Camera, ThinLensSession
from focusgen.optics.aperture import Aperture
from focusgen.optics.coc import Lens, signed_blur_radius_px

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("there_is_a_gpu")]

SCENE = Path(__file__).parents[2] / "data" / "bokeh_truth" / "tabletop_320x192.npz"


def drawn(device: str, camera: Camera, *, sparse: bool = False) -> np.ndarray:
    with np.load(SCENE) as truth:
        lens = Lens(float(truth["f"]), float(truth["N"]), float(truth["S_focus"]))
        rgb8, depth_m = truth["aif"][None], truth["depth"][None].astype(np.float32)
        width_m = float(truth["sensor_width"])
    radius_px = signed_blur_radius_px(depth_m, lens, image_width_px=320, sensor_width_m=width_m)
    ladder = plane_ladder(float(radius_px.min()), float(radius_px.max()))
    session = ThinLensSession(ladder, camera=camera, sparse=sparse, device=torch.device(device))
    five = np.repeat(rgb8, 5, 0), np.repeat(radius_px, 5, 0)
    return session.render(*five, np.zeros(five[1].shape, np.float16), list(range(5)))


@pytest.mark.parametrize("aperture", ["disc", "polygon(6, 15)", "cat_eye(0.5)"])
@pytest.mark.parametrize("boosts", [False, True])
def test_a_gpu_draws_the_frames_of_a_cpu(aperture, boosts):
    camera = Camera(aperture=Aperture.parse(aperture), boosts=boosts)
    here, there = drawn("cpu", camera), drawn("cuda", camera)
    apart = np.abs(here.astype(int) - there)
    assert apart.max() <= 1 and (apart > 0).mean() < 0.01
    assert (there == there[:1]).all()  # frames of a batch do not touch each other


def test_sparse_planes_are_those_of_a_cpu_too():
    here, there = (drawn(device, Camera(), sparse=True) for device in ("cpu", "cuda"))
    assert np.abs(here.astype(int) - there).max() <= 1
