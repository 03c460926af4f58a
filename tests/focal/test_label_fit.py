"""Depth that is not that of the slices beside it is told, and in which way; right labels never are."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from focusgen.focal.label_fit import MANY, Left, doubts_of, left_of
from focusgen.focal.records import StackRecord
from focusgen.focal.samples import Sample
from focusgen.focal.stack import FocalStack, shrunk
from tests.focal.stacks import truth

RECORD = StackRecord("l.jsonl:1", {"focal_stack": "s"})


@pytest.fixture(scope="module")
def right() -> Sample:
    one = truth("tabletop")
    stack = shrunk(FocalStack(one.slices, 1.0 / np.array(one.distances_m), one.radius_px_m), 2.0)
    height, width = stack.slices.shape[1:3]
    depth_m = cv2.resize(one.depth_m, (width, height), interpolation=cv2.INTER_NEAREST)
    return Sample("tabletop", stack, depth_m, None)


def mirrored(sample: Sample) -> Sample:
    stack = replace(sample.stack, slices=sample.stack.slices[:, :, ::-1])
    return replace(sample, stack=stack, true_m=sample.true_m[:, ::-1])


def with_slices(sample: Sample, order: list[int]) -> Sample:
    return replace(sample, stack=replace(sample.stack, slices=sample.stack.slices[order]))


def with_blur(sample: Sample, factor: float) -> Sample:
    assert sample.stack.radius_px_m is not None
    return replace(sample, stack=replace(sample.stack, radius_px_m=factor * sample.stack.radius_px_m))


def doubts(**left: Left | None) -> list[tuple[str, list[str]]]:
    return [(doubt.what, doubt.names) for doubt in doubts_of(left)]


def test_right_labels_are_not_doubted(right):
    assert doubts(a=left_of(RECORD, right), b=left_of(RECORD, mirrored(right))) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda s: with_slices(s, [4, 3, 2, 1, 0]), "reverse order"),
        (lambda s: with_slices(s, [0, 3, 2, 1, 4]), "two of them exchanged"),
        (lambda s: replace(s, true_m=2.0 * s.true_m), "0.5 times the depth"),
        (lambda s: replace(s, true_m=1.0 / s.true_m), "inverse depth"),
        (lambda s: replace(s, true_m=s.true_m[::-1]), "upside down"),
        (lambda s: replace(s, true_m=np.full_like(s.true_m, 0.6)), "another picture"),
        (lambda s: with_blur(s, 2.0), "0.5 times the blur"),
    ],
)
def test_a_label_that_is_wrong_is_told_in_which_way(right, wrong, said):
    ((what, names),) = doubts(right=left_of(RECORD, right), wrong=left_of(RECORD, wrong(right)))
    assert names == ["wrong"] and said in what


def test_of_many_stacks_what_is_wrong_with_all_of_them_is_said_once(right):
    slightly = left_of(RECORD, replace(right, true_m=1.32 * right.true_m))
    assert doubts(one=slightly) == []
    ((what, names),) = doubts(**{f"n{n}": slightly for n in range(MANY)})
    assert "0.7 times the depth" in what and len(names) == MANY


@pytest.mark.parametrize(
    ("values", "change"),
    [
        ({"all_in_focus": "a.png"}, {}),
        ({"focal_stack": "s"}, {"is_drawn": False}),
        ({"focal_stack": "s"}, {"true_m": None}),
    ],
)
def test_stacks_of_which_nothing_can_be_told_are_left_alone(right, values, change):
    assert left_of(StackRecord("l.jsonl:1", values), replace(right, **change)) is None
