from itertools import permutations

import numpy as np
import pytest
from skimage import data

from focusgen.media.shots import change_score, find_shot_cuts, signature, thumbnail_of

THRESHOLD = 0.35


def cuts(frames):
    return find_shot_cuts([signature(thumbnail_of(frame)) for frame in frames], THRESHOLD)


def pan(picture, n_frames, step=6, size=200):
    return [picture[20 : 20 + size, step * i : step * i + size] for i in range(n_frames)]


@pytest.mark.parametrize(
    ("first", "second"), list(permutations(["astronaut", "coffee", "chelsea", "rocket"], 2))
)
def test_a_cut_between_two_pictures_is_found_at_its_frame_and_a_pan_is_none(first, second):
    one, other = getattr(data, first)(), getattr(data, second)()
    frames = pan(one, 8) + pan(other[:, ::-1], 8)
    assert cuts(frames) == (8,)
    assert cuts(pan(one, 16)) == ()


def test_a_flash_and_a_single_broken_frame_are_no_cuts():
    frames = pan(data.astronaut(), 16, step=2)
    flashed = list(frames)
    flashed[7] = np.clip(frames[7].astype(int) + 120, 0, 255).astype(np.uint8)
    assert cuts(flashed) == ()
    broken = list(frames)
    broken[7] = data.coffee()[:200, :200]
    assert cuts(broken) == ()


def test_a_fade_of_flat_colour_is_no_cut_and_black_to_picture_is_one():
    assert cuts([np.full((48, 64, 3), level, np.uint8) for level in range(0, 256, 8)]) == ()
    black = [np.zeros((200, 200, 3), np.uint8)] * 4
    assert cuts(black + pan(data.astronaut(), 4)) == (4,)


def test_fast_continuous_motion_is_no_cut():
    assert cuts(pan(data.coffee(), 9, step=40)) == ()


def test_short_videos_have_no_cuts():
    assert cuts([]) == ()
    assert cuts([np.zeros((5, 4, 3), np.uint8)]) == ()


def test_a_thumbnail_keeps_the_mean_of_each_cell():
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[:120] = 200
    small = thumbnail_of(picture)
    assert small.shape == (24, 32, 3)
    assert (small[:12] == 200).all() and (small[12:] == 0).all()
    assert thumbnail_of(np.ones((3, 2, 3), np.uint8)).shape == (24, 32, 3)


def test_a_cut_between_quiet_shots_of_like_colours_is_found_below_the_threshold():
    picture = data.coffee()
    frames = pan(picture, 8, step=1) + pan(picture[55:], 8, step=1)
    before, after = (signature(thumbnail_of(frame)) for frame in frames[7:9])
    assert 0.7 * THRESHOLD < change_score(before, after) < THRESHOLD
    assert cuts(frames) == (8,)
