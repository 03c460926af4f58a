"""The weight-free deblurrer: what it gains on soft frames, and that it leaves sharp ones alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen import config
from focusgen.models.classical import (
    FULL_STRENGTH_FROM_PX,
    UNTOUCHED_BELOW_PX,
    ClassicalDeblurrer,
    _luma,
    fit_spectrum,
    sharpened,
)
from focusgen.models.protocols import NoiseKey
from focusgen.models.registry import load_deblurrer
from focusgen.motion.metrics import laplacian_energy, psnr_db

data = pytest.importorskip("skimage.data")
Image = np.ndarray


def photographs() -> dict[str, Image]:
    grey = data.camera()
    return {
        "astronaut": data.astronaut(),
        "coffee": data.coffee(),
        "chelsea": data.chelsea(),
        "rocket": data.rocket(),
        "camera": np.repeat(grey[..., None], 3, axis=2),
        "motorcycle": data.stereo_motorcycle()[0],
    }


PHOTOGRAPHS = photographs()


def blur_px(frame: Image) -> float:
    return fit_spectrum(_luma(frame)).blur_px


def softened(image: Image, sigma_px: float, seed: int = 0) -> Image:
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma_px)
    noise = np.random.default_rng(seed).standard_normal(image.shape)
    return np.clip(np.rint(blurred + noise), 0, 255).astype(np.uint8)


def test_every_softened_photograph_gains_and_most_gain_a_lot():
    gains_db = {}
    for name, truth in PHOTOGRAPHS.items():
        for sigma_px in (1.0, 1.5):
            soft = softened(truth, sigma_px)
            gains_db[name, sigma_px] = psnr_db(sharpened(soft), truth) - psnr_db(soft, truth)
    assert min(gains_db.values()) >= 0.8, gains_db
    assert np.mean(list(gains_db.values())) >= 2.0


@pytest.mark.parametrize("noise_levels", [1.0, 3.0, 8.0])
def test_no_frame_comes_out_softer_however_noisy_it_is(noise_levels: float):
    # a Wiener filter alone returns 8 % of the energy at 8 levels: a denoiser, not a deblurrer
    smooth = cv2.GaussianBlur(PHOTOGRAPHS["coffee"].astype(np.float32), (0, 0), 2.0)
    noise = np.random.default_rng(0).standard_normal(smooth.shape) * noise_levels
    soft = np.clip(np.rint(smooth + noise), 0, 255).astype(np.uint8)
    assert blur_px(soft) > UNTOUCHED_BELOW_PX
    assert laplacian_energy(sharpened(soft)) >= laplacian_energy(soft)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_sharp_photograph_comes_back_bit_for_bit(name: str):
    photograph = PHOTOGRAPHS[name]
    assert blur_px(photograph) < UNTOUCHED_BELOW_PX
    assert np.array_equal(sharpened(photograph), photograph)


@pytest.mark.parametrize("sigma_px", [0.5, 0.6, 0.7])
def test_a_slightly_soft_photograph_is_hardly_changed(sigma_px: float):
    photograph = cv2.GaussianBlur(PHOTOGRAPHS["motorcycle"], (0, 0), sigma_px)
    assert psnr_db(sharpened(photograph), photograph) >= 37.0


def test_the_change_of_a_slightly_soft_picture_is_limited_whatever_its_contrast():
    harsh = np.clip((PHOTOGRAPHS["motorcycle"].astype(np.float32) - 128) * 2 + 128, 0, 255).astype(np.uint8)
    soft = cv2.GaussianBlur(harsh, (0, 0), 0.8)
    assert UNTOUCHED_BELOW_PX < blur_px(soft) < FULL_STRENGTH_FROM_PX
    assert 37.3 <= psnr_db(sharpened(soft), soft) <= 37.8


def test_the_estimate_grows_with_the_blur():
    for photograph in (PHOTOGRAPHS["chelsea"], PHOTOGRAPHS["motorcycle"]):
        widths_px = [blur_px(softened(photograph, sigma_px)) for sigma_px in (1.0, 1.25, 1.5)]
        assert widths_px == sorted(widths_px)
        assert np.allclose(widths_px, (1.0, 1.25, 1.5), atol=0.3)


def test_frames_are_treated_one_by_one_in_any_company():
    truth = PHOTOGRAPHS["chelsea"][:192, :320]
    frames = np.stack([softened(truth, 1.0, seed) for seed in range(3)])
    keys = [NoiseKey("cat", index, 0) for index in range(3)]
    together = ClassicalDeblurrer().deblur(frames, keys)
    assert together.dtype == np.uint8 and together.shape == frames.shape
    alone = ClassicalDeblurrer().deblur(frames[1:2], [NoiseKey("other", 9, 4)])
    assert np.array_equal(together[1], alone[0])


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_frames_are_left_alone(level: int):
    frames = np.full((2, 96, 128, 3), level, np.uint8)
    assert np.array_equal(
        ClassicalDeblurrer().deblur(frames, [NoiseKey("flat", i, 0) for i in (0, 1)]), frames
    )


def test_a_frame_too_small_to_measure_is_left_alone():
    frame = softened(PHOTOGRAPHS["astronaut"][:32, :160], 1.5)
    assert np.array_equal(sharpened(frame), frame)


def test_the_callers_frames_are_not_changed_and_not_handed_back():
    frames = PHOTOGRAPHS["chelsea"][None].copy()
    before = frames.copy()
    output = ClassicalDeblurrer().deblur(frames, [NoiseKey("cat", 0, 0)])
    output[:] = 0
    assert np.array_equal(frames, before)


def test_a_missing_noise_key_is_refused():
    with pytest.raises(ValueError, match="2 frames with 1 keys"):
        ClassicalDeblurrer().deblur(np.zeros((2, 64, 64, 3), np.uint8), [NoiseKey("a", 0, 0)])


def test_the_configuration_asks_for_it_by_name():
    cfg = config.from_document({"deblur": {"backend": "classical"}}, "test")
    assert isinstance(load_deblurrer(cfg), ClassicalDeblurrer)
    assert cfg.deblur.effective("temporal") == "flow"
