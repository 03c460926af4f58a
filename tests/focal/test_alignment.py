"""Slices are brought onto each other only where they have moved."""

import json

import cv2
import numpy as np

from focusgen.focal.alignment import Alignment, align, moved, seen_by_all
from tests.focal.stacks import truth


def test_breathing_and_shake_are_taken_out():
    traced = truth("handheld")
    meta = json.loads((traced.folder / "meta.json").read_text())
    found = align(traced.slices)
    assert not found.is_still
    x, y = np.meshgrid(np.arange(0, 320, 16), np.arange(0, 192, 16))
    points = np.stack([x, y, np.ones_like(x)]).reshape(3, -1).astype(float)
    for exact, ours in zip(meta["homography_ref_to_slice"], found.matrices, strict=True):
        a, b = np.array(exact) @ points, ours @ points
        assert np.hypot(*(a[:2] / a[2] - b[:2] / b[2])).mean() <= 0.3


def test_a_stack_on_a_tripod_is_left_alone():
    assert align(truth("tabletop").slices).is_still


def test_flat_slices_are_left_alone():
    assert align(np.zeros((3, 40, 60, 3), np.uint8)).is_still


def test_steps_are_chained_and_flat_slices_stay_beside_their_neighbours():
    noise = np.random.default_rng(3).integers(0, 256, (240, 400, 3)).astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(noise - noise.mean(), (0, 0), blur_px) for blur_px in (2.0, 12.0))
    scene = np.clip(128 + 3 * fine + 20 * coarse, 0, 255).astype(np.uint8)
    before, grown, after = np.eye(3), np.diag([1.05, 1.05, 1.0]), np.eye(3)
    before[:2, 2], after[:2, 2] = (-6.0, 4.0), (40.0, 20.0)
    exact = [before, before, np.eye(3), grown, after @ grown, after @ grown]
    slices = np.stack([moved(scene, np.linalg.inv(matrix)) for matrix in exact])
    slices[0] = slices[5] = 90
    found = align(slices)
    assert (found.reference, found.failed) == (2, (0, 5))
    corners = np.array([[0, 399, 0, 399], [0, 0, 239, 239], [1, 1, 1, 1.0]])
    for ours, matrix in zip(found.matrices, exact, strict=True):
        assert np.abs((ours - matrix) @ corners).max() <= 0.06
    assert found.magnification(4) == found.magnification(5)
    assert abs(found.magnification(4) - 1.05) < 0.001
    farthest_px = np.hypot(*((after @ grown - np.eye(3)) @ corners)[:2]).max()
    assert abs(found.largest_move_px - farthest_px) < 0.2
    assert found.scaled(3.0).largest_move_px == 3.0 * found.largest_move_px


def test_what_some_slice_does_not_show_is_not_seen_by_all():
    shifts = [np.eye(3), np.eye(3)]
    for matrix, shift in zip(shifts, ((2.0, -3.0), (-1.0, 4.0)), strict=True):
        matrix[:2, 2] = shift
    seen = seen_by_all(Alignment(tuple(shifts), 0, 5.0, ()), 20, 30)
    expected = np.zeros((20, 30), bool)
    expected[3:16, 1:28] = True
    assert np.array_equal(seen, expected)


def test_between_pixels_a_slice_is_smooth_and_beyond_its_border_it_goes_on():
    ramp = np.tile(np.arange(0, 240, 12, np.uint8), (9, 1))
    matrix = np.eye(3)
    matrix[0, 2] = -3.5
    out = moved(ramp, matrix)
    assert (out[:, :3] == 0).all()
    assert np.abs(out[:, 6:].astype(int) - (12 * np.arange(6, 20) - 42)).max() <= 1


def test_an_alignment_found_small_holds_at_full_size():
    matrix = np.array([[1.02, 0.01, 3.0], [-0.01, 0.99, -2.0], [0, 0, 1]])
    large = Alignment((matrix,), 0, 1.0, ()).scaled(4.0).matrices[0]
    centre_small, centre_large = np.array([5.0, 7.0, 1.0]), np.array([4 * 5.5 - 0.5, 4 * 7.5 - 0.5, 1.0])
    expected = 4 * ((matrix @ centre_small)[:2] + 0.5) - 0.5
    assert np.abs((large @ centre_large)[:2] - expected).max() < 1e-9
    assert moved(np.zeros((8, 9, 3), np.uint16), large).dtype == np.uint16
