"""Each metric against a case worked out by hand, and the ways in which each can be fooled."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from focusgen.motion import flow, metrics
from focusgen.motion.flow import Flow, Image

HEIGHT, WIDTH = 48, 64


def flat(level: int, height: int = HEIGHT, width: int = WIDTH) -> Image:
    return np.full((height, width, 3), level, np.uint8)


def texture(seed: int = 0, blur_px: float = 2.0) -> Image:
    noise = np.random.default_rng(seed).standard_normal((HEIGHT, WIDTH + 40, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), blur_px)
    return np.clip(np.rint(128 + smooth * (40 / smooth.std())), 0, 255).astype(np.uint8)


def panning(n_frames: int, step_px: int = 2, seed: int = 0) -> list[Image]:
    wide = texture(seed)
    return [wide[:, step_px * t : step_px * t + WIDTH].copy() for t in range(n_frames)]


def shift(dx: float, dy: float = 0.0) -> Flow:
    return np.full((HEIGHT, WIDTH, 2), (dx, dy), np.float32)


def nothing_hidden() -> flow.Mask:
    return np.zeros((HEIGHT, WIDTH), bool)


def measure(outputs: list[Image], raws: list[Image], **how: bool) -> dict[str, float]:
    meter = metrics.VideoMeter(**how)
    for index, (output, raw) in enumerate(zip(outputs, raws, strict=True)):
        meter.add(metrics.VideoFrame(index, output, raw, truth=raw, starts_shot=index == 0))
    return meter.result(len(outputs))


def test_psnr_by_hand():
    # every value off by 5: 10 log10(255^2 / 25) = 34.151 dB
    assert metrics.psnr_db(flat(105), flat(100)) == pytest.approx(34.1514, abs=1e-3)
    assert metrics.psnr_db(flat(100), flat(100)) == math.inf


def test_laplacian_energy_by_hand():
    # one pixel 10 above its surroundings: (-40)^2 + 4 * 10^2 = 2000, over the inner pixels
    # and a third of it when only one of three channels differs
    image = flat(100)
    image[20, 30] += 10
    n_inner = (HEIGHT - 2) * (WIDTH - 2)
    assert metrics.laplacian_energy(image) == pytest.approx(2000 / n_inner)
    image[20, 30, :2] = 100
    assert metrics.laplacian_energy(image) == pytest.approx(2000 / n_inner / 3)


def test_warp_error_by_hand():
    # content moves 2 px to the left; without flow a step of 51 levels at 2 of 64 columns: 0.2^2 * 2 / 64
    first, second = flat(0), flat(0)
    first[:, 30:], second[:, 28:] = 51, 51
    assert metrics.warp_error(first, second, shift(-2), nothing_hidden()) == 0.0
    assert metrics.warp_error(first, second, shift(0), nothing_hidden()) == pytest.approx(0.04 * 2 / 64)
    hidden = nothing_hidden()
    hidden[:, 28] = True  # one of the two columns
    assert metrics.warp_error(first, second, shift(0), hidden) == pytest.approx(0.04 / 63)
    assert math.isnan(metrics.warp_error(first, second, shift(0), ~nothing_hidden()))


def test_flicker_score_by_hand_and_why_it_never_stands_alone():
    assert metrics.flicker_score(flat(100), flat(151)) == pytest.approx(1 - 51 / 255)
    moving = panning(6)
    frozen = [moving[0]] * 6
    assert measure(frozen, moving)["flicker"] == 1.0 > measure(moving, moving)["flicker"]


def test_tof_is_zero_for_the_truth_and_the_speed_for_a_frozen_video():
    moving = panning(8, step_px=2)
    assert measure(moving, moving)["tof"] == 0.0
    assert measure([moving[0]] * 8, moving)["tof"] == pytest.approx(2.0, rel=0.15)


def test_tof_leaves_out_two_frames_at_each_end():
    truth = panning(8)
    spoilt = [texture(9)[:, :WIDTH] if index in (0, 1, 6, 7) else frame for index, frame in enumerate(truth)]
    assert measure(spoilt, truth)["tof"] == 0.0


def test_noise_raises_e_warp_by_its_variance_and_the_sharpness_ratio_with_it():
    truth = panning(6)
    generator = np.random.default_rng(1)
    noisy = [np.clip(np.rint(f + generator.normal(0, 8, f.shape)), 0, 255).astype(np.uint8) for f in truth]
    clean, flickering = measure(truth, truth), measure(noisy, truth)
    # two independent noises of sigma 8; the flow is almost whole pixels, so warping smooths little of it
    assert flickering["e_warp"] - clean["e_warp"] == pytest.approx(2 * (8 / 255) ** 2, rel=0.15)
    assert clean["sharpness_ratio"] == 1.0 and flickering["sharpness_ratio"] > 1.5
    assert flickering["tof"] > 0.0 == clean["tof"]
    assert flickering["psnr_db"] == pytest.approx(30.07, abs=0.2)


def test_blur_lowers_e_warp_and_the_sharpness_ratio_says_so():
    truth = panning(6)
    generator = np.random.default_rng(1)
    noisy = [np.clip(np.rint(f + generator.normal(0, 8, f.shape)), 0, 255).astype(np.uint8) for f in truth]
    blurred = [cv2.GaussianBlur(frame, (0, 0), 2.0) for frame in noisy]
    assert measure(blurred, truth)["e_warp"] < measure(noisy, truth)["e_warp"] / 3
    assert measure(blurred, truth)["sharpness_ratio"] < 0.5


def test_long_term_e_warp_sees_a_drift_that_neighbours_do_not():
    still = [texture()[:, :WIDTH]] * 9
    drifting = [np.clip(frame.astype(int) + 3 * t, 0, 255).astype(np.uint8) for t, frame in enumerate(still)]
    result = measure(drifting, still, with_long_term=True)
    assert result["e_warp"] == pytest.approx((3 / 255) ** 2, rel=0.05)
    expected = np.mean([(3 * t / 255) ** 2 for t in range(1, 9)])
    assert result["long_term_e_warp"] == pytest.approx(expected, rel=0.05)


def test_known_flow_and_occlusion_are_used_as_they_are():
    frames = panning(2)
    exact = metrics.FlowPair(shift(-2), flow.leaves_frame(shift(-2)))
    meter = metrics.VideoMeter()
    meter.add(metrics.VideoFrame(0, frames[0], flat(0), starts_shot=True))
    meter.add(metrics.VideoFrame(1, frames[1], flat(0), flow_from_last=exact))
    assert meter.result(2)["e_warp"] == 0.0
