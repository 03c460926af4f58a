"""The balanced law: what it promises of a scene's sets, and that it says so where it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.base.errors import SceneError
from focusgen.optics.balanced import Balance, sample_balanced, sharp_deciles
from focusgen.optics.stats import depth_counts
from focusgen.optics.surfaces import Surfaces
from focusgen.synth.write import make_scene

WIDTH = 160
PIXEL_M = 36e-3 / WIDTH
BALANCE = Balance((24.0, 85.0), (1.4, 8.0), (0.01 * 36e-3, 0.03 * 36e-3), PIXEL_M)
MAX_COC_M = BALANCE.expected_max_coc_m


def surfaces_of(depth_m, **kwargs) -> Surfaces:
    return Surfaces.of(depth_counts(np.asarray(depth_m, np.float16)), **kwargs)


@pytest.fixture(scope="module")
def scenes() -> list[Surfaces]:
    families = ("tabletop", "bars", "corridor", "foliage", "village")
    return [surfaces_of(make_scene(f, 0, width=WIDTH, height=96).depth_m(0)) for f in families]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_set_is_sharp_somewhere_and_blurred_elsewhere(scenes, seed):
    for scene in scenes:
        drawn = sample_balanced(4, scene, BALANCE, seed=seed)
        assert not [text for text in drawn.lacking if not text.startswith("depth deciles")]
        covered = frozenset[int]()
        for lens in drawn.lenses:
            coc_px = scene.coc_m(lens) / PIXEL_M
            mean = 1 - (np.minimum(coc_px * PIXEL_M / MAX_COC_M, 1) * scene.share).sum()
            assert scene.share[coc_px <= 1].sum() >= 0.05
            assert scene.share[coc_px * PIXEL_M > MAX_COC_M / 4].sum() >= 0.2
            assert 0.2 <= mean <= 0.8
            assert 24e-3 <= lens.focal_length_m <= 85e-3
            assert 1.4 <= lens.f_number <= 8.0
            assert lens.focus_distance_m in scene.depth_m
            covered |= sharp_deciles(lens, scene, PIXEL_M, MAX_COC_M)
        assert len(covered) >= len(scene.all_deciles) - 1


def test_the_labels_of_many_scenes_are_spread(scenes):
    labels, weights = [], []
    for scene in scenes:
        for lens in sample_balanced(4, scene, BALANCE, seed=3).lenses:
            labels.append(1 - np.clip(scene.coc_m(lens) / MAX_COC_M, 0, 1))
            weights.append(scene.share)
    counts, _ = np.histogram(np.concatenate(labels), 10, (0, 1), weights=np.concatenate(weights))
    share = counts[counts > 0] / counts.sum()
    assert -(share * np.log10(share)).sum() >= 0.88


def test_the_first_lenses_stay_and_take_near_middle_and_far(scenes):
    many = sample_balanced(9, scenes[0], BALANCE, seed=8).lenses
    for k in (1, 3, 4, 8):
        assert sample_balanced(k, scenes[0], BALANCE, seed=8).lenses == many[:k]
    cut = [scenes[0].depth_at(1 / 3), scenes[0].depth_at(2 / 3)]
    thirds = [int(np.searchsorted(cut, lens.focus_distance_m)) for lens in many[:3]]
    assert sorted(thirds) == [0, 1, 2]
    assert sample_balanced(4, scenes[0], BALANCE, seed=9).lenses != many[:4]


def test_a_flat_wall_is_flagged_not_faked():
    drawn = sample_balanced(4, surfaces_of(np.full((8, 8), 3.0)), BALANCE, seed=1)
    assert {lens.focus_distance_m for lens in drawn.lenses} == {3.0}
    assert any("reaches the target" in text for text in drawn.lacking)
    assert any("mean label" in text for text in drawn.lacking)


def test_sky_and_filled_holes_attract_no_focus():
    near, sky = np.linspace(2, 6, 4000), np.full(6000, 80.0)
    holes = np.full(9000, 80.0)
    scene = surfaces_of(np.concatenate([near, sky]))
    assert all(lens.focus_distance_m <= 6 for lens in sample_balanced(8, scene, BALANCE, seed=4).lenses)
    filled = surfaces_of(
        np.concatenate([np.linspace(2, 3, 500), np.linspace(5, 6, 500), holes * 0 + 4]), n_filled=9000
    )
    distances_m = [lens.focus_distance_m for lens in sample_balanced(8, filled, BALANCE, seed=4).lenses]
    assert 4.0 not in distances_m


def test_a_scene_nearer_than_two_focal_lengths_is_refused():
    with pytest.raises(SceneError, match="twice the shortest focal length"):
        sample_balanced(1, surfaces_of(np.linspace(0.01, 0.04, 100)), BALANCE, seed=0)
