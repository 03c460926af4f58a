"""The picture of label_coverage.json: a panel per law that has labels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen.optics.coverage import LabelCoverage
from focusgen.phases.coverage_picture import coverage_png, law_words

pytestmark = pytest.mark.usefixtures("drawn")
LAW = LabelCoverage(np.arange(10.0), (0.9, 0.5), (0.01, 0.1), (0.3, 0.3), ((9, 10),)).document() | {
    "max_coc": 1e-3
}


def height_of(png: bytes) -> int:
    return cv2.imdecode(np.frombuffer(png, np.uint8), 1).shape[0]


def test_each_law_with_labels_has_a_panel():
    one = height_of(coverage_png({"configured": "balanced", "laws": {"random": None, "balanced": LAW}}))
    two = height_of(coverage_png({"configured": "balanced", "laws": {"random": LAW, "balanced": LAW}}))
    assert two == 2 * one
    assert height_of(coverage_png({"configured": "random", "laws": {"random": None}})) == one


def test_the_words_name_what_is_missed():
    words = law_words(LAW)
    assert "of 2 sets 1 hardly in focus, 1 with a mean outside .2 to .8" in words
    assert "all deciles sharp in 0 of 1 scenes" in words
