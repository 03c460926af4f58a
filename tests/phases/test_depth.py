"""Phase 3: what it warns about, and what it counts."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.dataset.records import read_record


def change(rgbd, scene: str, frame: int, factor: float) -> None:
    path = rgbd.depth_root / scene / f"depth_{frame:04d}.npy"
    np.save(path, (np.load(path) * factor).astype(np.float32))


def log_lines(rgbd, name: str) -> list[str]:
    return (rgbd.out_root / "logs" / name).read_text().splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("median_m", "is_told"), [(0.51, False), (0.49, True), (49.0, False), (51.0, True), (0.3, True)]
)
def test_a_median_outside_half_a_metre_to_fifty_is_told(rgbd, median_m, is_told):
    rgbd.add_scene("a", n_frames=2)
    for frame in range(2):
        path = rgbd.depth_root / "a" / f"depth_{frame:04d}.npy"
        depth_m = np.load(path)
        np.save(path, depth_m * np.float32(median_m / np.median(depth_m)))
    assert rgbd.run() == 0
    told = log_lines(rgbd, "depth_sanity_warnings.txt")
    assert any("is outside 0.5..50 m" in line and line.startswith("a:") for line in told) is is_told
    warnings = read_record(rgbd.out_root / "a/depth_maps/.done").warnings
    assert any("outside 0.5..50 m" in text for text in warnings) is is_told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factor", "is_told"), [(1.13, False), (1.17, True), (1 / 1.13, False), (1 / 1.2, True)]
)
def test_a_step_of_the_median_by_more_than_fifteen_percent_is_told_with_its_frames(rgbd, factor, is_told):
    rgbd.add_scene("a", n_frames=4)
    for frame in (2, 3):
        change(rgbd, "a", frame, factor)
    assert rgbd.run() == 0
    told = log_lines(rgbd, "depth_consistency_warnings.txt")
    assert [line.endswith("from frame 1 to 2") for line in told] == ([True] if is_told else [])


def test_raised_and_lowered_pixels_are_counted_and_raised_ones_count_as_invented(rgbd):
    rgbd.add_scene("a", n_frames=2)
    path = rgbd.depth_root / "a" / "depth_0001.npy"
    depth_m = np.load(path)
    depth_m[0, :7], depth_m[1, :5] = 0.004, 90.0
    np.save(path, depth_m)
    assert rgbd.run("--depth.max_m", "20") == 0
    assert log_lines(rgbd, "depth_nan_patches.csv")[1:] == ["a,1,0,7,5"]
    saved = np.load(rgbd.out_root / "a/depth_maps/depth_0001.npz")["depth"]
    assert (saved[0, :7] == np.float16(0.01)).all() and (saved[1, :5] == 20.0).all()
    details = read_record(rgbd.out_root / "a/depth_maps/.done").details
    assert details["changed_fraction"] == 7 / (2 * 32 * 48)


@pytest.mark.slow
@pytest.mark.parametrize(("n_rows", "is_told"), [(0, False), (1, True)])
def test_more_than_one_percent_of_raised_pixels_is_told_and_more_than_twenty_fails(rgbd, n_rows, is_told):
    rgbd.add_scene("a", n_frames=2)
    for path in (rgbd.depth_root / "a").iterdir():
        depth_m = np.load(path)
        depth_m[:n_rows] = 0.004
        np.save(path, depth_m)
    assert rgbd.run() == 0
    told = log_lines(rgbd, "depth_sanity_warnings.txt")
    assert any("3.12 % of the depth pixels were patched or raised" in line for line in told) is is_told
