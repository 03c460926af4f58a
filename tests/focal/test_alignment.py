"""Slices are brought onto each other only where they have moved."""

import json

import numpy as np

from focusgen.focal.alignment import Alignment, align, moved
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


def test_an_alignment_found_small_holds_at_full_size():
    matrix = np.array([[1.02, 0.01, 3.0], [-0.01, 0.99, -2.0], [0, 0, 1]])
    large = Alignment((matrix,), 0, 1.0, ()).scaled(4.0).matrices[0]
    centre_small, centre_large = np.array([5.0, 7.0, 1.0]), np.array([4 * 5.5 - 0.5, 4 * 7.5 - 0.5, 1.0])
    expected = 4 * ((matrix @ centre_small)[:2] + 0.5) - 0.5
    assert np.abs((large @ centre_large)[:2] - expected).max() < 1e-9
    assert moved(np.zeros((8, 9, 3), np.uint16), large).dtype == np.uint16
