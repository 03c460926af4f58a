"""Odd depth of a scene: another unit in some frames is refused, what may be true is told."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.dataset.records import read_record


def change(rgbd, frames, by) -> None:
    for frame in frames:
        path = rgbd.depth_root / "a" / f"depth_{frame:04d}.npy"
        np.save(path, by(np.load(path)).astype(np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1000.0, 0.01])
def test_frames_in_another_unit_fail_their_scene_until_a_person_accepts_them(rgbd, capsys, factor):
    rgbd.add_scene("a", n_frames=6)
    change(rgbd, (4, 5), lambda depth_m: depth_m * factor)
    lower = ("--depth.min_m", "0.001")
    assert rgbd.run(*lower) == 3
    said = capsys.readouterr().err
    assert "2 of 6 frames seem to have another unit (frames 4, 5)" in said
    assert not (rgbd.out_root / "a/depth_maps/stats.json").exists()
    assert rgbd.run(*lower, "--depth.accept_range", "true") == 0


@pytest.mark.slow
def test_a_scene_that_walks_far_away_is_one_unit(rgbd):
    rgbd.add_scene("a", n_frames=6)
    for frame in range(6):
        change(rgbd, [frame], lambda depth_m, frame=frame: depth_m * 3.0**frame)
    assert rgbd.run() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("largest", "is_told"), [(1.0, True), (0.8, False), (1.1, False), (255.0, True), (256.0, False)]
)
def test_depth_that_ends_at_one_or_255_is_told_to_be_relative(rgbd, capsys, largest, is_told):
    rgbd.add_scene("a", n_frames=2)
    change(rgbd, (0, 1), lambda depth_m: depth_m / depth_m.max() * largest)
    assert rgbd.run() == 0
    text = f"brought to 0..{min(largest, 255):.0f} is no metric depth"
    assert (text in capsys.readouterr().err) is is_told
    assert any(text in warning for warning in read_record(rgbd.out_root / "a/depth_maps/.done").warnings) is (
        is_told
    )


@pytest.mark.slow
def test_steps_of_the_median_reach_the_screen_the_first_with_its_frames(rgbd, capsys):
    rgbd.add_scene("a", n_frames=6)
    change(rgbd, (1, 3, 5), lambda depth_m: depth_m * 1.3)
    assert rgbd.run() == 0
    said = capsys.readouterr().err
    assert "% from frame 0 to 1\n" in said
    assert "4 more like this: logs/depth_consistency_warnings.txt" in said


@pytest.mark.slow
def test_depth_in_kilometres_is_asked_for_its_unit(rgbd, capsys):
    rgbd.add_scene("a", n_frames=2)
    change(rgbd, (0, 1), lambda depth_m: depth_m / 1000.0)
    assert rgbd.run() == 3
    assert "kilometres (--depth_scale 0.001)" in capsys.readouterr().err
    assert rgbd.run("--depth_scale", "0.001") == 0
    assert np.load(rgbd.out_root / "a/depth_maps/depth_0000.npz")["depth"][0, 0] == 2.0
