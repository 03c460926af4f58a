"""Own depth beside frames that were turned or cropped: where sizes cannot tell, somebody has to say."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.clips import moving_texture, with_clap, write_video


def maps(rgbd, scene: str = "a") -> list[np.ndarray]:
    folder = rgbd.out_root / scene / "depth_maps"
    return [np.load(path)["depth"] for path in sorted(folder.glob("*.npz"))]


@pytest.mark.parametrize(("orientation", "turned"), [(3, (-1, -1)), (2, (1, -1))])
def test_depth_of_frames_stored_upside_down_or_mirrored_is_asked_for_how_it_stands(
    rgbd, capsys, orientation, turned
):
    """It has the size of the frames either way; as stored, it would be that of other pixels."""
    rgbd.add_scene("a")
    exif = Image.Exif()
    exif[0x0112] = orientation
    down, right = turned
    for path in (rgbd.raw_root / "a").iterdir():
        Image.fromarray(np.asarray(Image.open(path))[::down, ::right]).save(path, exif=exif.tobytes())
    assert rgbd.depth_phase() == 3
    said = capsys.readouterr().err
    assert "its frames are stored upside down or mirrored: frames stand upright, as EXIF asks" in said
    assert "--depth.accept_upright true" in said and maps(rgbd) == []
    assert rgbd.depth_phase("--depth.accept_upright", "true") == 0
    assert maps(rgbd)[0][0, 0] == 2.0
    assert rgbd.depth_phase() == 0, "a finished scene is not asked again"


def turned_by_exif(rgbd, cut=np.s_[:, :]) -> None:
    """Store the pictures of a scene lying, for EXIF to turn upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for path in (rgbd.raw_root / "a").iterdir():
        upright = np.asarray(Image.open(path))[cut]
        Image.fromarray(np.rot90(upright)).save(path, exif=exif.tobytes())


def test_square_depth_of_frames_that_were_turned_by_a_quarter_is_asked_for_how_it_stands(rgbd, capsys):
    rgbd.add_scene("a")
    turned_by_exif(rgbd, np.s_[:, :32])
    for path in (rgbd.depth_root / "a").iterdir():
        np.save(path, np.load(path)[:, :32])
    assert rgbd.depth_phase() == 3
    said = capsys.readouterr().err
    assert "its frames are stored turned or mirrored: frames stand upright, as EXIF asks" in said
    assert "--depth.accept_upright true" in said and maps(rgbd) == []
    assert rgbd.depth_phase("--depth.accept_upright", "true") == 0
    np.testing.assert_array_equal(maps(rgbd)[1], np.load(path.with_name("depth_0001.npy")).astype(np.float16))


def test_sides_tell_how_depth_of_turned_frames_stands_where_they_are_unequal(rgbd, capsys):
    rgbd.add_scene("a")
    turned_by_exif(rgbd)
    assert rgbd.depth_phase() == 0 and maps(rgbd)[0].shape == (32, 48)


@pytest.mark.parametrize("scale", [1, 4])
def test_depth_that_may_show_more_than_a_cropped_video_is_asked_for_and_cut_as_advised(rgbd, capsys, scale):
    """48x32 of 96x64: both have one aspect ratio, and all of it would be squeezed into the middle."""
    rgbd.raw_root.mkdir(parents=True)
    video = write_video(rgbd.raw_root / "a.mp4", moving_texture(4, 96, 64))
    video.write_bytes(with_clap(video.read_bytes(), (48, 32), (8, 0)))
    whole = np.linspace(1, 9, 96 * 64, dtype=np.float32).reshape(64, 96)
    folder = rgbd.depth_root / "a"
    folder.mkdir(parents=True)
    for frame in range(4):
        np.save(folder / f"{frame:04d}.npy", whole[::scale, ::scale])
    assert rgbd.depth_phase() == 3 and maps(rgbd) == []
    said = " ".join(capsys.readouterr().err.split())
    assert "cropped from 96x64 to 48x32, as the container asks (left 32, top 16)" in said
    assert "--depth.accept_cropped true" in said and "depth[16:48, 32:80]" in said
    if scale == 4:
        assert rgbd.depth_phase("--depth.accept_cropped", "true") == 0
        return
    for path in folder.iterdir():
        np.save(path, np.load(path)[16:48, 32:80])
    assert rgbd.depth_phase() == 0
    np.testing.assert_array_equal(maps(rgbd)[0], whole[16:48, 32:80].astype(np.float16))
