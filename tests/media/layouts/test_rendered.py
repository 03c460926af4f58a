import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.media.brought import BroughtDepth, Camera
from focusgen.media.depth_brought import open_brought
from focusgen.media.depth_units import DepthOptions
from focusgen.media.layouts.find import find_scenes
from tests.layouts import (
    HEIGHT,
    N_FRAMES,
    WIDTH,
    planar_m,
    replica,
    sintel,
    tartanair,
    vkitti2,
    write_pictures,
)
from tests.media.layouts.asking import data_of


def test_sintel_is_read_from_its_sharp_pass_and_depth_from_a_tree_beside(tmp_path: Path):
    sintel(tmp_path / "MPI-Sintel-complete")
    training = tmp_path / "MPI-Sintel-complete" / "training"
    beside = tmp_path / "MPI-Sintel-complete" / "MPI-Sintel-depth-training" / "training"
    beside.mkdir(parents=True)
    for kind in ("depth", "camdata_left"):
        (training / kind).rename(beside / kind)
    (scene,) = find_scenes(data_of(tmp_path / "MPI-Sintel-complete"), needs_depth=True).scenes
    assert scene.path.parent.name == "clean"
    assert scene.brought is not None and scene.brought.depth is not None and scene.brought.camera is not None
    assert scene.brought.depth.folder == beside / "depth" / "alley_1"


def test_blur_that_is_rendered_in_is_said(tmp_path: Path):
    write_pictures(tmp_path / "training" / "final" / "alley_1", ["frame_0001.png"])
    assert any("its blur is rendered in" in text for text in find_scenes(data_of(tmp_path)).remarks)


def test_all_that_shows_one_place_is_one_group(tmp_path: Path):
    tartanair(tmp_path / "t")
    write_pictures(tmp_path / "t/abandonedfactory/Hard/P001/image_left", ["000000_left.png"])
    known = [scene.brought for scene in find_scenes(data_of(tmp_path / "t")).scenes]
    assert [brought.group for brought in known if brought] == ["abandonedfactory"] * 2
    vkitti2(tmp_path / "v")
    (scene,) = find_scenes(data_of(tmp_path / "v")).scenes
    assert scene.brought is not None and scene.brought.group == "Scene01"


def test_tartanair_v2_brings_floats_in_the_bytes_of_a_png(tmp_path: Path):
    clip = tmp_path / "ArchVizTinyHouseDay" / "Data_easy" / "P000"
    write_pictures(clip / "image_lcam_front", [f"{t:06d}_lcam_front.png" for t in range(N_FRAMES)])
    (clip / "depth_lcam_front").mkdir()
    for t in range(N_FRAMES):
        pixels = planar_m(t).astype(np.float32).view(np.uint8).reshape(HEIGHT, WIDTH, 4)
        cv2.imwrite(str(clip / "depth_lcam_front" / f"{t:06d}_lcam_front_depth.png"), pixels)
    (scene,) = find_scenes(data_of(tmp_path), needs_depth=True).scenes
    assert scene.scene_id == "ArchVizTinyHouseDay_Data_easy_P000"
    assert scene.brought is not None and scene.brought.depth is not None
    assert scene.brought.group == "ArchVizTinyHouseDay"
    assert scene.brought.camera == Camera(320.0, 320.0, 320.0, 320.0, (640, 640))
    source = open_brought(scene.brought.depth, "tartanair", N_FRAMES, (WIDTH, HEIGHT), DepthOptions())
    np.testing.assert_array_equal(source.read(3), planar_m(3).astype(np.float32))


def _painted_tartanair(root: Path) -> None:
    for path in root.glob("*/*/*/depth_left/*.npy"):
        depth_m = np.load(path)
        depth_m[0] = 10000.0
        np.save(path, depth_m)


def _painted_vkitti(root: Path) -> None:
    for path in root.rglob("depth/Camera_0/*.png"):
        depth_cm = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        depth_cm[0] = 65535
        cv2.imwrite(str(path), depth_cm)


@pytest.mark.parametrize(("build", "paint"), [(tartanair, _painted_tartanair), (vkitti2, _painted_vkitti)])
def test_a_sky_that_is_a_number_is_beyond_all_measure(tmp_path: Path, build, paint):
    build(tmp_path)
    paint(tmp_path)
    (scene,) = find_scenes(data_of(tmp_path), needs_depth=True).scenes
    assert scene.brought is not None and scene.brought.depth is not None
    document = scene.brought.depth.document(tmp_path, N_FRAMES)
    kept_in_index = BroughtDepth.of(document, tmp_path)
    source = open_brought(kept_in_index, "a layout", N_FRAMES, (WIDTH, HEIGHT), DepthOptions())
    depth_m = source.read(0)
    assert np.isposinf(depth_m[0]).all() and np.isfinite(depth_m[1:]).all()
    assert not source.saturated_fractions  # it is known what the largest number means


def test_tartanair_is_found_as_its_archives_unpack(tmp_path: Path):
    tartanair(tmp_path / "abandonedfactory" / "Easy")
    (scene,) = find_scenes(data_of(tmp_path)).scenes
    assert scene.scene_id == "abandonedfactory_Easy_P000"
    assert scene.brought is not None and scene.brought.depth is not None


@pytest.mark.parametrize(
    ("scene_id", "scale", "units", "is_assumed"),
    [
        ("office0", 6553.5, 6553.5, False),
        ("office0", None, 6553.5, False),
        ("lab", 1000.0, 1000.0, False),
        ("lab", None, 6553.5, True),
    ],
)
def test_the_unit_of_replicas_form_is_told_by_its_file_else_by_the_scene(
    tmp_path: Path, scene_id: str, scale: float | None, units: float, is_assumed: bool
):
    """What others record in its form for SLAM mostly counts millimetres."""
    replica(tmp_path)
    (tmp_path / "Replica" / "office0").rename(tmp_path / "Replica" / scene_id)
    path = tmp_path / "Replica" / "cam_params.json"
    camera = json.loads(path.read_text())["camera"]
    path.write_text(json.dumps({"camera": {key: n for key, n in {**camera, "scale": scale}.items() if n}}))
    (scene,) = find_scenes(data_of(tmp_path), needs_depth=True).scenes
    assert scene.scene_id == scene_id and scene.brought is not None and scene.brought.depth is not None
    assert scene.brought.depth.units_per_metre == units
    assert scene.brought.depth.is_unit_assumed == is_assumed
