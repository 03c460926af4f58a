"""Flow, warping and the rule that says where a flow is not believed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen.motion import flow

HEIGHT, WIDTH = 48, 64


def constant_flow(dx: float, dy: float) -> flow.Flow:
    return np.full((HEIGHT, WIDTH, 2), (dx, dy), np.float32)


def smooth_texture(seed: int = 0) -> flow.Gray:
    noise = np.random.default_rng(seed).standard_normal((120, 160)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.clip(128 + texture * (45 / texture.std()), 0, 255).astype(np.uint8)


def rgb(gray: np.ndarray) -> flow.Image:
    return np.repeat(gray[..., None], 3, axis=2).astype(np.uint8)


def test_warping_fetches_the_second_frame_onto_the_first():
    second = np.zeros((HEIGHT, WIDTH), np.float32)
    second[20, 33] = 200.0
    for warp in (flow.warp_bilinear, flow.warp_inside):
        fetched = warp(second, constant_flow(3, -2))
        assert np.argwhere(fetched == 200.0).tolist() == [[22, 30]] and fetched.sum() == 200.0
    fetched = flow.warp_bicubic(flow.doubled(rgb(second)), constant_flow(3, -2))
    expected = flow.warp_bilinear(rgb(second), constant_flow(3, -2))
    assert np.array_equal(fetched, expected)  # whole pixels: nothing is interpolated


def test_half_a_pixel_lies_between_its_neighbours():
    ramp = np.tile(np.arange(WIDTH, dtype=np.float32) * 3, (HEIGHT, 1))
    half_way = np.arange(WIDTH) * 3 + 1.5
    assert flow.warp_bilinear(ramp, constant_flow(0.5, 0))[5, :-1] == pytest.approx(half_way[:-1])
    fetched = flow.warp_bicubic(flow.doubled(rgb(ramp)), constant_flow(0.5, 0))[5, :, 0]
    assert fetched[6:-7] == pytest.approx(half_way[6:-7], abs=0.51)


def test_the_bicubic_warp_keeps_fine_detail_that_the_bilinear_one_loses():
    # a wave of 3.2 px period, moved by half a pixel: bilinear keeps cos(pi / 3.2)^2 = 31 % of its energy
    wave = rgb(np.tile(128 + 100 * np.sin(2 * np.pi * np.arange(WIDTH) / 3.2), (HEIGHT, 1)))
    flow_px = constant_flow(0.5, 0)
    energy, bilinear, bicubic = (
        image[:, 8:-8].astype(float).var()
        for image in (wave, flow.warp_bilinear(wave, flow_px), flow.warp_bicubic(flow.doubled(wave), flow_px))
    )
    assert bilinear < 0.35 * energy and bicubic > 0.95 * energy


def test_outside_the_frame_warp_inside_is_zero_and_the_others_repeat_the_border():
    ones = np.ones((HEIGHT, WIDTH), np.float32)
    assert flow.warp_inside(ones, constant_flow(5, 0))[0, -5:].tolist() == [0] * 5
    fine = flow.doubled(rgb(ones * 90))
    assert (flow.warp_bilinear(ones, constant_flow(5, 0)) == 1).all()
    assert (flow.warp_bicubic(fine, constant_flow(5, 0)) == 90).all()
    assert np.count_nonzero(flow.leaves_frame(constant_flow(5, 0))) == 5 * HEIGHT


def test_dis_finds_a_known_shift():
    texture = smooth_texture()
    first, second = texture[10:100, 10:140], texture[8:98, 13:143]  # content moves by (-3, +2)
    found = flow.FlowEstimator().flow_px(first, second)
    assert np.median(found, axis=(0, 1)) == pytest.approx([-3, 2], abs=0.05)


def test_dis_is_the_same_on_any_number_of_threads():
    texture = smooth_texture()
    first, second = texture[:100, :140], texture[3:103, 5:145]
    threads = cv2.getNumThreads()
    try:
        found = []
        for n_threads in (1, 2, 5):
            cv2.setNumThreads(n_threads)
            found.append(flow.FlowEstimator().flow_px(first, second))
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


def test_an_estimator_remembers_nothing():
    first, second, other = smooth_texture(0), smooth_texture(1), smooth_texture(2)
    estimator = flow.FlowEstimator()
    estimator.flow_px(other, first)
    assert np.array_equal(estimator.flow_px(first, second), flow.FlowEstimator().flow_px(first, second))


def test_forward_backward_rule_by_hand():
    # b = (10, 0), fetched f_w = (-10 + gap, 0): occluded where gap^2 > 0.01 ((10 - gap)^2 + 100) + 0.5
    # gap 1.5: 2.25 > 0.01 (72.25 + 100) + 0.5 = 2.2225 yes; gap 1.4: 1.96 > 0.01 (73.96 + 100) + 0.5 no
    there = constant_flow(10, 0)
    assert flow.disagrees(there, constant_flow(-8.5, 0)).all()
    assert not flow.disagrees(there, constant_flow(-8.6, 0)).any()


def test_motion_boundary_rule_by_hand():
    # a step of 0.5 px in a flow of about 3 px: 0.25 > 0.01 * 9 + 0.002; a step of 0.2 px: 0.04 is not
    for step_px, is_boundary in ((0.5, True), (0.2, False)):
        field = constant_flow(3, 0)
        field[:, 30:] += np.float32([step_px, 0])
        found = flow.is_motion_boundary(field)
        assert found[:, 29].all() == is_boundary
        assert np.count_nonzero(found) == (HEIGHT if is_boundary else 0)


def test_an_agreeing_pair_is_occluded_only_where_it_leaves_the_frame():
    occluded = flow.is_occluded(constant_flow(4, 0), constant_flow(-4, 0))
    assert np.count_nonzero(occluded) == 4 * HEIGHT and occluded[:, -4:].all()


def test_frames_of_two_sizes_or_too_small_are_refused():
    small, large = np.zeros((8, 64), np.uint8), np.zeros((64, 64), np.uint8)
    with pytest.raises(ValueError, match="sides >= 16 px"):
        flow.FlowEstimator().flow_px(small, small)
    with pytest.raises(ValueError, match="one size"):
        flow.FlowEstimator().flow_px(large, large[:, :32])
