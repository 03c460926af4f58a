"""Frames and depth files belong together by the numbers and times in their names."""

from __future__ import annotations

import pytest

from focusgen.media.depth_pairs import FrameNames, pair_with_frames


def numbered(pattern: str, numbers) -> list[str]:
    return [pattern.format(number) for number in numbers]


def pair(frames: list[str], files: list[str], is_video: bool = False):
    return pair_with_frames(files, FrameNames(tuple(frames), is_video), len(frames))


@pytest.mark.parametrize(
    ("frames", "files"),
    [
        (numbered("{:05d}.jpg", range(12)), numbered("{:05d}.npy", range(12))),
        (numbered("frame_{:04d}.png", range(12)), numbered("depth_{:04d}.exr", range(12))),
        (numbered("rgb{}.png", range(1, 13)), numbered("z-{:03d}.png", range(12))),  # another first number
        (numbered("{}.png", [0, 1, 4, 9]), numbered("d{}.png", [0, 1, 4, 9])),  # the same gaps
        (numbered("shot2.{:04d}.png", range(8, 20)), numbered("shot2_z.{:04d}.exr", range(8, 20))),
        (numbered("cam0_{}_l.png", range(5)), numbered("cam1_{}_depth.png", range(5))),
    ],
)
def test_names_that_are_numbered_alike_pair_in_order(frames, files):
    made = pair(frames, files)
    assert not made.problem and not made.notes
    assert made.order is None or list(made.order) == list(range(len(frames)))


@pytest.mark.parametrize(
    ("frames", "files", "named"),
    [
        ([i for i in range(20) if i != 5], [i for i in range(20) if i != 12], ("00006", "00005")),
        ([i for i in range(20) if i != 5], range(19), ("00006", "00005")),  # numbered anew: nobody knows
        (range(20), range(19), ("00019",)),
        (range(0, 40, 10), range(4), ("00010", "00001")),
    ],
)
def test_the_first_pair_whose_numbers_differ_is_named(frames, files, named):
    made = pair(numbered("f{:05d}.png", frames), numbered("d{:05d}.npy", files))
    assert made.problem and all(name in made.problem for name in named)


def test_names_without_a_number_in_common_are_refused_unless_they_are_equal():
    assert "alpha.png" in pair(["alpha.png", "beta.png"], ["x1.npy", "x2.npy"]).problem
    made = pair(["beta.png", "alpha.png"], ["alpha.npy", "beta.npy"])
    assert made.order == (1, 0) and not made.problem


def test_files_that_belong_to_no_frame_are_left_out_and_named():
    frames = numbered("{:05d}.png", range(3))
    made = pair(frames, ["00000.png", "00000_vis.png", "00001.png", "00001_vis.png", "00002.png"])
    assert made.order == (0, 2, 4)
    assert made.notes == ("2 depth files belong to no frame: 00000_vis.png, 00001_vis.png",)


def test_time_stamps_pair_with_the_nearest_within_half_a_frame():
    frames = ["1305031102.175304.png", "1305031102.211214.png", "1305031102.243211.png"]
    files = ["1305031102.160407.png", "1305031102.194330.png", "1305031102.226738.png", "1305031102.9.png"]
    made = pair(frames, files)
    assert made.order == (0, 1, 2) and "1305031102.9.png" in made.notes[0]
    late = pair(frames, [*files[:1], "1305031102.230000.png", "1305031102.3.png"])
    assert "1305031102.243211.png" in late.problem or "1305031102.211214.png" in late.problem
    ns = numbered("{}.png", [1403636579763555584 + 50_000_000 * k for k in range(4)])
    assert pair(ns, [name.replace("555584", "999999") for name in ns]).order == (0, 1, 2, 3)


def test_times_within_one_second_are_times_whatever_the_second():
    frames = ["0.000.png", "0.033.png", "0.067.png", "0.100.png"]
    made = pair(frames, ["0.010.png", "0.044.png", "0.075.png", "0.110.png"])
    assert made.order == (0, 1, 2, 3) and not made.problem
    assert not pair(frames, numbered("{}.png", ["0.01", "0.043", "0.076", "0.11"]), is_video=True).problem
    shot = numbered("shot2.{:04d}.png", [1, 2, 4])
    assert "shot2_z.0003" in pair(shot, numbered("shot2_z.{:04d}.exr", [1, 2, 3])).problem
    assert pair(numbered("3.{}.png", range(5)), numbered("3.1{}.exr", range(5))).order is None


def test_depth_of_a_video_must_not_skip_a_number():
    frames = numbered("frame_{:04d}", range(6))
    assert not pair(frames, numbered("z{}.npy", range(1, 7)), is_video=True).problem
    assert not pair(frames, numbered("z{}.npy", range(0, 60, 10)), is_video=True).problem
    skipped = pair(frames, numbered("z{}.npy", [0, 1, 2, 4, 5, 6]), is_video=True)
    assert "z2.npy" in skipped.problem and "z4.npy" in skipped.problem


def test_times_beside_counted_numbers_are_called_that():
    files = [f"{1305031100 + number / 30 + 0.004:.6f}.png" for number in range(4)]
    frames = FrameNames(tuple(f"{number:05d}.png" for number in range(4)), is_video=False)
    problem = pair_with_frames(files, frames, 4).problem
    assert (
        "depth files are named by times and frames by numbers (00000.png, 1305031100.004000.png)" in problem
    )
    long = FrameNames(tuple(f"{number:012d}.jpg" for number in range(4)), is_video=False)
    assert pair_with_frames([f"{n:04d}.png" for n in range(4)], long, 4).problem == "", "12 digits, no time"
