"""Captured stacks as frames of a scene: names, raw files, and settings that go on with them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen import config
from focusgen.base.errors import ConfigError, ExitCode
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.tools.focal_scene import (
    RAW,
    SceneFrame,
    check_takes_scenes,
    make_scenes,
    scene_name,
    scene_settings,
    write_frame,
)

RGB = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
DEPTH_M = np.linspace(0.5, 3.0, 32 * 48, dtype=np.float32).reshape(32, 48)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("bear", "bear"),
        ("my stack (2)", "my_stack_2_"),
        ("a/b\\c", "a_b_c"),
        ("../..", "stack"),
        ("...", "stack"),
        ("", "stack"),
        ("\u68ee", "\u68ee"),
        ("-x", "x"),
        ("b\u00e4r.1", "b\u00e4r.1"),
        ("ba\u0308r", "b\u00e4r"),  # as macOS writes it
    ],
)
def test_any_text_becomes_a_folder_of_a_data_set(text, name):
    assert scene_name(text) == name


def test_a_frame_is_a_picture_and_its_depth_under_one_number(tmp_path):
    write_frame(tmp_path, "bear", 7, SceneFrame(RGB, DEPTH_M))
    shown = cv2.imread(str(tmp_path / "raw" / "bear" / "frame_0007.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(shown[..., ::-1], RGB)
    np.testing.assert_array_equal(np.load(tmp_path / "raw_depth" / "bear" / "frame_0007.npy"), DEPTH_M)


def test_sixteen_bits_are_rounded_to_eight_and_never_wrap(tmp_path):
    deep = np.array([[[0, 128, 129], [257, 65535, 65407], [385, 386, 65406]]], np.uint16)
    write_frame(tmp_path, "bear", 0, SceneFrame(deep, DEPTH_M[:1, :3]))
    shown = cv2.imread(str(tmp_path / "raw" / "bear" / "frame_0000.png"))[..., ::-1]
    np.testing.assert_array_equal(shown, np.floor(deep / 257.0 + 0.5).astype(np.uint8))


def test_frames_of_different_sizes_are_no_video(tmp_path):
    with pytest.raises(ConfigError, match="stacks of different sizes") as caught:
        make_scenes(tmp_path, "bear", [(32, 48), (32, 48), (48, 32)])
    assert "alone" in caught.value.advice


def test_of_an_earlier_call_with_more_frames_the_last_ones_go(tmp_path, monkeypatch):
    monkeypatch.setattr("focusgen.run.here.run_phases", lambda cfg, phases, selection: ExitCode.COMPLETE)
    (tmp_path / RAW / "clip").mkdir(parents=True)
    names = [f"frame_{number:04d}.png" for number in (9998, 9999, 10000)]
    for name in names:
        (tmp_path / RAW / "clip" / name).touch()
    make_scenes(tmp_path, "clip", [(4, 4)] * 2)
    assert sorted(path.name for path in (tmp_path / RAW / "clip").iterdir()) == names[:2]


def test_settings_point_into_the_data_set_and_need_no_network(tmp_path):
    cfg = config.load(None, scene_settings(tmp_path))
    assert cfg.data.raw_root == tmp_path / "raw" and cfg.depth.depth_root == tmp_path / "raw_depth"
    assert cfg.data.min_frames == 1


def test_a_folder_that_lacks_its_depth_does_not_become_a_scene(tmp_path):
    write_frame(tmp_path, "bear", 0, SceneFrame(RGB, DEPTH_M))
    (tmp_path / "raw_depth" / "bear" / "frame_0000.npy").write_bytes(b"junk")
    with pytest.raises(ConfigError, match="the frames did not become a scene") as caught:
        make_scenes(tmp_path, "bear", [(32, 48)])
    assert "focusgen status --out_root" in caught.value.advice
    assert list(read_index(DatasetLayout(tmp_path, tmp_path / "scene_index.json"))) == ["bear"]


def test_only_a_data_set_of_stacks_takes_another(tmp_path):
    """Phases 1 to 3 would make its scenes anew from what lies below raw/, with these settings."""
    check_takes_scenes(tmp_path / "new")
    write_frame(tmp_path, "bear", 0, SceneFrame(RGB, DEPTH_M))
    make_scenes(tmp_path, "bear", [(32, 48)])
    check_takes_scenes(tmp_path)
    (tmp_path / "raw_depth" / "bear" / "frame_0000.npy").rename(tmp_path / "depth_0000.npy")
    with pytest.raises(ConfigError, match="holds bear, which is not of a focal stack") as caught:
        check_takes_scenes(tmp_path)
    assert "--output" in caught.value.advice


@pytest.mark.parametrize("kill_at", range(6))
def test_a_call_that_was_killed_leaves_a_folder_that_the_next_one_takes(tmp_path, monkeypatch, kill_at):
    steps: list[str] = []

    def step(name: str, path: Path) -> None:
        steps.append(name)
        if len(steps) == kill_at + 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("focusgen.base.files.on_step", step)
    with pytest.raises(KeyboardInterrupt):
        write_frame(tmp_path, "bear", 0, SceneFrame(RGB, DEPTH_M))
    check_takes_scenes(tmp_path)
