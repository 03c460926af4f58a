"""Numbers of depth that tell their own unit: millimetres times five, and the steps of a Kinect."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.media.depth_steps import tell_unit


def kinect_m() -> np.ndarray:
    """Return distances as Kinect measures them: eighths of a pixel of disparity."""
    rng = np.random.default_rng(0)
    eighths = np.round(8 * 575 * 0.075 / rng.uniform(0.8, 6.0, (48, 64)))
    return np.asarray(8 * 575 * 0.075 / eighths)


def smooth_m(farthest_m: float = 2.3) -> np.ndarray:
    return np.linspace(0.9, farthest_m, 48 * 64).reshape(48, 64)


@pytest.mark.parametrize(
    ("numbers", "is_told"),
    [
        (kinect_m() * 5000, True),
        (kinect_m() / 1.035 * 5000, True),  # as TUM corrects freiburg1
        (kinect_m() * 1000, False),
        (np.rint(smooth_m() * 1000) * 5, True),
        (smooth_m() * 5000, False),
        (smooth_m(2.6) * 5000, True),  # 13 m, if they were millimetres
        (smooth_m(11.5) * 1000, False),
        (smooth_m() * 1000, False),
        (smooth_m() * 200, False),  # neighbouring numbers whose steps are those of a Kinect at one place
        (np.full((48, 64), 5000.0), False),
        (np.zeros((48, 64)), False),
    ],
)
def test_only_steps_that_no_other_unit_makes_tell_it(numbers, is_told):
    values = np.rint(numbers).astype(np.uint16)
    values[0, :5] = 65535, 0, 65535, 0, 0
    assert tell_unit(values, 5000.0) is is_told
