from pathlib import Path

from focusgen.media.brought import Camera
from focusgen.media.layouts import cameras
from focusgen.media.layouts.find import find_scenes
from tests.layouts import DEPTH_SETS
from tests.media.layouts.asking import data_of

# As the files of the builders say; TUM's is told by the name, TartanAir and Hypersim have one camera.
EXPECTED = {
    "tum": Camera(517.3, 516.5, 318.6, 255.3, (640, 480)),
    "kitti": Camera(721.5377, 721.5377, 609.5593, 172.854, (1242, 375)),
    "hypersim": Camera(886.81, 886.81, 511.5, 383.5, (1024, 768)),
    "tartanair": Camera(320.0, 320.0, 320.0, 240.0, (640, 480)),
    "sintel": Camera(1120.0, 1120.0, 511.5, 217.5),
    "scannet": Camera(117.0, 117.0, 64.775, 48.375),
    "vkitti2": Camera(725.0087, 725.0087, 620.5, 187.0),
    "replica": Camera(600.0, 600.0, 599.5, 339.5, (1200, 680)),
}


def test_every_depth_set_brings_its_camera(tmp_path: Path):
    for name, expected in EXPECTED.items():
        DEPTH_SETS[name](tmp_path / name)
        (scene,) = find_scenes(data_of(tmp_path / name), needs_depth=True).scenes
        assert scene.brought is not None and scene.brought.camera == expected, name


def test_a_file_that_is_no_camera_is_no_camera(tmp_path: Path):
    path = tmp_path / "camera"
    for data in (
        b"",
        b"PIEH123",
        b"1 2 3\n4 five 6\n",
        b"P_rect_02: 1 2\nS_rect_02: 3 4\n",
        b"\xff\xfe0 0 1 1 1 1",
        b"0 0 725.0 7z5.0 620.5 187.0\n",
        b"0 0 0 725.0 620.5 187.0\n",
        b"nan 0 1\n0 1 1\n0 0 1\n",
        b"PIEH" + bytes(72),
        b"P_rect_02: 7 0 3 0 0 7 3 0\nS_rect_02: 0 375\n",
        b"P_rect_02: 7 0 3 0 0 7 3 0\nS_rect_02: inf 375\n",
        b'{"camera": {"w": 0, "h": 4, "fx": 1, "fy": 1, "cx": 1, "cy": 1}}',
        b'{"camera": {"w": "many"}}',
        b"[1]",
    ):
        path.write_bytes(data)
        for read in (cameras.read_matrix, cameras.read_kitti, cameras.read_vkitti, cameras.read_sintel):
            assert read(path) is None, (data, read)
            assert read(tmp_path / "gone") is None
        assert cameras.read_replica(path) == (None, None)
    assert cameras.tum_camera("living_room_traj2_frei_png") is None
