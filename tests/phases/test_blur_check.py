"""Blur is measured in the pictures and ranked against the label: right, wrong, or nothing can be said."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from scipy.stats import rankdata

from focusgen.phases.blur_check import BLOCK_PX, MIN_BLOCKS, blur_agreement, ranks_of

RNG = np.random.default_rng(11)
SHARP = RNG.integers(0, 256, (64, 96, 3), dtype=np.uint8)  # 4 x 6 blocks of noise
COLUMNS = np.linspace(0.0, 1.0, 6).repeat(BLOCK_PX)
LABEL = np.broadcast_to(COLUMNS, (64, 96)).astype(np.float16)  # sharper to the right


def blurred(label: np.ndarray) -> np.ndarray:
    """Return the frame blurred the more the smaller its label is, block by block."""
    out = np.empty_like(SHARP)
    for column in range(6):
        span = slice(column * BLOCK_PX, (column + 1) * BLOCK_PX)
        sigma = 3.0 * (1.0 - float(label[0, span.start])) + 0.01
        out[:, span] = cv2.GaussianBlur(SHARP, (0, 0), sigma)[:, span]
    return out


def test_blur_that_follows_the_label_agrees():
    assert blur_agreement([(SHARP, blurred(LABEL), LABEL)]) > 0.95


def test_blur_of_the_opposite_label_disagrees():
    assert blur_agreement([(SHARP, blurred(LABEL[:, ::-1]), LABEL)]) < -0.95


def test_blur_that_has_nothing_to_do_with_the_label_is_near_nothing():
    rows = np.linspace(0.0, 1.0, 4).repeat(BLOCK_PX)[:, None]
    across = np.broadcast_to(rows, (64, 96)).astype(np.float16)
    assert abs(blur_agreement([(SHARP, blurred(LABEL), across)])) < 0.3


def test_only_the_order_of_labels_counts():
    squared = (LABEL.astype(np.float32) ** 3).astype(np.float16)
    found = [blur_agreement([(SHARP, blurred(LABEL), label)]) for label in (LABEL, squared)]
    assert found[0] == pytest.approx(found[1])


def test_equal_values_share_the_mean_of_their_ranks():
    values = RNG.integers(0, 9, 200).astype(float)
    assert np.array_equal(ranks_of(values) + 0.5, rankdata(values))


def test_more_frames_are_one_ranking():
    once = blur_agreement([(SHARP, blurred(LABEL), LABEL)])
    assert blur_agreement([(SHARP, blurred(LABEL), LABEL)] * 3) == pytest.approx(once)


@pytest.mark.parametrize(
    ("sharp", "label"),
    [
        (np.full_like(SHARP, 90), LABEL),  # no texture
        (SHARP, np.full_like(LABEL, 0.5)),  # one label
        (SHARP, (0.5 + 0.01 * LABEL.astype(np.float32)).astype(np.float16)),  # hardly more
    ],
)
def test_where_nothing_can_be_compared_nothing_is_said(sharp, label):
    assert blur_agreement([(sharp, blurred(LABEL), label)]) is None


def test_without_frames_nothing_is_said():
    assert blur_agreement([]) is None


def test_pictures_smaller_than_a_block_say_nothing():
    tiny = slice(0, BLOCK_PX - 1)
    assert blur_agreement([(SHARP[tiny, tiny], SHARP[tiny, tiny], LABEL[tiny, tiny])]) is None


@pytest.mark.parametrize(("n_columns", "is_enough"), [(6, True), (3, True), (2, False)])
def test_a_handful_of_blocks_is_no_ranking(n_columns, is_enough):
    """Four rows of blocks: three columns are twelve, which is the least."""
    assert MIN_BLOCKS == 12
    part = np.s_[:, : n_columns * BLOCK_PX]
    found = blur_agreement([(SHARP[part], blurred(LABEL)[part], LABEL[part])])
    assert (found is not None) is is_enough


def test_a_render_without_any_blur_is_no_number_which_is_told_elsewhere():
    """All blocks keep all of their sharpness, while the label says otherwise."""
    found = blur_agreement([(SHARP, SHARP, LABEL)])
    assert found is not None and math.isnan(found)


def test_a_border_that_fills_no_block_is_left_out():
    wide = cv2.copyMakeBorder(SHARP, 0, 9, 0, 7, cv2.BORDER_CONSTANT)
    label = cv2.copyMakeBorder(LABEL.astype(np.float32), 0, 9, 0, 7, cv2.BORDER_CONSTANT)
    render = cv2.copyMakeBorder(blurred(LABEL), 0, 9, 0, 7, cv2.BORDER_CONSTANT)
    assert blur_agreement([(wide, render, label.astype(np.float16))]) > 0.8
