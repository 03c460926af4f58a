"""Families of scenes: closed, within reach of a lens, alike for one seed and different for the next."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.synth.families import FAMILIES, build
from focusgen.synth.write import make_scene

SIZE = {"n_frames": 4, "width": 64, "height": 40}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_ray_of_every_frame_ends_between_thirty_centimetres_and_ten_metres(family):
    for seed in range(3):
        scene = make_scene(family, seed, **SIZE)
        depth_m = np.stack([scene.depth_m(k) for k in (0, 17, 40)])  # the path goes on beyond the clip
        assert np.isfinite(depth_m).all()
        assert depth_m.min() >= 0.3 and depth_m.max() <= 11.0
        near, far = np.percentile(depth_m, (5, 95))
        assert far > 1.4 * near, "a lens has something to tell apart"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_is_a_scene_and_the_next_one_another(family):
    assert build(family, 7) == build(family, 7)
    one, other = (make_scene(family, seed, **SIZE).depth_m(0) for seed in (7, 8))
    assert np.mean(np.abs(one - other) > 0.02 * one) > 0.1


@pytest.mark.parametrize("family", FAMILIES)
def test_pictures_have_texture_light_and_colour(family):
    rgb = make_scene(family, 0, **SIZE).frame(0).rgb.astype(np.float64)
    assert 40 < rgb.mean() < 200
    assert rgb.std(axis=(0, 1)).min() > 15, "no flat pictures"
    assert np.abs(np.diff(rgb, axis=1)).mean() > 3, "something to see focus by"
    assert np.mean((rgb == 0).all(-1) | (rgb == 255).all(-1)) < 0.02, "hardly anything is clipped"
