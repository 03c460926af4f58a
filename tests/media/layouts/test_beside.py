"""Recordings of pictures, or a video, with the depth beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from focusgen import cli
from focusgen.media.brought import Camera
from focusgen.media.layouts.find import find_scenes
from tests.conftest import Rgbd
from tests.layouts import write_depth_png, write_pictures
from tests.media.layouts.asking import data_of


def recording(root: Path, name: str = "rec") -> Path:
    names = [f"{number:03d}.png" for number in range(3)]
    write_pictures(root / name / "rgb", names)
    write_depth_png(root / name / "depth", names, 1000)
    return root / name


def test_pictures_and_the_depth_beside_them_are_one_scene_with_metres(rgbd: Rgbd, capsys):
    rgbd.add_scene("a")
    made = [np.load(path) for path in sorted((rgbd.depth_root / "a").iterdir())]
    for folder, name in ((rgbd.raw_root, "color"), (rgbd.depth_root, "depth")):
        (rgbd.root / "both" / "day" / "rec").mkdir(parents=True, exist_ok=True)
        shutil.move(folder / "a", rgbd.root / "both" / "day" / "rec" / name)
    flags = ["--raw_root", str(rgbd.root / "both"), "--out_root", str(rgbd.out_root), "--min_frames", "2"]
    assert cli.main(["run", "--no_pictures", *flags]) == 3
    assert "--layout rgbd" in capsys.readouterr().err
    assert cli.main(["run", "--no_pictures", *flags, "--layout", "rgbd"]) == 4
    published = sorted((rgbd.out_root / "day_rec" / "depth_maps").glob("*.npz"))
    assert len(published) == len(made)
    for path, depth_m in zip(published, made, strict=True):
        height, width = depth_m.shape
        np.testing.assert_allclose(np.load(path)["depth"][:height, :width], depth_m, rtol=1e-3)


def test_whole_numbers_are_asked_about_before_anything_is_begun(tmp_path: Path, capsys):
    recording(tmp_path / "raw")
    flags = ["--raw_root", str(tmp_path / "raw"), "--out_root", str(tmp_path / "out"), "--min_frames", "2"]
    assert cli.main(["run", "--no_pictures", "--layout", "rgbd", *flags]) == 2
    assert "--depth_scale 1000 (millimetres" in capsys.readouterr().err
    assert not (tmp_path / "out" / "rec").exists()


def test_a_video_beside_depth_is_a_scene_and_what_is_not_of_one_kind_is_refused(tmp_path: Path):
    shutil.rmtree(recording(tmp_path, "phone") / "rgb")
    (tmp_path / "phone" / "rgb.mp4").write_bytes(b"video")
    (tmp_path / "phone" / "camera_matrix.csv").write_text("480, 0, 320\n0, 481, 240\n0, 0, 1\n")
    write_pictures(recording(tmp_path, "two") / "color", ["000.png"])
    found = find_scenes(data_of(tmp_path, layout="rgbd"))
    (scene,) = found.scenes
    assert (scene.scene_id, scene.kind, scene.path.name) == ("phone", "video", "rgb.mp4")
    assert scene.brought is not None and scene.brought.depth is not None
    assert scene.brought.depth.folder == tmp_path / "phone" / "depth"
    assert scene.brought.camera == Camera(480, 481, 320, 240)
    assert "color, rgb, depth: leave one of each" in found.rejected["two"].reason


def test_pictures_beside_one_file_of_depth_are_a_scene_as_well(rgbd: Rgbd):
    rgbd.add_scene("a", width=96)
    maps = np.stack([np.load(path) for path in sorted((rgbd.depth_root / "a").iterdir())])
    np.savez(rgbd.raw_root / "a" / "depth.npz", depth=maps)
    flags = [*rgbd.flags("raw_root", "out_root"), "--min_frames", "2", "--layout", "rgbd"]
    assert cli.main(["run", "--no_pictures", *flags]) == 4
    published = [np.load(path)["depth"] for path in sorted((rgbd.out_root / "a/depth_maps").glob("*.npz"))]
    np.testing.assert_allclose(np.stack(published)[:, : maps.shape[1], : maps.shape[2]], maps, rtol=1e-3)
    assert cli.main(["run", "--no_pictures", *flags, "--auto_approve", "--n_sets", "1"]) == 0
    np.savez(rgbd.raw_root / "a" / "depth.npz", depth=maps + np.float32(1))
    assert cli.phase_main("depth", "doc", rgbd.flags("out_root")) == 3, "other depth is noticed"


@pytest.mark.parametrize("root", [".", "rec"])
def test_it_is_said_but_never_taken_unasked(tmp_path: Path, root: str):
    recording(tmp_path)
    found = find_scenes(data_of(tmp_path / root))
    assert any("--layout rgbd makes one scene" in text for text in found.remarks)
    assert not any(scene.brought for scene in found.scenes)


def test_a_recording_without_depth_is_named_and_two_trees_are_no_recording(tmp_path: Path):
    shutil.rmtree(recording(tmp_path / "raw", "bare") / "depth")
    recording(tmp_path / "raw", "whole")
    found = find_scenes(data_of(tmp_path / "raw", layout="rgbd"), needs_depth=True)
    assert [scene.scene_id for scene in found.scenes] == ["whole"]
    assert any("1 clips came without depth and are left out: bare" in text for text in found.remarks)
    for kind in ("rgb", "depth"):
        write_pictures(tmp_path / "trees" / kind / "scene", ["000.png"])
    assert not any("rgbd" in text for text in find_scenes(data_of(tmp_path / "trees")).remarks)
