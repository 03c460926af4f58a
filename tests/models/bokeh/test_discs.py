"""Disc kernels and their convolution, against sums written out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from focusgen.models.bokeh.discs import (
    CACHED_SPECTRUM_PIXELS,
    Span,
    convolve_disc,
    disc_kernel,
    disc_reach_px,
    disc_spectrum,
    quick_fft_length,
)


@pytest.mark.parametrize("radius_px", [1.0, 2.0, 3.3, 9.0, 40.0])
def test_a_kernel_spreads_an_impulse_by_the_asked_radius(radius_px):
    kernel = disc_kernel(radius_px)
    reach = disc_reach_px(radius_px)
    assert kernel.shape == (2 * reach + 1, 2 * reach + 1)
    axis = torch.arange(-reach, reach + 1, dtype=torch.float64)
    variance = float((kernel * axis[:, None] ** 2).sum())
    # A disc has r^2 / 4 along each axis; pixels as squares add 1/12, which the kernel makes up for.
    assert variance + 1 / 12 - 1 / 12 == pytest.approx(radius_px**2 / 4 - 1 / 12 + 1 / 12, rel=0.03, abs=0.03)
    assert float(kernel.sum()) == pytest.approx(1.0)


def test_below_a_pixel_a_disc_is_that_pixel():
    assert disc_reach_px(0.5) == 0 and disc_kernel(0.5).tolist() == [[1.0]]


@pytest.mark.parametrize("radius_px", [1.5, 4.0, 11.0])
@pytest.mark.parametrize(("first", "last"), [(0, 20), (-1, 21), (5, 9)])
def test_a_convolution_is_the_sum_over_the_kernel_wherever_it_is_wanted(radius_px, first, last):
    x = torch.rand(2, 20, 17, generator=torch.Generator().manual_seed(3))
    kernel = disc_kernel(radius_px).float()
    reach, margin = kernel.shape[0] // 2, 12
    padded = F.pad(x[:, None], (reach,) * 2 + (reach + margin,) * 2)
    whole = F.conv2d(padded, kernel[None, None])[:, 0]
    found = convolve_disc(x, radius_px, Span(0, 20, first, last), Span(0, 17, 0, 17))
    torch.testing.assert_close(found, whole[:, first + margin : last + margin], atol=2e-6, rtol=0)


def test_a_spectrum_too_large_to_be_kept_is_the_same():
    side = int(CACHED_SPECTRUM_PIXELS**0.5) + 8
    large = disc_spectrum(3.0, side, side, torch.float32, "cpu")
    assert large is not disc_spectrum(3.0, side, side, torch.float32, "cpu"), "made anew each time"
    small = disc_spectrum(3.0, 32, 32, torch.float32, "cpu")
    assert small is disc_spectrum(3.0, 32, 32, torch.float32, "cpu"), "kept"
    assert float(large[0, 0]) == float(small[0, 0]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("n", "length"), [(0, 1), (1, 1), (7, 8), (11, 12), (17, 18), (31, 32), (121, 125), (1025, 1080)]
)
def test_the_quick_length_is_the_next_one_of_small_primes(n, length):
    assert quick_fft_length(n) == length


def test_a_spectrum_is_made_on_the_device_that_blurs():
    """A stand-in for a GPU: tensors of two devices in one operation would be refused."""
    assert disc_spectrum(5.3, 40, 50, torch.float32, "meta").device.type == "meta"
