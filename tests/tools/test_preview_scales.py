"""Colours that can be read back: equal steps of colour are equal steps of blur, and numbers stand apart."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFont

from focusgen.tools.preview_scales import depth_scale, draw_bar, focus_scale, metres

STATS = {"d_min": 1.0, "d_max": 20.0, "d_median": 4.0, "d_p5": 1.2, "d_p95": 15.0}


def test_depth_is_coloured_by_its_inverse_near_is_the_high_end():
    scale = depth_scale(STATS, None)
    diopters = np.linspace(1 / 20.0, 1.0, 50)
    position = scale.position(1 / diopters)
    assert np.allclose(np.diff(position), np.diff(position)[0], atol=1e-6)
    assert position[0] == pytest.approx(0.0) and position[-1] == pytest.approx(1.0)
    assert scale.paint(np.array([[1.0, 20.0]])).shape == (1, 2, 3)


def test_outliers_are_clipped_and_the_ends_say_so():
    scale = depth_scale(STATS | {"d_max": 4000.0, "d_min": 0.01}, None)
    low, high = scale.ticks[0], scale.ticks[-1]
    assert low.text.startswith("≥ 22.5 m") and high.text.startswith("≤ 80 cm")
    assert (scale.position(np.array([4000.0, 0.01])) == [0.0, 1.0]).all()


def test_a_wall_does_not_show_its_rounding_as_relief():
    wall = dict.fromkeys(STATS, 3.0)
    scale = depth_scale(wall, 3.0)
    colours = scale.paint(np.array([[3.0, 3.002]]))
    assert np.abs(np.diff(colours.astype(int), axis=1)).max() <= 8
    assert scale.mark is not None and scale.mark.text == "S 3 m"


def test_no_number_covers_another():
    for stats in (STATS, STATS | {"d_p95": 1.3, "d_max": 1.4}, STATS | {"d_max": 900.0, "d_p95": 800.0}):
        places = [tick.position for tick in depth_scale(stats, None).ticks]
        assert places == sorted(places) and min(np.diff(places)) > 0.1


@pytest.mark.parametrize(
    ("depth_m", "text"), [(0.254, "25.4 cm"), (2.5, "2.5 m"), (12.34, "12.3 m"), (1500.0, "1.5 km")]
)
def test_distances_carry_their_unit(depth_m, text):
    assert metres(depth_m) == text


@pytest.mark.parametrize("direction", ["across", "up"])
def test_a_bar_runs_from_the_low_end_to_the_high_end(direction):
    scale, canvas = focus_scale(), Image.new("RGB", (200, 200))
    draw_bar(canvas, (40, 40, 160, 160), scale, ImageFont.load_default(), direction)
    pixels = np.asarray(canvas)
    low, high = (
        (pixels[100, 42], pixels[100, 157]) if direction == "across" else (pixels[157, 100], pixels[42, 100])
    )
    assert np.abs(low.astype(int) - scale.colours[0]).max() < 12
    assert np.abs(high.astype(int) - scale.colours[-1]).max() < 12
