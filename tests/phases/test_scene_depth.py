"""A scene's depth for the laws of lenses: the same whether its counts were kept or lost."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import read_record
from focusgen.phases.scene_depth import SceneDepth
from tests.conftest import Rgbd


@pytest.mark.slow
def test_surfaces_are_those_of_the_saved_maps_with_and_without_kept_counts(rgbd: Rgbd):
    rgbd.add_scene("a")
    assert rgbd.run("--n_sets", "1") == 0
    scene = DatasetLayout.of(rgbd.config()).scene("a")
    record = read_record(scene.done("depth"))
    assert record is not None
    depth = SceneDepth(scene, record)
    saved = np.stack([np.load(path)["depth"] for path in sorted(scene.stats_json.parent.glob("*.npz"))])
    kept = depth.surfaces()
    scene.depth_counts_npz.unlink()
    lost = depth.surfaces()
    values, pixels = np.unique(saved, return_counts=True)
    assert kept.depth_m.tolist() == lost.depth_m.tolist() == values.tolist()
    assert kept.share.tolist() == lost.share.tolist() == (pixels / saved.size).tolist()
    assert depth.width_px == 48 and depth.stats()["d_min"] == saved.min()


@pytest.mark.slow
def test_filled_holes_attract_no_focus_in_a_scene_with_sky(rgbd: Rgbd):
    rgbd.add_scene("a")
    for path in (rgbd.depth_root / "a").iterdir():
        depth_m = np.repeat(np.array([1.0, 2.0, 4.0], np.float32), np.load(path).size // 3)
        depth_m = depth_m.reshape(3, -1).T.reshape(np.load(path).shape).copy()
        depth_m[:16], depth_m[20, :40] = np.inf, np.nan  # half of it is sky: the median of all is 4 m
        np.save(path, depth_m)
    assert rgbd.run("--n_sets", "1") == 0
    scene = DatasetLayout.of(rgbd.config()).scene("a")
    record = read_record(scene.done("depth"))
    assert record is not None
    depth, measured = SceneDepth(scene, record), [np.load(p) for p in (rgbd.depth_root / "a").iterdir()]
    pixels = np.array([(np.stack(measured) == one).mean() for one in (1.0, 2.0, 4.0)])
    for found in (depth.surfaces(), *depth.shot_surfaces([(0, 1), (1, record.n_frames)])):
        assert found.depth_m.tolist() == [1.0, 2.0, 4.0]
        np.testing.assert_allclose(found.focusable, pixels)
