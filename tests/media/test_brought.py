from pathlib import Path

import pytest

from focusgen.media.brought import Brought, BroughtDepth, Camera


def test_a_camera_keeps_its_rays_when_the_picture_shrinks():
    """The ray through the right edge of the picture, at pixel 639.5, goes through 319.5 at half the size."""
    camera = Camera(525.0, 520.0, 319.5, 239.5, (640, 480))
    half = camera.seen_at(320, 240)
    assert (639.5 - camera.cx) / camera.fx == pytest.approx((319.5 - half.cx) / half.fx)
    assert (479.5 - camera.cy) / camera.fy == pytest.approx((239.5 - half.cy) / half.fy)
    assert (half.fx, half.fy) == (262.5, 260.0)
    assert camera.seen_at(640, 480) == camera


def test_depth_is_the_same_after_a_walk_through_the_index(tmp_path: Path):
    depth = BroughtDepth(
        tmp_path / "a" / "depth", ("0.png", "1.png", "2.png"), 1000.0, None, (0.5, 0.1, 0.5, -1.0)
    )
    document = depth.document(tmp_path, 2)
    assert document["path"] == "a/depth"
    moved = Path("/elsewhere")
    assert BroughtDepth.of(document, moved) == BroughtDepth(
        moved / "a/depth", ("0.png", "1.png"), 1000.0, None, (0.5, 0.1, 0.5, -1.0)
    )
    metres = BroughtDepth(tmp_path / "d", ("0.npy",), focal_per_width=0.866)
    assert BroughtDepth.of(metres.document(tmp_path, 1), tmp_path) == metres


def test_the_index_gets_no_key_for_what_did_not_come(tmp_path: Path):
    assert Brought("davis", split="val").document(tmp_path, 16, (64, 48)) == {"layout": "davis"}
    camera = Camera(60.0, 61.0, 31.5, 23.5)
    known = Brought("x", camera=camera, group="g").document(tmp_path, 16, (64, 48))
    assert known == {"layout": "x", "camera": {"fx": 60.0, "fy": 61.0, "cx": 31.5, "cy": 23.5}, "group": "g"}


def test_a_camera_of_pictures_of_another_size_is_not_the_view_of_these(tmp_path: Path):
    """ScanNet's colour camera (1296x968) beside colour that was resized to 640x480: 31 degrees, not 58."""
    camera = Camera(1170.2, 1170.2, 647.75, 483.75)
    assert "camera" in Brought("scannet", camera=camera).document(tmp_path, 16, (1296, 968))
    assert "camera" not in Brought("scannet", camera=camera).document(tmp_path, 16, (640, 480))
