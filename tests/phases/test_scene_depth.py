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
