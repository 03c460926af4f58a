"""The noise of a clip: what it is on noise of known strength, and what must not be taken for it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen.motion.flow import Image
from focusgen.motion.noise import clip_noise_levels
from focusgen.motion.temporal import NOISE_FLOOR_LEVELS
from tests.motion.test_temporal import panning_video


def grainy(frames: list[Image], sigma_levels: float, scale_px: float) -> list[Image]:
    """Add noise of a standard deviation whatever its scale, new in each frame."""
    noisy = []
    for index, frame in enumerate(frames):
        noise = np.random.default_rng([7, index]).standard_normal(frame.shape).astype(np.float32)
        if scale_px:
            noise = cv2.GaussianBlur(noise, (0, 0), scale_px)
        noisy.append(np.clip(np.rint(frame + noise * (sigma_levels / noise.std())), 0, 255).astype(np.uint8))
    return noisy


def levels_of(frames: list[Image], cuts: tuple[int, ...] = ()) -> float:
    return clip_noise_levels(frames.__getitem__, len(frames), cuts)


@pytest.mark.parametrize(("scale_px", "left"), [(0.0, 0.28), (1.0, 0.71), (2.0, 0.89)])
def test_the_estimate_is_the_noise_that_smoothing_leaves_in_a_difference_of_two_frames(scale_px, left):
    # white noise blurred by 1 px keeps 1 / (2 sqrt(pi)) of its sigma, grain of s px s / sqrt(s^2 + 1);
    # the difference of two frames has sqrt(2) of that, less what sampling between pixels smooths
    found = levels_of(grainy(panning_video(), 12.0, scale_px))
    assert 0.75 < found / (12.0 * left * 2**0.5) < 1.02


def test_clean_video_measures_below_the_floor_where_nothing_changes():
    for step_px in (0.5, 1.5, 3.0):
        assert levels_of(grainy(panning_video(step_px=step_px), 1.0, 0.0)) < 1.0 < NOISE_FLOOR_LEVELS


def test_black_bars_and_burnt_out_parts_are_not_taken_for_a_lack_of_noise():
    noisy = grainy(panning_video(), 12.0, 1.0)
    whole = levels_of(noisy)
    for frame in noisy:
        frame[:32], frame[32:48, :48] = 0, 255
    assert levels_of(noisy) == pytest.approx(whole, rel=0.15)


def test_what_changes_in_half_the_picture_is_not_noise():
    frames = panning_video()
    for index, frame in enumerate(frames):
        frame[:32] = np.random.default_rng(index).integers(0, 256, (32, *frame.shape[1:]), dtype=np.uint8)
    assert levels_of(frames) < NOISE_FLOOR_LEVELS


def test_a_cut_is_no_noise_and_a_single_frame_has_none():
    first, second = panning_video(1, seed=1), panning_video(1, seed=2)
    assert levels_of(first + second, cuts=(1,)) == 0.0
    assert levels_of(first) == 0.0
    assert levels_of([*first, *first, *second], cuts=(2,)) < 0.5
