from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.media.layouts.find import find_scenes
from tests.layouts import DEPTH_SETS, davis, gopro, sintel, tum, write_pictures
from tests.media.layouts.asking import data_of


def ids(root: Path, **more: object) -> list[str]:
    return [scene.scene_id for scene in find_scenes(data_of(root, **more)).scenes]


def test_a_data_set_that_was_indexed_plainly_keeps_its_ids(tmp_path: Path):
    tum(tmp_path)
    known = find_scenes(data_of(tmp_path / "rgbd_dataset_freiburg1_xyz"), known_as="plain")
    assert [scene.scene_id for scene in known.scenes] == ["depth", "rgb"]
    assert known.remarks == ()
    assert ids(tmp_path / "rgbd_dataset_freiburg1_xyz", layout="plain") == ["depth", "rgb"]
    assert ids(tmp_path / "rgbd_dataset_freiburg1_xyz") == ["rgbd_dataset_freiburg1_xyz"]


def test_a_root_that_is_two_data_sets_is_left_to_the_person(tmp_path: Path):
    davis(tmp_path)
    gopro(tmp_path)
    found = find_scenes(data_of(tmp_path))
    assert "looks like several layouts, so none is used: davis (JPEGImages/480p), gopro (" in found.remarks[0]
    assert "--layout says which" in found.remarks[0]
    assert ids(tmp_path, layout="gopro") == ["GOPR0372_07_00", "GOPR0384_11_00"]


def test_a_layout_that_is_not_there_says_what_it_expects(tmp_path: Path):
    davis(tmp_path)
    with pytest.raises(ConfigError, match="nothing in it lies as in tum") as refused:
        find_scenes(data_of(tmp_path, layout="tum"))
    assert "<sequence>/rgb/, depth/" in refused.value.advice
    with pytest.raises(ConfigError, match="--layout davis and --glob exclude each other"):
        find_scenes(data_of(tmp_path, layout="davis", glob="*"))
    with pytest.raises(ConfigError, match="--clips and --glob exclude each other"):
        find_scenes(data_of(tmp_path, clips=tmp_path / "clips.csv", glob="*"))


def test_clips_without_depth_are_left_out_only_where_depth_is_needed(tmp_path: Path):
    sintel(tmp_path)
    assert ids(tmp_path) == ["alley_1", "ambush_1"]
    needed = find_scenes(data_of(tmp_path), needs_depth=True)
    assert [scene.scene_id for scene in needed.scenes] == ["alley_1"]
    assert any("1 clips came without depth and are left out: ambush_1" in text for text in needed.remarks)


def test_edges_of_measured_depth_are_spoken_of_where_that_depth_is_used(tmp_path: Path):
    for name, is_measured in {"tum": True, "scannet": True, "kitti": True, "sintel": False}.items():
        DEPTH_SETS[name](tmp_path / name)
        said = find_scenes(data_of(tmp_path / name), needs_depth=True).remarks
        assert any("--depth.is_exact false flags them" in text for text in said) == is_measured
        assert not any("is_exact" in text for text in find_scenes(data_of(tmp_path / name)).remarks)


def test_a_set_whose_depth_was_not_downloaded_says_where_it_was_looked_for(tmp_path: Path):
    write_pictures(tmp_path / "training" / "clean" / "alley_1", ["frame_0001.png", "frame_0002.png"])
    found = find_scenes(data_of(tmp_path), needs_depth=True)
    assert [scene.scene_id for scene in found.scenes] == ["alley_1"]
    assert any(
        "no depth was found" in text and "training/depth/<clip>/*.dpt" in text for text in found.remarks
    )


def test_one_part_of_an_official_split_says_nothing(tmp_path: Path):
    """Who has only the folder `train` wants a val split all the same."""
    gopro(tmp_path)
    (scene,) = find_scenes(data_of(tmp_path / "train")).scenes
    assert scene.brought is not None and scene.brought.split is None


@pytest.mark.parametrize("kind", ["pictures", "depth"])
def test_links_that_leave_the_root_are_refused_in_layouts_too(tmp_path: Path, kind: str):
    root, outside = tmp_path / "root", tmp_path / "outside"
    DEPTH_SETS["tartanair"](root)
    folder = root / "abandonedfactory/Easy/P000" / {"pictures": "image_left", "depth": "depth_left"}[kind]
    folder.rename(outside)
    folder.symlink_to(outside)
    found = find_scenes(data_of(root))
    assert [r.reason for r in found.rejected.values()] == [
        "a link that leaves the raw root; --follow_links (data.follow_links: true) reads what it names"
    ]
    assert ids(root, follow_links=True) == ["abandonedfactory_Easy_P000"]
