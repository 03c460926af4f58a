"""Where a slice is sharp: energy above noise, and the peak between slices."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.focal.sharpness import (
    ENERGY_FLOOR,
    depth_from_focus,
    display_grey,
    energies,
    focus_energy,
    median_over,
    noise_sigma,
    peak_between,
)
from focusgen.focal.stack import FocalStack


def noise(sigma: float, shape: tuple[int, int] = (96, 96)) -> np.ndarray:
    return (0.5 + sigma * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.002, 0.01, 0.05])
def test_the_noise_of_a_picture_is_measured_whatever_lies_under_it(sigma):
    assert noise_sigma(noise(sigma)) == pytest.approx(sigma, rel=0.1)
    ramp = np.linspace(0.0, 3.0, 96, dtype=np.float32)[None] ** 2 / 9.0
    assert noise_sigma(noise(sigma) + ramp) == pytest.approx(sigma, rel=0.1)
    assert noise_sigma(np.full((9, 9), 0.3, np.float32)) == 0.0


def test_noise_alone_leaves_little_energy_and_detail_leaves_all_of_its_own():
    quiet = focus_energy(noise(0.01)).mean()
    detail = noise(0.0).copy()
    detail[::8, ::8] += 0.5
    assert focus_energy(detail).mean() > 20 * quiet
    assert focus_energy(np.full((9, 9), 0.3, np.float32)) == pytest.approx(ENERGY_FLOOR)


def test_one_bright_pixel_has_the_energy_of_both_step_widths():
    picture = np.zeros((15, 15), np.float32)
    picture[7, 7] = 1.0
    energy = focus_energy(picture) - np.float32(ENERGY_FLOOR)
    # |2| + |2| in both widths at the pixel; |-1| beside it in one of them.
    assert energy[7, 7] == pytest.approx(2 * 4.0**2)
    assert energy[7, 8] == energy[8, 7] == pytest.approx(1.0) and energy[7, 9] == pytest.approx(1.0)
    assert energy[8, 8] == 0.0


def test_energy_is_averaged_with_a_window_that_keeps_its_sum():
    greys = np.zeros((2, 41, 41), np.float32)
    greys[1, 20, 20] = 1.0
    found = energies(greys, 2.0)
    assert found.shape == (2, 41, 41)
    assert found[1].sum() == pytest.approx(focus_energy(greys[1]).sum(), rel=1e-3)
    assert np.unravel_index(found[1].argmax(), (41, 41)) == (20, 20)


@pytest.mark.parametrize("positions", [[3.0, 2.0, 1.5, 0.2], [0.2, 1.5, 2.0, 3.0]])
@pytest.mark.parametrize("peak", [0.7, 1.6, 2.4])
def test_a_parabola_peaks_where_it_peaks_however_uneven_the_steps_are(positions, peak):
    x = np.array(positions)
    volume = (5.0 - (x - peak) ** 2)[:, None, None].astype(np.float32)
    best = abs(x - peak).argmin()
    found = peak_between(volume, x)[0, 0]
    if best in (0, 3):  # only from three neighbours round the best
        assert min(positions) <= found <= max(positions)
    assert found == pytest.approx(peak, abs=1e-4)


def test_a_peak_beyond_the_ends_stays_at_the_end():
    x = np.array([3.0, 2.0, 1.0])
    for peak, end in ((9.0, 3.0), (-5.0, 1.0)):
        assert peak_between((-((x - peak) ** 2))[:, None, None].astype(np.float32), x)[0, 0] == end


@pytest.mark.parametrize("n", [1, 2])
def test_with_two_slices_there_is_nothing_between(n):
    volume = np.arange(n, dtype=np.float32)[:, None, None] + np.zeros((n, 2, 2), np.float32)
    assert (peak_between(volume, np.array([2.0, 1.0][:n])) == [2.0, 1.0][n - 1]).all()


def test_a_flat_volume_gives_a_place_that_is_there():
    assert peak_between(np.zeros((4, 2, 2), np.float32), np.array([4.0, 3.0, 2.0, 1.0])).min() >= 1.0


def stack() -> FocalStack:
    """Left half sharp in the first slice, right half in the last."""
    import cv2

    sharp = np.random.default_rng(0).integers(0, 256, (40, 64, 3), dtype=np.uint8)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 2.5)
    slices = np.stack([sharp, blurred, blurred])
    slices[0][:, 32:] = blurred[:, 32:]
    slices[2][:, 32:] = sharp[:, 32:]
    return FocalStack(slices, np.array([2.0, 1.0, 0.5]), None)


def test_depth_from_focus_is_where_each_half_is_sharp():
    found = depth_from_focus(stack())
    assert found.diopters.shape == found.confidence.shape == (40, 64)
    assert np.median(found.diopters[:, :24]) == pytest.approx(2.0, abs=0.15)
    assert np.median(found.diopters[:, 40:]) == pytest.approx(0.5, abs=0.15)
    assert 0.0 <= found.confidence.min() and found.confidence.max() <= 1.0


def test_the_order_of_slices_does_not_matter():
    plain = stack()
    turned = FocalStack(plain.slices[::-1], plain.diopters[::-1], None)
    np.testing.assert_allclose(depth_from_focus(turned).diopters, depth_from_focus(plain).diopters, atol=1e-4)


def test_bits_do_not_matter():
    eight = stack()
    sixteen = FocalStack(eight.slices.astype(np.uint16) * 257, eight.diopters, None)
    np.testing.assert_allclose(display_grey(sixteen), display_grey(eight), atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_the_median_over_hypotheses_is_numpys(n: int):
    volume = np.random.default_rng(n).random((n, 7, 5), np.float32)
    assert np.array_equal(median_over(volume), np.median(volume, 0))
