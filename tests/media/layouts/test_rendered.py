from pathlib import Path

from focusgen.media.layouts.find import find_scenes
from tests.layouts import sintel, tartanair, vkitti2, write_pictures
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
