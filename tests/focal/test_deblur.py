"""Small known blur, partly undone; nothing else is touched."""

import numpy as np
import pytest

from focusgen.focal.blur_bank import disc_blurred
from focusgen.focal.deblur import deblurred
from focusgen.focal.light import pixels_of

SPAN = 2.0
U8 = np.dtype(np.uint8)


def textured(size: tuple[int, int] = (96, 128)) -> np.ndarray:
    """Return linear light with detail down to two pixels, (H, W, 3); a good half of it is smooth."""
    grain = np.random.default_rng(2).standard_normal((3, *size)).astype(np.float32)
    grain[:, : size[0] * 55 // 100] = 0.0
    return np.clip(0.3 + 0.25 * disc_blurred(grain, 1.2).transpose(1, 2, 0), 0.02, 1.0)


def maps(shape: tuple[int, int], radius_px: float) -> tuple[np.ndarray, np.ndarray]:
    return np.full(shape, radius_px, np.float32), np.ones(shape, np.float32)


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255.0**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("radius_px", [0.8, 1.4])
def test_a_known_blur_is_mostly_undone(radius_px: float):
    light = textured()
    sharp = pixels_of(light, U8)
    soft = pixels_of(disc_blurred(light.transpose(2, 0, 1), radius_px).transpose(1, 2, 0), U8)
    shown = deblurred(soft, *maps(soft.shape[:2], radius_px), SPAN)
    assert psnr_db(shown, sharp) >= psnr_db(soft, sharp) + 2.0


def test_noise_without_detail_does_not_grow():
    noise = np.random.default_rng(5).standard_normal((96, 128, 3))
    flat = np.clip(np.rint(128 + 3.0 * noise), 0, 255).astype(np.uint8)
    shown = deblurred(flat, *maps((96, 128), 1.4), SPAN)
    assert shown.std() <= 1.15 * flat.std()


def test_what_is_sharp_or_lost_or_beside_a_jump_is_left_alone():
    soft = pixels_of(textured(), U8)
    for radius_px in (0.0, 9.0):
        assert deblurred(soft, *maps(soft.shape[:2], radius_px), SPAN) is soft
    radius, diopters = maps(soft.shape[:2], 1.4)
    diopters[:, 64:] = 2.0
    shown = deblurred(soft, radius, diopters, SPAN)
    assert np.abs(shown[:, 63:65].astype(int) - soft[:, 63:65]).max() <= 1
    assert (shown[60:, :40] != soft[60:, :40]).any()


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch):
    soft = np.clip(pixels_of(textured((80, 64)), U8), 30, 255)
    whole = deblurred(soft, *maps((80, 64), 1.0), SPAN)
    monkeypatch.setattr("focusgen.focal.deblur.STRIP_ROWS", 32)
    parts = deblurred(soft, *maps((80, 64), 1.0), SPAN)
    assert np.abs(whole.astype(int) - parts).max() <= 1
