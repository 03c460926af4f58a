from pathlib import Path

from focusgen.media.layouts.find import find_scenes
from tests.layouts import davis, gopro, kinetics, reds, vimeo90k, write_pictures
from tests.media.layouts.asking import data_of


def test_a_davis_sequence_without_a_split_is_refused_by_name(tmp_path: Path):
    davis(tmp_path)
    write_pictures(tmp_path / "JPEGImages/480p/mine", ["00000.jpg"])
    found = find_scenes(data_of(tmp_path))
    assert [scene.scene_id for scene in found.scenes] == ["bear", "camel", "dog"]
    assert "no list in ImageSets/2017 names it" in found.rejected["mine"].reason


def test_davis_without_lists_is_what_it_always_was(tmp_path: Path):
    davis(tmp_path)
    for path in (tmp_path / "ImageSets" / "2017").iterdir():
        path.unlink()
    scenes = find_scenes(data_of(tmp_path)).scenes
    assert [scene.scene_id for scene in scenes] == ["bear", "camel", "dog"]
    assert all(scene.brought and scene.brought.split is None for scene in scenes)


def test_sharp_frames_are_read_and_blurred_ones_only_for_want_of_them(tmp_path: Path):
    reds(tmp_path)
    paths = [scene.path.parent.name for scene in find_scenes(data_of(tmp_path)).scenes]
    assert paths == ["train_sharp", "val_sharp"]
    (tmp_path / "train" / "train_sharp").rename(tmp_path / "elsewhere")
    found = find_scenes(data_of(tmp_path))
    assert [scene.path.parent.name for scene in found.scenes] == ["train_blur", "val_sharp"]
    assert any(text.startswith("train_blur: no sharp frames") for text in found.remarks)


def test_clips_of_one_recording_are_a_group(tmp_path: Path):
    gopro(tmp_path / "g")
    kinetics(tmp_path / "k")
    vimeo90k(tmp_path / "v")
    groups = {
        scene.scene_id: scene.brought.group
        for name in "gkv"
        for scene in find_scenes(data_of(tmp_path / name)).scenes
        if scene.brought
    }
    assert groups["GOPR0372_07_00"] == "GOPR0372"
    assert groups["abcdefghijk_000001_000011"] == "abcdefghijk"
    assert groups["00001_0001"] == groups["00001_0002"] == "00001"


def test_vimeo_clips_in_no_list_are_counted_not_listed_one_by_one(tmp_path: Path):
    vimeo90k(tmp_path)
    remarks = find_scenes(data_of(tmp_path)).remarks
    assert any("1 of 4 clips are in no list" in text for text in remarks)
    assert any("--min_frames 7" in text for text in remarks)
