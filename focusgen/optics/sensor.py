"""Noise of an image sensor in linear light: photons that are counted, and what reading them adds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from focusgen.optics.transfer import Transfer, display_values, linear_light

WHITE_AT_ISO_100 = 50_000.0
"""Electrons of a pixel that is white at ISO 100: the full well of the 6 um pixels of a full-frame camera."""

READ_NOISE = 3.0
"""Standard deviation of reading one pixel, electrons: present-day CMOS at middle gain."""


def noise_sigma(light: npt.NDArray[np.float32], iso: float) -> npt.NDArray[np.float32]:
    """Return the standard deviation of linear light, 1 = white: of counted electrons and of reading."""
    white = WHITE_AT_ISO_100 * 100.0 / iso
    return np.asarray(np.sqrt(light * white + READ_NOISE**2) / white, np.float32)


def with_noise(
    rgb: npt.NDArray[np.uint8], iso: float, rng: np.random.Generator, transfer: Transfer
) -> npt.NDArray[np.uint8]:
    """Return a picture as a sensor at this ISO takes it.

    Each value is drawn from its own normal distribution, independent of its neighbours: a raw picture that
    was developed without denoising.

    Args:
        rgb: (..., 3) uint8 display values.
        iso: sensitivity; twice of it, half of the photons.
        rng: seeded per frame.
        transfer: curve of the display values.
    """
    levels = np.arange(256, dtype=np.float32) / np.float32(255.0)
    light = np.asarray(linear_light(levels, transfer), np.float32)
    sigma = noise_sigma(light, iso)
    noisy = np.take(light, rgb) + np.take(sigma, rgb) * rng.standard_normal(rgb.shape, np.float32)
    return np.asarray(np.rint(display_values(noisy, transfer) * 255.0), np.uint8)
