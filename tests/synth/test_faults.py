"""Faults: each does what it says, by seed, and nothing when it is off."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen.base.seeds import derive_seed
from focusgen.synth.faults import (
    ALL_FAULTS,
    HALLUCINATIONS,
    Faults,
    add_depth_noise,
    add_sensor_noise,
    camera_frame,
    depth_map,
    depth_scale,
    flickering_sigma_px,
    hallucinate,
    soften,
    soften_depth_edges,
)
from focusgen.synth.write import make_scene

SCENE = make_scene("tabletop", 0, width=160, height=96)
RGB, DEPTH_M = SCENE.frame(0)
GREY = np.full((64, 64, 3), 128, dtype=np.uint8)


def sharpness(rgb: np.ndarray) -> float:
    return float(np.mean(cv2.Laplacian(rgb.astype(np.float32), cv2.CV_32F) ** 2))


def test_softness_is_a_gaussian_in_linear_light():
    point = np.zeros((41, 41, 3), dtype=np.uint8)
    point[20, 20] = 255
    light = (soften(point, 1.5)[..., 0] / 255.0) ** 2.2
    y, x = np.mgrid[:41, :41] - 20
    assert np.sqrt(np.sum(light * x * x) / light.sum()) == pytest.approx(1.5, rel=0.05)
    assert light.sum() == pytest.approx(1.0, rel=0.03)
    assert sharpness(soften(RGB, 1.5)) < 0.3 * sharpness(RGB)


def test_sensor_noise_has_the_asked_deviation_and_its_seed():
    noisy = add_sensor_noise(GREY, 3.0 / 255.0, seed=1)
    assert (noisy - 128.0).std() == pytest.approx(3.0, rel=0.05)
    assert np.array_equal(noisy, add_sensor_noise(GREY, 3.0 / 255.0, seed=1))
    assert not np.array_equal(noisy, add_sensor_noise(GREY, 3.0 / 255.0, seed=2))


def test_sharpness_flickers_from_frame_to_frame():
    faults = Faults(softness_sigma_px=1.2, flicker_sigma_px=0.4)
    sigmas = [flickering_sigma_px(faults, 0, "s", t) for t in range(60)]
    assert 0.8 <= min(sigmas) < 0.9 and 1.5 < max(sigmas) <= 1.6
    energies = [sharpness(camera_frame(RGB, faults, 0, "s", t)) for t in range(8)]
    assert max(energies) > 1.15 * min(energies)


def test_depth_noise_is_relative_smooth_and_keeps_depth_positive():
    noisy = add_depth_noise(DEPTH_M, 0.05, seed=3)
    error = np.log(noisy / DEPTH_M)
    assert error.std() == pytest.approx(0.05, rel=0.05)
    assert np.abs(np.diff(error, axis=1)).mean() < 0.2 * error.std()
    assert noisy.min() > 0.0 and noisy.dtype == np.float32


def test_soft_edges_change_edges_and_not_the_rest():
    softened = soften_depth_edges(DEPTH_M, 2)
    change = np.abs(softened / DEPTH_M - 1.0)
    is_edge = cv2.dilate(np.abs(np.gradient(np.log(DEPTH_M))).max(axis=0), np.ones((5, 5))) > 0.03
    assert change[is_edge].max() > 0.1
    assert change[~is_edge].max() < 0.04


def test_depth_steps_between_chunks_and_not_within_them():
    faults = Faults(scale_step=0.05, chunk_frames=4)
    scales = [depth_scale(faults, 0, "s", t) for t in range(12)]
    assert scales[:4] == [1.0] * 4
    assert len(set(scales[4:8])) == 1 and len(set(scales)) == 3
    assert scales[4:8] != [depth_scale(faults, 0, "other", t) for t in range(4, 8)]


def test_no_faults_change_nothing_and_all_of_them_repeat_exactly():
    assert np.array_equal(camera_frame(RGB, Faults(), 0, "s", 5), RGB)
    assert np.array_equal(depth_map(DEPTH_M, Faults(), 0, "s", 5), DEPTH_M)
    for run in (camera_frame, depth_map):
        picture = RGB if run is camera_frame else DEPTH_M
        first, again, other = (run(picture, ALL_FAULTS, 0, "s", t) for t in (9, 9, 10))
        assert np.array_equal(first, again) and not np.array_equal(first, other)
        assert first.dtype == picture.dtype and first.shape == picture.shape


@pytest.mark.parametrize(("variant", "psnr_db"), [("A", 26.6), ("B", 32.6)])
def test_a_hallucination_is_as_far_from_the_truth_as_published(variant, psnr_db):
    # 20 log10(255 / sigma) of 12 and 6 levels is 26.55 and 32.57 dB: the noise's own standard deviation.
    sigma, scale_px = HALLUCINATIONS[variant]
    first, again, other = (
        hallucinate(RGB, derive_seed(0, "s", 0, draw), sigma, scale_px) for draw in (0, 0, 1)
    )
    error = first.astype(np.float64) - RGB
    assert 10.0 * np.log10(255.0**2 / np.mean(error**2)) == pytest.approx(psnr_db, abs=0.3)
    assert np.array_equal(first, again)
    correlation = np.corrcoef(error.ravel(), (other.astype(np.float64) - RGB).ravel())[0, 1]
    assert abs(correlation) < 0.05
    neighbours = np.corrcoef(error[:, :-1].ravel(), error[:, 1:].ravel())[0, 1]
    assert neighbours == pytest.approx(np.exp(-1.0 / (4.0 * scale_px**2)), abs=0.06), "band-limited"
