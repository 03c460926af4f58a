"""Display values and linear light: the curve of sRGB from its definition, and nothing lost on the way."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.focal.light import decode_srgb, encode_srgb, grey, linear_of, pixels_of, shown


def srgb(display: float) -> float:
    return display / 12.92 if display <= 0.04045 else ((display + 0.055) / 1.055) ** 2.4


@pytest.mark.parametrize("display", [0.0, 0.02, 0.04, 0.05, 0.5, 0.9, 1.0])
def test_the_curve_is_that_of_srgb(display):
    value = np.array([display], np.float32)
    assert decode_srgb(value)[0] == pytest.approx(srgb(display), abs=2e-6)
    assert encode_srgb(decode_srgb(value))[0] == pytest.approx(display, abs=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_level_comes_back(dtype):
    levels = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    light = linear_of(levels)
    assert light.dtype == np.float32 and light[0] == 0.0 and light[-1] == pytest.approx(1.0)
    assert (np.diff(light) > 0).all()
    found = pixels_of(light, np.dtype(dtype))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, levels)


def test_eight_and_sixteen_bits_of_one_brightness_are_one_light():
    assert linear_of(np.array([200], np.uint8))[0] == pytest.approx(
        linear_of(np.array([200 * 257], np.uint16))[0]
    )


def test_light_that_no_display_has_is_clipped_and_never_wraps():
    found = pixels_of(np.array([-0.5, 0.0, 1.0, 1.5, 9.0], np.float32), np.dtype(np.uint8))
    assert found.tolist() == [0, 0, 255, 255, 255]


def test_the_table_cannot_be_spoiled_by_a_caller():
    linear_of(np.array([3], np.uint8))[:] = 9.0
    assert linear_of(np.array([3], np.uint8))[0] == pytest.approx(srgb(3 / 255), abs=1e-6)


def test_grey_weighs_green_most_and_keeps_white():
    rgb = np.array([[[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [1.0, 1.0, 1.0]]])
    assert grey(rgb)[0].tolist() == pytest.approx([0.299, 0.587, 0.114, 1.0], abs=1e-6)
    assert grey((rgb * 255).astype(np.uint8))[0, 3] == pytest.approx(255.0, rel=1e-6)
    assert shown(np.array([0, 51, 255], np.uint8)).tolist() == pytest.approx([0.0, 0.2, 1.0])
