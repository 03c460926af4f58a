"""Renders and labels of a lens that breathes: one map for both, recomputed by hand from metadata.json."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from focusgen.data import FocusDataset
from focusgen.phases.lens_set import magnified_picture
from tests.conftest import Rgbd


def by_hand(values: np.ndarray, magnified: float) -> np.ndarray:
    """Return the pixel that each magnified one shows, from the words of docs/focus_motion.md."""
    height, width = values.shape
    cx, cy = (width - 1) / 2, (height - 1) / 2
    x = np.floor(cx + (np.arange(width) - cx) / magnified + 0.5).astype(int)
    y = np.floor(cy + (np.arange(height) - cy) / magnified + 0.5).astype(int)
    return values[y][:, x]


@pytest.mark.slow
def test_labels_and_renders_breathe_together_and_phase_6_recomputes_them(rgbd: Rgbd):
    rgbd.add_scene("a", n_frames=6, width=96, height=64)
    flags = ("--optics.breathing", "true", "--lens.motion", "rack", "--lens.focal_length_mm", "[80, 85]")
    assert rgbd.run(*flags) == 0
    scene = rgbd.out_root / "a"
    metadata = json.loads((scene / "metadata.json").read_text())
    assert metadata["breathing"] is True
    for k, s in enumerate(metadata["sets"]):
        assert s["magnification"] == s["S_focus"] / (s["S_focus"] - s["f"]) > 1.005
        for t, focus in enumerate(s["S_focus_per_frame"]):
            magnified = s["magnification_per_frame"][t]
            assert magnified == focus / (focus - s["f"])
            depth = np.load(scene / f"depth_maps/depth_{t:04d}.npz")["depth"]
            d = by_hand(depth, magnified).astype(np.float32)
            coc = (s["f"] * s["f"] / (s["N"] * focus)) * np.abs(d - focus) / d
            label = (1.0 - np.clip(coc / s["max_coc"], 0.0, 1.0)).astype(np.float16)
            published = np.load(scene / f"focus_maps/set_{k:02d}/focus_{t:04d}.npz")["focus_map"]
            assert np.array_equal(published, label)
    report = rgbd.report()
    assert report["verdict"] == "pass"
    clips = [
        FocusDataset(rgbd.out_root, window=6, crop=32, modalities=("focus",), recompute_labels=again)
        for again in (False, True)
    ]
    for number in range(len(clips[0])):
        assert bool((clips[0][number]["focus"] == clips[1][number]["focus"]).all())


def test_the_render_is_the_middle_of_the_frame_enlarged(rgbd: Rgbd):
    rgbd.add_scene("a", n_frames=2, width=96, height=64)
    flags = ("--lens.f_number", "[900, 1000]", "--lens.focal_length_mm", "[80, 85]")  # hardly any blur
    assert rgbd.run("--optics.breathing", "true", *flags) == 0
    scene = rgbd.out_root / "a"
    s = json.loads((scene / "metadata.json").read_text())["sets"][0]
    sharp = cv2.imread(str(scene / "frames_sharp/frame_0000.png"))
    drawn = cv2.imread(str(scene / "bokeh_renders/set_00/bokeh_0000.png")).astype(float)
    enlarged = magnified_picture(sharp, s["magnification"]).astype(float)
    inner = np.s_[4:-4, 4:-4]
    assert np.abs(drawn - enlarged)[inner].mean() < 1.0 < np.abs(drawn - sharp)[inner].mean()


@pytest.mark.parametrize("magnified", [1.0, 1.25])
def test_a_magnified_picture_is_sampled_where_its_map_says(magnified: float):
    ramp = np.tile(np.linspace(20, 220, 81), (41, 1))
    picture = np.dstack([ramp.astype(np.uint8)] * 3)
    middle = 40
    got = magnified_picture(picture, magnified)[20, :, 0].astype(float)
    expected = ramp[20, middle] + (ramp[20] - ramp[20, middle]) / magnified
    assert np.abs(got - expected).max() <= 1.5
