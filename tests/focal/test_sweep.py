"""Which frames of a sweep become a stack, and what a log of focus must say."""

import math
from pathlib import Path

import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.sweep import cut_sweep, read_focus


def metres(diopters: list[float]) -> list[float]:
    return [1.0 / v for v in diopters]


def test_each_journey_of_the_focus_plane_is_a_stack_even_in_diopters():
    there, back = np.linspace(2.0, 0.4, 17).tolist(), np.linspace(0.4, 1.2, 9).tolist()
    at_rest = [2.0, 2.0]
    stacks = cut_sweep(metres([*at_rest, *there, *back]), 5)
    assert [stack.frames for stack in stacks] == [(2, 6, 10, 14, 18), (19, 21, 23, 25, 27)]
    np.testing.assert_allclose([1 / d for d in stacks[0].distances_m], [2.0, 1.6, 1.2, 0.8, 0.4])


def test_a_journey_with_too_few_frames_gives_nothing():
    assert cut_sweep(metres([2.0, 1.0, 0.5]), 4) == []
    assert cut_sweep(metres([1.0] * 30), 2) == []


def test_a_journey_that_speeds_up_is_spread_by_diopters_and_not_by_frames():
    diopters = (2.0 - 1.6 * np.linspace(0, 1, 41) ** 3).tolist()
    (stack,) = cut_sweep(metres(diopters), 5)
    np.testing.assert_allclose([1 / d for d in stack.distances_m], [2.0, 1.6, 1.2, 0.8, 0.4], atol=0.08)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_lines_of_frames_or_seconds_are_joined_in_diopters(tmp_path: Path):
    by_frame = write(tmp_path / "a.csv", "frame,focus_m\n0,0.5\n4,inf\n")
    assert read_focus(by_frame, 5, None) == [0.5, 1 / 1.5, 1.0, 2.0, math.inf]
    by_time = write(tmp_path / "b.csv", "time_s, focus_distance_m\n0, 0.5\n0.4, inf\n")
    times_s = [7.0, 7.1, 7.2, 7.3, 7.4]  # a container's clock need not begin at 0
    np.testing.assert_allclose(read_focus(by_time, 5, times_s)[:4], [0.5, 1 / 1.5, 1.0, 2.0])


@pytest.mark.parametrize(
    ("last", "is_said"), [("0,0.5\n4,1", False), ("0,0.5\n5,1", False), ("0,0.5\n9,1", True)]
)
@pytest.mark.parametrize("per_frame", [1.0, 0.04])
def test_a_log_that_goes_on_after_the_video_may_be_another_s(tmp_path, last, is_said, per_frame):
    rows = [line.split(",") for line in last.split("\n")]
    lines = [f"{float(place) * per_frame:g},{metres}" for place, metres in rows]
    log = write(
        tmp_path / "f.csv", "\n".join(["frame,focus_m" if per_frame == 1 else "time_s,focus_m", *lines])
    )
    said: list[str] = []
    read_focus(log, 5, [7.0 + per_frame * n for n in range(5)], said.append)
    assert [f"goes on to {9 * per_frame:g}, the video to {4 * per_frame:g}" in line for line in said] == [
        True
    ] * is_said


def test_a_log_with_semicolons_has_decimal_commas(tmp_path: Path):
    text = "time_s;focus_m\r\n0,0;0,5\r\n0,2;1,0\r\n"
    found = read_focus(write(tmp_path / "focus.csv", text), 3, [0.0, 0.1, 0.2])
    assert found == pytest.approx([0.5, 1 / 1.5, 1.0])


@pytest.mark.parametrize(
    "text",
    [
        "frame,focus_mm\n0,500\n2,1000\n",
        "frame\tFocus distance (cm)\n0\t50\n2\t100\n",
        "frame,focus_raw,focus_m\n0,7,0.5\n2,9,1\n",
    ],
)
def test_a_heading_says_the_unit_of_focus(tmp_path: Path, text: str):
    found = read_focus(write(tmp_path / "focus.csv", text), 3, None)
    assert found == pytest.approx([0.5, 1 / 1.5, 1.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame,focus_m\n0,0.5\n3,1\n", "says nothing of 1 of 5 frames"),
        ("frame,focus_m\n0,0.5\n4,-1\n", r"focus.csv:3: a focus distance must be > 0 m"),
        ("frame,focus_m\nzero,0.5\n", r"focus.csv:2: 'zero' is no frame"),
        ("frame,focus_m\n0,1\n3,0.5\n\n2,1\n", "focus.csv:5: 2 after 3"),
        ("time_s,focus_m\n0,1\n.5,2\n.5,3\n", "focus.csv:4: 0.5 for the second time"),
        ("frame,sharpness\n0,1\n", "no column"),
        ("frame,LENS_FOCUS_DISTANCE\n0,5\n4,2\n", "LENS_FOCUS_DISTANCE are no metres, but diopters"),
        ("frame,focus_ft\n0,1\n4,2\n", r"focus.csv:1: focus_ft are no metres"),
        ("frame,focus_m\n", "no line"),
        ("time_s,focus_m\n0,0.5\n1,1\n", "no time stamps"),
    ],
)
def test_a_log_that_cannot_be_used_is_refused_by_file_and_line(tmp_path: Path, text: str, message: str):
    with pytest.raises(ConfigError, match=message):
        read_focus(write(tmp_path / "focus.csv", text), 5, None)
