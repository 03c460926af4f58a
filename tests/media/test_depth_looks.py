"""Names of depth files of known data sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen.media.depth_looks import looks_of, packed_bits, unit_hint


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("depth/1305031102.160407.png", {("TUM RGB-D", 5000)}),
        ("frames/depth/Camera_0/depth_00012.png", {("Virtual KITTI 2", 100), ("PointOdyssey", 65.535)}),
        ("proj_depth/groundtruth/image_02/0000000005.png", {("KITTI", 256)}),
        (
            "groundtruth_depth/2011_09_26_drive_0002_sync_groundtruth_depth_0000000005_image_02.png",
            {("KITTI", 256)},
        ),
        ("ibims1_core_raw/depth/corridor_01.png", {("iBims-1", 1310.7)}),
        ("ibims1_core_raw/rgb/corridor_01.png", set()),
        ("v1/undistorted_depth_images/0b217f59904d4bdf85d35da2cab963c0_d1_3.png", {("Matterport3D", 4000)}),
        ("seq-01/frame-000000.depth.png", {("7-Scenes", 1000)}),
        ("office0/results/depth000012.png", {("Replica as NICE-SLAM has it", 6553.5)}),
        ("depth/0.png", {("ICL-NUIM", 5000), ("ScanNet", 1000)}),
        ("keyframes/depth/6037298508.png", set()),
        ("depth_0000.png", set()),
        ("0007.png", set()),
    ],
)
def test_a_file_is_known_by_its_name(name, expected):
    assert {(look.data_set, look.units_per_metre) for look in looks_of(Path(name))} == expected


def test_the_hint_names_flag_and_layout_and_says_nothing_of_strangers():
    assert "--depth_scale 100 or --depth_scale 65.535 if it is" in unit_hint(Path("depth_00012.png"))
    assert "--layout vkitti2" in unit_hint(Path("depth_00012.png"))
    assert unit_hint(Path("d.png")) == ""


def test_bits_that_are_no_number_of_any_unit_are_known_by_their_names():
    assert "half-precision" in packed_bits(Path("d/009850-3_obj_source_left_0000.geometric.png"))[0]
    assert "half-precision" in packed_bits(Path("fall/depth/trajectory_4006/000012.PNG"))[0]
    assert "v >> 3 | v << 13" in packed_bits(Path("depth/0000001-000000012862.png"))[1]
    for of_sun in (
        "SUNRGBD/kv1/NYUdata/NYU0001/depth/NYU0001.png",
        "/data/kv2/kinect2data/000002_2014-05-26_14-23-37_260595134347_rgbf000103-resize/depth/0000103.png",
        "x/realsense/lg/2014_10_21-18_16_30-1311000073/depth_bfx/0001270.png",
        "sun_rgbd/a/depth/0001.png",
    ):
        assert "turned by three" in packed_bits(Path(of_sun))[0], of_sun
    assert packed_bits(Path("recordings/realsense/depth/0000001.png")) == ("", "")
    assert packed_bits(Path("sunrgbd_mm/a/0001.png")) == ("", "")
    assert packed_bits(Path("depth/0000001.png")) == packed_bits(Path("a.geometric.npy")) == ("", "")
