"""Mend and run again: what was never finished begins anew with the mended input; what was finished stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen import cli
from tests.conftest import Rgbd
from tests.fingerprint import published_digests


@pytest.mark.slow
def test_mended_depth_is_taken_without_a_further_flag(rgbd, capsys):
    rgbd.add_scene("a")
    path = rgbd.depth_root / "a" / "depth_0003.npy"
    whole = path.read_bytes()
    np.save(path, np.full((32, 48), 1e5, np.float32))
    assert rgbd.run() == 3
    assert (rgbd.out_root / "a/depth_maps/depth_0002.npz").exists(), "frames before the damage are there"
    path.write_bytes(whole)
    capsys.readouterr()
    assert rgbd.run() == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "dropped" in line]
    assert len(lines) == 1
    assert "weights.provided_depth" in lines[0]
    assert not (rgbd.out_root / "a/depth_maps/.failed").exists()
    expected = Rgbd(rgbd.root / "twin")
    expected.add_scene("a")
    assert expected.run() == 0
    assert published_digests(rgbd.out_root) == published_digests(expected.out_root)


@pytest.mark.slow
def test_a_mended_raw_frame_is_indexed_anew_where_nothing_was_finished(rgbd, capsys):
    rgbd.add_scene("a")
    index = [*rgbd.flags("raw_root", "out_root"), "--min_frames", "2", "--workers", "1"]
    assert cli.phase_main("index", "doc", index) == 0
    path = rgbd.raw_root / "a" / "frame_0002.png"
    cv2.imwrite(str(path), cv2.imread(str(path)) // 2)
    assert rgbd.run("--strict") == 0
    assert (
        "indexed anew: a: changed since it was indexed (the content of its files)" in capsys.readouterr().err
    )


@pytest.mark.slow
def test_a_finished_scene_is_never_redone_unasked(rgbd, capsys):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    before = published_digests(rgbd.out_root)
    path = rgbd.depth_root / "a" / "depth_0003.npy"
    np.save(path, np.load(path) + 1)
    assert rgbd.run() == 3
    path = rgbd.raw_root / "a" / "frame_0002.png"
    cv2.imwrite(str(path), cv2.imread(str(path)) // 2)
    assert rgbd.run("--strict") == 3
    assert published_digests(rgbd.out_root) == before


@pytest.mark.slow
@pytest.mark.parametrize("begun_by", ["kill", "failure"])
def test_half_made_work_under_other_settings_still_waits_for_a_word(rgbd, capsys, begun_by):
    rgbd.add_scene("a")
    path = rgbd.depth_root / "a" / "depth_0003.npy"
    whole = path.read_bytes()
    np.save(path, np.full((32, 48), 1e5, np.float32))
    assert rgbd.run() == 3
    if begun_by == "kill":
        (rgbd.out_root / "a/depth_maps/.failed").unlink()
    path.write_bytes(whole)
    assert rgbd.run("--depth.max_m", "3") == 3
    assert "half made with other settings (depth.max_m: null -> 3" in capsys.readouterr().err
    assert rgbd.run("--depth.max_m", "3", "--on_stale", "redo") == 0
