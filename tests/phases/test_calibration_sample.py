"""The calibration's sample: each frame of a moving focus counts through its own lens, stills do not count."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.base.errors import CalibrationError
from focusgen.phases.calibrate import calibrate
from tests.conftest import Rgbd
from tests.dataset.test_masked import write_masks
from tests.phases.test_focus_moves import BEFORE_4, run


@pytest.mark.slow
@pytest.mark.parametrize("lenses", ["drawn", "law"])
def test_calibration_counts_each_frame_through_its_own_lens(rgbd: Rgbd, lenses: str):
    rgbd.add_scene("a", n_frames=6)
    assert run(rgbd, BEFORE_4) == 0
    chosen = {"calibrate__lenses": lenses, "calibrate__n_lens_sets": 3, "optics__sensor_width_mm": 9.0}
    cfg = rgbd.config(lens__motion="rack", **chosen)
    stats = calibrate(cfg, ["a"])
    if lenses == "law":
        assert stats["lenses"] == [] and stats["n_values"] == 512 * 6 * 48 * 32
        return
    coc = []
    for lens in stats["lenses"]:
        for t, s in enumerate(lens["S_focus_per_frame"]):
            d = np.load(rgbd.out_root / f"a/depth_maps/depth_{t:04d}.npz")["depth"].astype(np.float32)
            coc.append((lens["f"] * lens["f"] / (lens["N"] * s)) * np.abs(d - s) / d)
    assert stats["p95"] == pytest.approx(
        float(np.percentile(np.stack(coc).astype(np.float64), 95)), rel=1e-12
    )


def test_a_data_set_of_stills_has_nothing_to_calibrate(rgbd: Rgbd):
    rgbd.add_scene("still", n_frames=1)
    assert run(rgbd, BEFORE_4, n_min=1) == 0
    with pytest.raises(CalibrationError, match="every scene is a still picture"):
        calibrate(rgbd.config(lens__motion="drift"), ["still"])


@pytest.mark.slow
def test_a_scene_without_masks_does_not_stop_the_calibration_of_others(rgbd: Rgbd):
    for name in "ab":
        rgbd.add_scene(name, n_frames=4, width=96)
    assert run(rgbd, BEFORE_4) == 0
    write_masks(rgbd.root / "masks" / "a", width=96)
    cfg = rgbd.config(lens__motion="track", lens__mask_root=rgbd.root / "masks")
    stats = calibrate(cfg, ["a", "b"])
    assert stats["scenes"] == ["a"] and "no such folder" in stats["scenes_without_lenses"]["b"]
    with pytest.raises(CalibrationError, match="none of the sampled scenes has lenses: b: .*no such folder"):
        calibrate(cfg, ["b"])
