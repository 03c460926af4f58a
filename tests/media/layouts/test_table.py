"""Every layout: recognised without being told, with the right scenes, splits and depth in metres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from focusgen.config.data import DataConfig
from focusgen.media.depth_brought import open_brought
from focusgen.media.depth_units import DepthOptions
from focusgen.media.layouts.find import LAYOUTS, find_scenes, recognise
from tests.layouts import DEPTH_SETS, N_FRAMES, VIDEO_SETS
from tests.media.layouts.asking import data_of


@pytest.mark.parametrize("name", [*VIDEO_SETS, *DEPTH_SETS])
def test_a_data_set_is_recognised_as_what_it_is_and_nothing_else(tmp_path: Path, name: str):
    {**VIDEO_SETS, **DEPTH_SETS}[name](tmp_path)
    assert [layout.name for layout in recognise(tmp_path)] == [name]
    remark = find_scenes(data_of(tmp_path)).remarks[0]
    assert remark.startswith(f"layout {name} (")
    assert "--layout plain" in remark


@pytest.mark.parametrize("name", VIDEO_SETS)
def test_scenes_and_official_splits_of_video_sets(tmp_path: Path, name: str):
    built = VIDEO_SETS[name](tmp_path)
    found = find_scenes(data_of(tmp_path))
    assert {scene.scene_id for scene in found.scenes} == set(built.scenes)
    assert {s.scene_id: s.brought.split for s in found.scenes if s.brought} == built.splits
    n_frames = 7 if name == "vimeo90k" else N_FRAMES
    assert all(scene.kind == "video" or len(scene.files) == n_frames for scene in found.scenes)
    assert found.rejected == {}


@pytest.mark.parametrize("name", DEPTH_SETS)
def test_depth_sets_bring_planar_depth_in_metres_frame_by_frame(tmp_path: Path, name: str):
    """Within the step of the file's numbers; a frame more or less would be off by 5 cm and a moved box."""
    built = DEPTH_SETS[name](tmp_path)
    found = find_scenes(data_of(tmp_path), needs_depth=True)
    assert {scene.scene_id for scene in found.scenes} == set(built.scenes)
    for scene in found.scenes:
        assert scene.brought is not None and scene.brought.depth is not None
        truth = built.scenes[scene.scene_id]
        assert truth is not None
        size = (truth.shape[1], truth.shape[0])
        source = open_brought(scene.brought.depth, name, len(scene.files), size, DepthOptions())
        assert len(source) == len(scene.files) == N_FRAMES
        np.testing.assert_allclose(source.read(0), truth, atol={"vkitti2": 6e-3}.get(name, 4e-3))
        assert float(source.read(1)[-1, -1] - source.read(0)[-1, -1]) == pytest.approx(0.05, abs=1e-2)


def test_every_name_of_the_setting_has_its_layout():
    choices = DataConfig.model_json_schema()["properties"]["layout"]["enum"]
    assert choices == ["auto", "plain", *choices[2:]]
    assert sorted(choices[2:]) == sorted(LAYOUTS)


def test_folders_of_nobody_s_layout_are_left_alone(tmp_path: Path):
    from tests.layouts import write_pictures

    for name in ("a", "train", "rgb"):
        write_pictures(tmp_path / name, ["frame_0000.png", "frame_0001.png"])
    assert recognise(tmp_path) == {}
    found = find_scenes(data_of(tmp_path))
    assert [scene.scene_id for scene in found.scenes] == ["a", "rgb", "train"]
    assert found.remarks == ()
