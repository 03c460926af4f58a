"""What BokehNet is shown and what it starts from, where focus moves through a clip."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from focusgen.dataset.lens_metadata import SetLens
from focusgen.models.flux.bokehnet import BokehNet
from focusgen.models.protocols import RenderContext
from focusgen.optics.coc import Lens, focus_map_by_formula
from focusgen.phases.lens_set import LensSet

DISTANCES_M = (0.8, 1.0, 2.0, 4.0)
LENS = Lens(0.050, 1.8, DISTANCES_M[0])
MAX_COC_M = 2e-3
WIDTH, HEIGHT = 32, 16


class RecordingNet:
    """Stands for FLUX: keeps the batches that it is to denoise."""

    approximations: tuple[str, ...] = ()
    options = SimpleNamespace(is_posterior_sampled=True)

    def __init__(self, n_at_once: int) -> None:
        self.n_at_once, self.batches = n_at_once, []

    def frames_at_once(self, grid, n_conditions):
        return self.n_at_once

    def frames(self, batches, size, what):
        for batch in batches:
            self.batches.append(batch)
            yield np.zeros((len(batch.noise), *size, 3), np.uint8)


def shown(guidance: str, *, n_at_once: int, frames: list[int]):
    """Draw frames of a ramp of depth through a rack; return the net's maps, initial and posterior noise."""
    net = RecordingNet(n_at_once)
    context = RenderContext(
        scene_id="a",
        set_index=1,
        width=WIDTH,
        height=HEIGHT,
        lens=LENS,
        max_coc_m=None,
        sensor_width_m=0.036,
        depth_m={"d_min": 0.6, "d_max": 5.0},
        is_depth_exact=True,
        seed=3,
        focus_distances_m=DISTANCES_M,
    )
    session = BokehNet(net, guidance, 100.0).start(context)
    lens_set = LensSet(1, SetLens(LENS, MAX_COC_M, DISTANCES_M), False, 0.036, session)
    depth_m = np.broadcast_to(np.linspace(0.6, 5.0, WIDTH, dtype=np.float16), (len(frames), HEIGHT, WIDTH))
    _, labels = lens_set.draw(frames, np.zeros((len(frames), HEIGHT, WIDTH, 3), np.uint8), depth_m)
    maps = np.concatenate([batch.conditions[1].values for batch in net.batches])
    noise = np.concatenate([batch.noise.numpy() for batch in net.batches])
    posterior = np.concatenate([batch.posterior_noise[1].numpy() for batch in net.batches])
    return depth_m, labels, maps, noise, posterior


def test_guidance_follows_the_focus_of_each_frame_and_is_the_label() -> None:
    depth_m, labels, maps, _, _ = shown("normalised", n_at_once=3, frames=[0, 1, 2, 3])
    for frame, distance_m in enumerate(DISTANCES_M):
        lens = Lens(LENS.focal_length_m, LENS.f_number, distance_m)
        np.testing.assert_array_equal(labels[frame], focus_map_by_formula(depth_m[frame], lens, MAX_COC_M))
        np.testing.assert_array_equal(maps[frame], 1.0 - labels[frame].astype(np.float32))
        sharpest = depth_m[frame, 0, np.argmin(maps[frame, 0])]
        assert abs(float(sharpest) - distance_m) < 0.08  # half a step of the ramp


def test_physical_guidance_is_the_radius_of_each_frames_lens() -> None:
    depth_m, _, maps, _, _ = shown("physical", n_at_once=2, frames=[1, 3])
    for row, distance_m in zip(maps, (DISTANCES_M[1], DISTANCES_M[3]), strict=True):
        d = depth_m[0].astype(np.float64)
        coc_m = LENS.focal_length_m**2 / (LENS.f_number * distance_m) * np.abs(d - distance_m) / d
        assert row == pytest.approx(coc_m * WIDTH / 0.036 / 2.0 / 100.0, rel=1e-4, abs=1e-7)


def test_every_frame_starts_from_the_same_latents_however_the_clip_is_cut() -> None:
    _, _, _, at_once, posterior = shown("normalised", n_at_once=4, frames=[0, 1, 2, 3])
    assert all(np.array_equal(at_once[0], one) for one in at_once)
    assert not np.array_equal(posterior[0], posterior[1])  # what only samples the VAE is each frame's own
    _, _, _, resumed, own = shown("normalised", n_at_once=1, frames=[2, 3])
    assert np.array_equal(resumed[0], at_once[2]) and np.array_equal(own, posterior[2:])
