"""What is written beside a result: how it was found, as JSON, and how much of it can be told."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.focal.classical import Estimate
from focusgen.focal.notes import notes_of
from focusgen.focal.opened import OpenedStack, open_stack
from focusgen.focal.slice_files import stack_of_folder
from focusgen.focal.told_lens import LensFlags

HEIGHT, WIDTH = 32, 48
LENS = LensFlags(50.0, 2.0, 36.0)


def opened(
    tmp_path: Path, lens: LensFlags = LENS, distances_m=(2.0, 0.5, math.inf), most_pixels: int = 10**6
) -> OpenedStack:
    (tmp_path / "s").mkdir()
    texture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    texture[:, WIDTH // 2 :] = 128
    for n in range(3):
        texture[1, 1] = n  # one picture under three names would be refused
        cv2.imwrite(str(tmp_path / "s" / f"{n}.png"), texture)
    cv2.imwrite(str(tmp_path / "s" / "depth.png"), texture)
    return open_stack(
        stack_of_folder(tmp_path / "s"),
        distances_m,
        lens,
        most_pixels=most_pixels,
        aligns=False,
        progress=lambda *_: None,
    )


def notes(stack: OpenedStack, diopters: float = 1.0, confidence: float = 0.5, was_asked: bool = False):
    shape = stack.stack.slices.shape[1:3]
    depth = np.full(shape, diopters, np.float32)
    depth[0, 0] = 2.0
    sure = np.full(shape, confidence, np.float32)
    sure[: shape[0] // 2] = 0.05
    found = Estimate(depth, depth, sure, "relative_blur", {"relative_blur": 0.12345678})
    document = notes_of(stack, found, sure, was_asked=was_asked)
    return json.loads(json.dumps(document, allow_nan=False))


def test_slices_are_told_near_to_far_with_infinity_as_a_word(tmp_path):
    document = notes(opened(tmp_path))
    assert document["slices"] == [
        {"file": "1.png", "focus_distance_m": 0.5},
        {"file": "0.png", "focus_distance_m": 2.0},
        {"file": "2.png", "focus_distance_m": "inf"},
    ]
    assert document["ignored_files"] == ["depth.png"] and document["name"] == "s"
    assert document["method"] == "relative_blur" and document["rerender_error"] == {"relative_blur": 0.123457}


def test_shares_are_those_of_the_picture(tmp_path):
    document = notes(opened(tmp_path))
    assert document["share_unsure"] == 0.5 and document["confidence_mean"] == pytest.approx(0.275)
    assert 0.35 < document["share_without_texture"] < 0.55  # the grey half
    assert document["share_clipped"] == pytest.approx(0.5 * (1.0 - (250 / 256) ** 3), rel=0.3)
    # 1 diopter lies half a diopter from the next slice: 625e-6 * 48 / 0.036 * 0.5 = 0.42 px
    assert document["share_in_focus_in_no_slice"] == 0.0
    assert document["depth_range_m"] == [0.5, 1.0]


@pytest.mark.parametrize(("diopters", "share"), [(3.75, 0.0), (3.85, 1.0)])
def test_what_no_slice_shows_in_focus_is_counted_from_a_blur_of_one_and_a_half_pixels(
    tmp_path, diopters: float, share: float
):
    # nearest slice 2 diopters: 625e-6 * 48 / 0.036 * 1.75 = 1.46 px, * 1.85 = 1.54 px
    document = notes(opened(tmp_path), diopters)
    assert document["share_in_focus_in_no_slice"] == pytest.approx(share, abs=1.5 / (WIDTH * HEIGHT))


def test_how_far_depth_can_be_told_is_the_lens_s(tmp_path):
    document = notes(opened(tmp_path))
    per_diopter = 0.05**2 / 4 * WIDTH / 0.036
    assert document["lens"]["blur_radius_px_per_diopter"] == pytest.approx(per_diopter, abs=1e-6)
    assert document["identifiable"]["to_m"] == pytest.approx(0.4 * per_diopter, abs=1e-4)
    assert document["lens"]["focal_length_mm"] == 50.0 and document["lens"]["formula"] == "paper"


def test_without_a_lens_depth_is_relative_and_says_what_is_missing(tmp_path):
    document = notes(opened(tmp_path, LensFlags()))
    assert document["unit"] == "relative" and document["lens"] is None and document["identifiable"] is None
    assert "--focal-length and --f-number missing" in document["depth"]


@pytest.mark.slow
def test_an_assumed_sensor_is_said(tmp_path):
    document = notes(opened(tmp_path, LensFlags(50.0, 2.0)))
    assert document["unit"] == "metre" and "36 mm wide (--sensor-width)" in document["depth"]


def test_sizes_are_of_the_files_and_of_the_work(tmp_path):
    document = notes(opened(tmp_path, most_pixels=400))
    assert (document["width"], document["height"]) == (WIDTH, HEIGHT)
    assert (document["working_width"], document["working_height"]) == (WIDTH // 2, HEIGHT // 2)


@pytest.mark.parametrize("was_asked", [False, True])
def test_an_alignment_that_moved_nothing_says_so(tmp_path, was_asked):
    document = notes(opened(tmp_path), was_asked=was_asked)["alignment"]
    assert (document["asked"], document["applied"], document["largest_move_px"]) == (was_asked, False, 0.0)
    assert document["matrices"] == [[[1, 0, 0], [0, 1, 0]]] * 3 and document["failed_slices"] == []
