"""Names of depth files of known data sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen.media.depth_looks import looks_of, unit_hint


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("depth/1305031102.160407.png", {("TUM RGB-D", 5000)}),
        ("frames/depth/Camera_0/depth_00012.png", {("Virtual KITTI 2", 100)}),
        ("proj_depth/groundtruth/image_02/0000000005.png", {("KITTI", 256)}),
        ("seq-01/frame-000000.depth.png", {("7-Scenes", 1000)}),
        ("depth/0.png", {("ICL-NUIM", 5000), ("ScanNet", 1000)}),
        ("depth_0000.png", set()),
        ("0007.png", set()),
    ],
)
def test_a_file_is_known_by_its_name(name, expected):
    assert {(look.data_set, look.units_per_metre) for look in looks_of(Path(name))} == expected


def test_the_hint_names_flag_and_layout_and_says_nothing_of_strangers():
    assert "--depth_scale 100 if it is" in unit_hint(Path("depth_00012.png"))
    assert "--layout vkitti2" in unit_hint(Path("depth_00012.png"))
    assert unit_hint(Path("d.png")) == ""
