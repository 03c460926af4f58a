from pathlib import Path

from focusgen.media.layouts.find import find_scenes
from tests.layouts import kitti, scannet, write_depth_png, write_pictures
from tests.media.layouts.asking import data_of


def test_kitti_reads_the_frames_that_were_annotated_and_warns_of_the_holes(tmp_path: Path):
    kitti(tmp_path)
    found = find_scenes(data_of(tmp_path))
    (scene,) = found.scenes
    assert (scene.files[0], scene.files[-1]) == ("0000000005.png", "0000000020.png")
    assert any("depth.max_patched_fraction" in text for text in found.remarks)
    assert any(note.startswith("10 of 26 frames have no depth") for note in scene.notes)


def test_the_benchmark_s_own_parts_are_the_splits_of_drives(tmp_path: Path):
    kitti(tmp_path)
    other = "2011_09_26_drive_0002_sync"
    write_pictures(
        tmp_path / "2011_09_26" / other / "image_02" / "data", ["0000000005.png", "0000000006.png"]
    )
    write_depth_png(
        tmp_path / "data_depth_annotated/val" / other / "proj_depth/groundtruth/image_02",
        ["0000000005.png", "0000000006.png"],
        256,
    )
    scenes = find_scenes(data_of(tmp_path)).scenes
    assert [scene.brought.split for scene in scenes if scene.brought] == ["train", "val"]


def test_the_scans_of_one_room_are_a_group_and_the_lists_are_found(tmp_path: Path):
    scannet(tmp_path)
    for seed, name in enumerate(("scene0000_01", "scene0011_00")):
        write_pictures(tmp_path / "scans" / name / "color", ["0.jpg", "1.jpg"], seed)
        write_depth_png(tmp_path / "scans" / name / "depth", ["0.png", "1.png"], 1000)
    known = [scene.brought for scene in find_scenes(data_of(tmp_path)).scenes]
    assert [brought.group for brought in known if brought] == ["scene0000", "scene0000", "scene0011"]
    (tmp_path / "scannetv2_train.txt").write_text("scene0000_00\nscene0000_01\n")
    (tmp_path / "scannetv2_val.txt").write_text("scene0011_00\n")
    known = [scene.brought for scene in find_scenes(data_of(tmp_path)).scenes]
    assert [brought.split for brought in known if brought] == ["train", "train", "val"]
