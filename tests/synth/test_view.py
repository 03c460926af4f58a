"""Exact pictures of a procedural scene: depth, flow and occlusion against geometry, light over a pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from focusgen.synth.shapes import CameraPath, Shape
from focusgen.synth.texture import Material
from focusgen.synth.view import SynthScene, decode_display_u8, encode_display_u8, sharp_light
from focusgen.synth.write import make_scene

STILL = CameraPath(sway_m=(0.0, 0.0, 0.0), sway_deg=(0.0, 0.0))
WIDTH, HEIGHT, FX_PX = 80, 48, 70.0
STRIPES = Material("stripe", (0.1, 0.1, 0.1), (0.9, 0.8, 0.7), 0.2, grain=0.0)
GLOWING = Material("plain", (0.6, 0.4, 0.2), (0.6, 0.4, 0.2), 1.0, grain=0.0, glow=1.0)
WALL = Shape("rectangle", (0.0, 0.0, 5.0), (50.0, 50.0, 1.0), STRIPES)


def scene(*shapes: Shape, camera: CameraPath = STILL) -> SynthScene:
    return SynthScene("made", 0, 4, WIDTH, HEIGHT, FX_PX, shapes, camera)


def test_depth_is_that_of_the_pixel_centre_and_measured_along_the_axis():
    assert np.array_equal(scene(WALL).depth_m(0), np.full((HEIGHT, WIDTH), 5.0, np.float32))
    ball = Shape("ellipsoid", (0.0, 0.0, 3.0), (1.0, 1.0, 1.0), STRIPES)
    depth_m = scene(WALL, ball).depth_m(0)
    x, y = (np.arange(n) + 0.5 - 0.5 * n for n in (WIDTH, HEIGHT))
    squared = 1.0 + (x[None] ** 2 + y[:, None] ** 2) / FX_PX**2
    root = 9.0 - 8.0 * squared
    expected = np.where(root > 0, (3.0 - np.sqrt(np.maximum(root, 0))) / squared, 5.0)
    assert np.allclose(depth_m, expected, atol=1e-5)


def test_a_body_that_moves_sideways_flows_by_its_own_depth_and_covers_the_wall():
    period = 4.0
    card = Shape(
        "rectangle", (0.0, 0.0, 2.0), (0.3, 0.3, 1.0), STRIPES, sway_m=(0.2, 0.0, 0.0), sway_frames=period
    )
    made = scene(WALL, card)
    flow_px, is_lost = made.flow(0)
    is_card = made.depth_m(0) < 3.0
    assert np.allclose(flow_px[is_card], (0.2 * FX_PX / 2.0, 0.0), atol=1e-3)
    assert np.allclose(flow_px[~is_card], 0.0, atol=1e-3)
    assert np.array_equal(is_lost, (made.depth_m(1) < 3.0) & ~is_card), "what the card covers next is lost"


def test_flow_of_a_walking_camera_leads_to_the_same_point_of_the_surface():
    made = make_scene("tabletop", 3, n_frames=4, width=240, height=144)
    flow_px, is_lost = made.flow(1)
    here, there = (made.frame(k).rgb.astype(np.float32) for k in (1, 2))
    y, x = np.mgrid[:144, :240].astype(np.float32)
    carried = cv2.remap(there, x + flow_px[..., 0], y + flow_px[..., 1], cv2.INTER_CUBIC)
    followed = np.abs(carried - here)[~is_lost].mean()
    ignored = np.abs(there - here)[~is_lost].mean()
    assert np.abs(flow_px).max() > 1.0 and followed < 0.5 * ignored, (followed, ignored)


def test_a_pixel_is_the_mean_light_over_its_area():
    edge_px = 0.25  # the card ends a quarter into the pixel right of the middle
    card = Shape("rectangle", (edge_px * 2.0 / FX_PX - 5.0, 0.0, 2.0), (5.0, 9.0, 1.0), GLOWING)
    black = Material("plain", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1.0, grain=0.0)
    made = scene(Shape("rectangle", (0.0, 0.0, 5.0), (50.0, 50.0, 1.0), black), card)
    row = sharp_light(made.view(0))[HEIGHT // 2, :, 0]
    assert row[WIDTH // 2 - 1] == pytest.approx(0.6) and row[WIDTH // 2 + 1] == 0.0
    assert row[WIDTH // 2] == pytest.approx(0.25 * 0.6, abs=1e-6)


def test_every_display_value_survives_light_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(encode_display_u8(decode_display_u8(levels)), levels)
