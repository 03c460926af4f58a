"""Breathing: how much a near focus magnifies, and which pixel a magnified one shows."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.optics.breathing import magnification, magnified_map, source_px
from focusgen.optics.coc import Lens


def test_magnification_is_that_of_the_image_distance():
    # 50 mm at 1 m: the image lies 52.63 mm behind the lens, against 50 mm for infinity
    assert magnification(Lens(0.05, 2.0, 1.0)) == pytest.approx(0.0526316 / 0.05, rel=1e-5)
    assert magnification(Lens(0.05, 2.0, 1e6)) == pytest.approx(1.0, abs=1e-6)
    assert magnification(Lens(0.05, 2.0, 0.1)) == 2.0


def test_a_magnified_map_shows_its_middle_and_nothing_beyond_its_borders():
    assert source_px(5, 2.0).tolist() == [1.0, 1.5, 2.0, 2.5, 3.0]
    values = np.arange(12 * 16, dtype=np.float16).reshape(12, 16)
    assert np.array_equal(magnified_map(values, 1.0), values)
    twice = magnified_map(values, 2.0)
    assert twice.shape == values.shape and set(np.unique(twice)) <= set(np.unique(values[3:9, 4:12]))
    assert np.array_equal(twice[::-1, ::-1], magnified_map(values[::-1, ::-1], 2.0))  # about the centre
