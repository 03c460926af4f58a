"""Only phases with work to do are predicted."""

from __future__ import annotations

import pytest

from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.run.eta import predicted_s
from focusgen.run.forecast import VALIDATE_S_PER_MPX


@pytest.mark.slow
def test_only_what_is_not_finished_is_predicted(rgbd):
    for name in "ab":
        rgbd.add_scene(name)
    assert rgbd.run() == 0
    cfg, dataset = rgbd.config(), DatasetLayout(rgbd.out_root, rgbd.out_root / "scene_index.json")
    index = read_index(dataset)
    assert predicted_s(cfg, index, ["a", "b"]) == {}
    dataset.scene("a").done("render").unlink()
    assert set(predicted_s(cfg, index, ["a", "b"])) == {"render", "validate"}
    assert predicted_s(cfg, index, ["b"]) == {}
    one = predicted_s(cfg, index, ["a"])
    entry, sets, workers = index["a"], cfg.render.n_sets, cfg.run.workers
    megapixels = entry.n_frames * entry.width * entry.height / 1e6
    assert one["validate"] == pytest.approx(VALIDATE_S_PER_MPX * megapixels * sets / workers)
    dataset.scene("b").done("render").unlink()
    two = predicted_s(cfg, index, ["a", "b"])
    assert two["render"] > one["render"] and two["validate"] == pytest.approx(2.0 * one["validate"])
