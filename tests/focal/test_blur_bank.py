"""Discs in the frequency domain: energy, spread, and the picture that must not change."""

import numpy as np
import pytest

from focusgen.focal.blur_bank import BlurBank


def test_a_white_picture_stays_white():
    white = np.ones((30, 50), np.float32)
    for radius_px in (0.3, 1.0, 4.2, 16.0, 40.0):
        assert np.abs(BlurBank(white).blurred(radius_px) - 1.0).max() <= 1e-5


@pytest.mark.parametrize("radius_px", [0.4, 0.9, 1.7, 3.3, 7.5])
def test_a_point_spreads_by_its_radius(radius_px: float):
    point = np.zeros((81, 81), np.float32)
    point[40, 40] = 1.0
    spread = BlurBank(point).blurred(radius_px)
    # A disc of radius r has the second moment r^2 / 4 along each axis. The band limit rings, symmetrically.
    window = np.exp(-0.5 * (np.hypot(*np.mgrid[-40:41, -40:41]) / 14.0) ** 8)
    moment = float((spread * window * (np.arange(-40, 41)[:, None] ** 2)).sum())
    assert spread.sum() == pytest.approx(1.0, abs=3e-4)  # some of the ringing lies beyond the border
    assert moment == pytest.approx(radius_px**2 / 4.0, rel=0.06, abs=0.01)


def test_every_pixel_may_have_its_own_radius():
    rng = np.random.default_rng(0)
    bank = BlurBank(rng.random((20, 30), np.float32))
    radius_px = np.full((20, 30), 2.2, np.float32)
    radius_px[:, 15:] = 5.5
    mixed = bank.blurred_by(radius_px)
    assert mixed[:, :15] == pytest.approx(bank.blurred(2.2)[:, :15], abs=1e-5)
    assert mixed[:, 15:] == pytest.approx(bank.blurred(5.5)[:, 15:], abs=1e-5)
