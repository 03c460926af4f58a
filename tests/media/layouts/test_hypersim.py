from pathlib import Path

import pytest

from focusgen.media.layouts.find import find_scenes
from tests.layouts import hypersim
from tests.media.layouts.asking import data_of

HEADER = (
    "scene_name,settings_output_img_width,settings_output_img_height,"
    "M_proj_00,M_proj_01,M_proj_02,M_proj_10,M_proj_11,M_proj_12,M_proj_30,M_proj_31\n"
)


def test_the_table_of_cameras_says_the_view_and_refuses_a_shifted_one(tmp_path: Path):
    hypersim(tmp_path)
    table = tmp_path / "metadata_camera_parameters.csv"
    table.write_text(HEADER + "ai_001_001,1024.0,768.0,2.0,0.0,0.0,0.0,2.6666667,0.0,0.0,0.0\n")
    (scene,) = find_scenes(data_of(tmp_path)).scenes
    assert scene.brought is not None and scene.brought.depth is not None
    assert scene.brought.depth.focal_per_width == 1.0
    for numbers in (
        "1024.0,768.0,2.0,0.0,0.2,0.0,2.6666667,0.0,0.0,0.0",
        "1024.0,768.0,2.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0",  # no focal length
        "1024.0,768.0,2.0",  # a line that was cut
        "inf,768.0,2.0,0.0,0.0,0.0,2.6666667,0.0,0.0,0.0",
    ):
        table.write_text(f"{HEADER}ai_001_001,{numbers}\n")
        found = find_scenes(data_of(tmp_path))
        assert found.scenes == ()
        assert "tilted or shifted, or is none" in found.rejected["ai_001_001_cam_00"].reason


def test_the_official_table_of_splits_is_used(tmp_path: Path):
    for name in ("a", "b"):
        hypersim(tmp_path / name)
    (tmp_path / "b" / "ai_001_001").rename(tmp_path / "a" / "ai_002_001")
    (tmp_path / "a" / "metadata_images_split_scene_v1.csv").write_text(
        "scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name\n"
        "ai_001_001,cam_00,0,True,,train\nai_002_001,cam_00,0,True,,test\n"
    )
    known = [scene.brought for scene in find_scenes(data_of(tmp_path / "a")).scenes]
    assert [brought.split for brought in known if brought] == ["train", "test"]


@pytest.mark.parametrize("kind", ["tonemap", "color"])
def test_one_kind_of_picture_is_read(tmp_path: Path, kind: str):
    hypersim(tmp_path)
    if kind == "color":
        for path in tmp_path.rglob("*.tonemap.jpg"):
            path.unlink()
    (scene,) = find_scenes(data_of(tmp_path)).scenes
    assert {name.split(".")[2] for name in scene.files} == {kind}
