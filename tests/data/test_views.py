"""Mirrored and resized windows show the same scene: the ray, depth and label of a pixel stay together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from focusgen.data import flipped, resized
from tests.data.test_samples import MOVING, sample

EVERYTHING = ("sharp", "bokeh", "clean", "depth", "focus", "valid")
HEIGHT, WIDTH = 8, 12


def rays(camera: torch.Tensor, places: list[tuple[float, float]]) -> np.ndarray:
    """Return where in the world, at depth 1, the places (x, y) of a picture lie."""
    points = np.array([(x, y, 1.0) for x, y in places])
    return (np.linalg.inv(camera.double().numpy()) @ points.T).T


@pytest.fixture
def window() -> Any:
    return sample(*EVERYTHING, set_index=1, recompute_labels=True)[0]


@pytest.mark.parametrize(("axis", "sign"), [("x", (-1, 1)), ("y", (1, -1))])
def test_a_mirrored_window_shows_mirrored_rays_at_the_same_depth_and_label(window, axis, sign):
    mirrored = flipped(window, axis)
    x, y = 2, 5
    there = (WIDTH - 1 - x, y) if axis == "x" else (x, HEIGHT - 1 - y)
    for name in EVERYTHING:
        assert torch.equal(mirrored[name][..., there[1], there[0]], window[name][..., y, x])
    (before,), (after,) = rays(window["K"], [(x, y)]), rays(mirrored["K"], [there])
    np.testing.assert_allclose(after, before * [*sign, 1], rtol=1e-5)
    again = flipped(mirrored, axis)
    assert all(torch.equal(again[name], window[name]) for name in (*EVERYTHING, "K"))
    assert torch.equal(mirrored["lens"]["S_focus"], window["lens"]["S_focus"])


@pytest.mark.parametrize("size", [4, (4, 6), (16, 24), (5, 7)])
def test_a_resized_window_shows_the_same_field_and_the_label_of_its_depth(window, size):
    small = resized(window, size)
    height, width = (size, size) if isinstance(size, int) else size
    corners = [[(-0.5, -0.5), (w - 0.5, h - 0.5)] for w, h in ((WIDTH, HEIGHT), (width, height))]
    np.testing.assert_allclose(rays(small["K"], corners[1]), rays(window["K"], corners[0]), rtol=1e-4)
    for name in EVERYTHING:
        assert small[name].shape == (*window[name].shape[:2], height, width)
        assert small[name].dtype == window[name].dtype and small[name].is_contiguous()
    for t, frame in enumerate(window["frames"].tolist()):
        depth_m = small["depth"][t, 0].numpy().astype(np.float16)
        np.testing.assert_array_equal(small["focus"][t, 0], MOVING.label(depth_m, frame).astype(np.float32))
    assert set(small["valid"].unique().tolist()) <= set(window["valid"].unique().tolist())


@pytest.mark.parametrize("white", [255, 1.0])
def test_a_smaller_picture_is_averaged_and_keeps_its_type(window, white):
    stripes = torch.tensor([0, white]).tile(WIDTH // 2).expand_as(window["sharp"])
    window["sharp"] = stripes.to(torch.uint8) if white == 255 else stripes
    half = resized(window, (4, 6))["sharp"]
    assert half.dtype == window["sharp"].dtype
    assert (half[..., 1:-1] / white - 0.5).abs().max() < 0.01


def test_a_batch_is_changed_as_its_windows_are(window):
    other = sample(*EVERYTHING, set_index=1, frames=(0, 2, 3), box=(0, 0, 8, 12), recompute_labels=True)[0]
    batch = default_collate([window, other])
    for change in (flipped, lambda one: flipped(one, "y"), lambda one: resized(one, (5, 7))):
        together, alone = change(batch), [change(one) for one in (window, other)]
        assert all(
            torch.equal(together[name][n], alone[n][name]) for name in (*EVERYTHING, "K") for n in (0, 1)
        )


def test_what_makes_no_sense_is_refused(window):
    with pytest.raises(ValueError, match="axis 'h': give 'x' or 'y'"):
        flipped(window, "h")
    with pytest.raises(ValueError, match="whole positive pixels"):
        resized(window, 0.5)
    with pytest.raises(ValueError, match="no picture or map in the sample"):
        flipped({"K": window["K"]})
