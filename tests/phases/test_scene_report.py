"""A report stays short and without NaN, whatever was found."""

from __future__ import annotations

import json

import pytest

from focusgen.phases.scene_report import MAX_ERRORS_PER_SCENE, SceneReport


@pytest.mark.parametrize("n_errors", [0, 1, MAX_ERRORS_PER_SCENE])
def test_few_errors_are_all_told(n_errors):
    report = SceneReport("a", "train")
    for number in range(n_errors):
        report.error(f"error {number}")
    assert report.errors == [f"error {number}" for number in range(n_errors)]
    assert report.n_errors == n_errors


@pytest.mark.parametrize("n_more", [1, 2, 1000])
def test_of_very_many_the_last_line_says_how_many_are_not_told(n_more):
    report = SceneReport("ein Bär", "train")
    n_errors = MAX_ERRORS_PER_SCENE + n_more
    for number in range(n_errors):
        report.error(f"error {number}")
    assert len(report.errors) == MAX_ERRORS_PER_SCENE and report.n_errors == n_errors
    n_told = MAX_ERRORS_PER_SCENE - 1
    assert report.errors[:-1] == [f"error {number}" for number in range(n_told)]
    assert report.errors[-1].startswith(f"... and {n_errors - n_told} more; focusgen explain 'ein Bär' ")


def test_what_was_not_measured_is_none_and_told_once():
    report = SceneReport("a", "val", measures={"blur_spearman": [0.5, float("nan")], "tof": float("inf")})
    report.settle()
    report.settle()
    assert report.measures == {"blur_spearman": [0.5, None], "tof": None}
    assert report.warnings == [
        "not measured, for lack of anything to compare: blur_spearman[1], tof",
    ]
    json.dumps(report.measures, allow_nan=False)


def test_measures_that_are_numbers_are_left_alone():
    measures = {"e_warp": 0.25, "pairs": [1, None]}
    report = SceneReport("a", "val", measures=measures)
    report.settle()
    assert report.measures == {"e_warp": 0.25, "pairs": [1, None]} and report.warnings == []


def test_two_reports_share_nothing():
    SceneReport("a", "train").error("of a")
    assert SceneReport("b", "train").errors == []
