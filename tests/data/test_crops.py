"""Where a window is cut out: inside the frame, the same in every process, round what matters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from focusgen.data.crops import FocusRoi, MotionRoi, WindowMeta, crop_generator, crop_size, draw_box

HEIGHT, WIDTH = 40, 64


def meta(
    read: Any = None, frames: tuple[int, ...] = (3, 4, 5), height: int = HEIGHT, width: int = WIDTH
) -> WindowMeta:
    return WindowMeta("bear", 1, frames, width, height, read or (lambda modality, frame: None))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("crop", "size"), [(None, None), (32, (32, 32)), ((16, 48), (16, 48)), (lambda m, r: (0, 0, 1, 1), None)]
)
def test_a_size_is_a_number_or_a_pair(crop, size):
    assert crop_size(crop) == size


@pytest.mark.parametrize("crop", [0, -3, (0, 5), (5, -1), 8.5, (8, 8, 8), "8", True, (8, True)])
def test_a_size_that_is_nothing_is_refused(crop):
    with pytest.raises(ValueError, match=r"give whole positive pixels, N or \(height, width\)"):
        crop_size(crop)


@given(st.integers(1, HEIGHT), st.integers(1, WIDTH), st.integers(0, 999))
def test_a_drawn_box_lies_inside_of_the_frame(height, width, seed):
    y, x, *size = draw_box((height, width), meta(), rng(seed))
    assert size == [height, width] and 0 <= y <= HEIGHT - height and 0 <= x <= WIDTH - width


def test_every_place_can_be_drawn_and_none_is_preferred():
    drawn = rng()
    places = [draw_box((HEIGHT - 1, WIDTH - 2), meta(), drawn)[:2] for _ in range(600)]
    counts = np.unique(places, axis=0, return_counts=True)[1]
    assert len(counts) == 2 * 3 and counts.min() > 60


def test_no_crop_is_the_whole_frame_and_draws_nothing():
    drawn = rng()
    assert draw_box(None, meta(), drawn) == (0, 0, HEIGHT, WIDTH)
    assert drawn.random() == rng().random()


def test_a_crop_of_the_frame_s_size_is_the_frame():
    assert draw_box((HEIGHT, WIDTH), meta(), rng()) == (0, 0, HEIGHT, WIDTH)


@pytest.mark.parametrize("crop", [65, (41, 10), (10, 65)])
def test_a_crop_larger_than_the_frame_is_named_with_the_scene(crop):
    with pytest.raises(ValueError, match=r"leaves the 64x40 frame of 'bear'"):
        draw_box(crop, meta(), rng())


@pytest.mark.parametrize("box", [(0, 0, 40, 64), (8, np.int64(3), 16, 16), [24, 32, 16, 32]])
def test_a_function_s_box_is_taken_as_whole_numbers(box):
    found = draw_box(lambda window, drawn: box, meta(), rng())
    assert found == tuple(int(v) for v in box) and all(type(v) is int for v in found)


@pytest.mark.parametrize(
    ("box", "why"),
    [
        ((-1, 0, 5, 5), "is no box"),
        ((0, -1, 5, 5), "is no box"),
        ((0, 0, 0, 5), "is no box"),
        ((0, 0, 5, -5), "is no box"),
        ((36, 0, 5, 5), "leaves the 64x40 frame"),
        ((0, 60, 5, 5), "leaves the 64x40 frame"),
    ],
)
def test_a_function_s_box_outside_of_the_frame_is_refused_by_scene(box, why):
    with pytest.raises(ValueError, match=rf"'bear'.*{why}|{why} of 'bear'"):
        draw_box(lambda window, drawn: box, meta(), rng())


def test_a_function_may_read_its_window_by_key_or_by_name():
    window = meta()
    assert window["width"] == window.width == WIDTH and window["frames"] == (3, 4, 5)


def test_one_window_in_one_epoch_has_one_generator():
    key = (7, 2, "bear", 5, 1)
    assert crop_generator(*key).random() == crop_generator(*key).random()
    others = [
        (8, 2, "bear", 5, 1),
        (7, 3, "bear", 5, 1),
        (7, 2, "lion", 5, 1),
        (7, 2, "bear", 6, 1),
        (7, 2, "bear", 5, 0),
    ]
    assert len({crop_generator(*one).random() for one in (key, *others)}) == 6


# --- round what matters ----------------------------------------------------------------------------------


def spot(y: int, x: int, value: float = 1.0) -> np.ndarray:
    label = np.zeros((HEIGHT, WIDTH), np.float16)
    label[y, x] = value
    return label


@pytest.mark.parametrize(
    ("at", "corner"), [((20, 30), (12, 18)), ((0, 0), (0, 0)), ((39, 63), (24, 40)), ((8, 12), (0, 0))]
)
def test_a_box_lies_round_the_one_sharp_pixel_as_far_as_the_frame_allows(at, corner):
    assert FocusRoi((16, 24))(meta(lambda modality, frame: spot(*at)), rng()) == (*corner, 16, 24)


def test_focus_is_looked_up_in_the_middle_frame_of_the_label():
    asked: list[tuple[str, int]] = []

    def read(modality: str, frame: int) -> np.ndarray:
        asked.append((modality, frame))
        return spot(5, 5)

    FocusRoi(8)(meta(read, (3, 4, 5, 6)), rng())
    assert asked == [("focus", 5)]


def test_a_sharper_pixel_is_drawn_far_more_often():
    label = spot(0, 0, 0.5) + spot(39, 63)
    drawn = rng()
    boxes = [FocusRoi(4)(meta(lambda modality, frame: label), drawn) for _ in range(500)]
    assert sum(box[0] == 0 for box in boxes) <= 10  # (1/2)^8 of the other


def test_motion_is_the_change_from_the_first_frame_to_the_last():
    def read(modality: str, frame: int) -> np.ndarray:
        assert modality == "sharp"
        picture = np.full((HEIGHT, WIDTH, 3), 9, np.uint8)
        picture[10, 50] = {3: 0, 4: 77, 5: 255}[frame]
        return picture

    assert MotionRoi(10)(meta(read), rng()) == (5, 45, 10, 10)


@pytest.mark.parametrize("roi", [FocusRoi, MotionRoi])
def test_where_nothing_stands_out_any_place_will_do_and_a_small_frame_is_taken_whole(roi):
    flat = lambda modality, frame: np.zeros((HEIGHT, WIDTH, *[3] * (modality == "sharp")))  # noqa: E731
    drawn = rng()
    boxes = {roi((8, 100))(meta(flat), drawn) for _ in range(60)}
    assert {box[1:] for box in boxes} == {(0, 8, WIDTH)} and len({box[0] for box in boxes}) > 10
