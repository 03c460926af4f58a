"""Display values of photographs and the linear light that a lens adds up: the transfer curve of sRGB."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.optics.transfer import linear_light

Floats = npt.NDArray[np.float32]


def decode_srgb(display: Floats) -> Floats:
    """Return linear light of display values in [0, 1]."""
    return np.asarray(linear_light(display, "srgb"), np.float32)


def encode_srgb(linear: Floats) -> Floats:
    """Return display values in [0, 1] of linear light, in float32: nine times as fast as `display_values`."""
    light = np.clip(linear, 0.0, 1.0, dtype=np.float32)
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1.0 / 2.4) - 0.055))


@lru_cache(maxsize=2)
def _table(peak: int) -> Floats:
    table = decode_srgb(np.arange(peak + 1, dtype=np.float32) / np.float32(peak))
    table.setflags(write=False)
    return table


def linear_of(pixels: npt.NDArray[Any]) -> Floats:
    """Return linear light of uint8 or uint16 display pixels."""
    return np.asarray(np.take(_table(int(np.iinfo(pixels.dtype).max)), pixels))


def pixels_of(linear: Floats, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return display pixels, uint8 or uint16, of linear light."""
    return np.rint(encode_srgb(linear) * np.iinfo(dtype).max).astype(dtype)


@lru_cache(maxsize=2)
def _display_table(peak: int) -> npt.NDArray[np.uint16]:
    light = np.arange(peak + 1, dtype=np.float32) / np.float32(peak)
    table = pixels_of(light, np.dtype(np.uint16)).astype(np.uint16)
    table.setflags(write=False)
    return table


def display_of(light: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """Return uint16 display pixels of uint8 or uint16 pixels in linear light."""
    return np.asarray(np.take(_display_table(int(np.iinfo(light.dtype).max)), light))


def light_pixels_of(display: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return pixels in linear light, uint8 or uint16, of display pixels."""
    return np.rint(linear_of(display) * np.iinfo(dtype).max).astype(dtype)


def unused_bits(peak: int, dtype: np.dtype[Any]) -> int:
    """Return how many top bits of 16 are empty: cameras of 10 to 14 bits are often stored as they are.

    Args:
        peak: the largest value of all pictures that belong together.
        dtype: of their pixels; 8 bits are taken as they are.
    """
    return 16 - max(peak.bit_length(), 8) if dtype == np.uint16 else 0


def shown(pixels: npt.NDArray[Any]) -> Floats:
    """Return uint8 or uint16 display pixels from 0 to 1."""
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def shown_grey(pixels: npt.NDArray[Any]) -> Floats:
    """Return the luminance of (H, W, 3) uint8 or uint16 display pixels, 0 to 1."""
    return np.asarray(grey(pixels) / np.float32(np.iinfo(pixels.dtype).max))


def grey(rgb: npt.NDArray[Any]) -> Floats:
    """Return the luminance of (H, W, 3) values."""
    return np.asarray(rgb.astype(np.float32, copy=False) @ np.array([0.299, 0.587, 0.114], np.float32))
