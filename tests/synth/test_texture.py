"""Solid textures: bounded, the same whatever asks, soft everywhere, and as coarse as they say."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from focusgen.synth.texture import Material, Pattern, fractal_noise, texture_colour, value_noise

PATTERNS = get_args(Pattern)
LOOK = Material("noise", (0.1, 0.2, 0.3), (0.9, 0.8, 0.6), 0.2, grain=0.0, seed=5)


def points(n: int, reach_m: float = 3.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-reach_m, reach_m, (3, n)).astype(np.float32)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_without_grain_every_colour_lies_between_the_two_and_both_are_used(pattern):
    look = replace(LOOK, pattern=pattern)
    colour = texture_colour(look, *points(20_000))
    low, high = np.minimum(look.first, look.second), np.maximum(look.first, look.second)
    assert (colour >= low[:, None] - 1e-5).all() and (colour <= high[:, None] + 1e-5).all()
    share = (colour[0] - 0.1) / 0.8
    assert share.std() > 0.08 and 0.05 < share.mean() < 0.95
    mixed = [(colour[k] - look.first[k]) / (look.second[k] - look.first[k]) for k in (1, 2)]
    assert np.allclose(mixed, share, atol=1e-4), "one share rules all channels"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_point_has_one_colour_whoever_asks_and_a_hair_away_almost_the_same(pattern):
    look, here = replace(LOOK, pattern=pattern, period_m=0.3), points(5_000, 2.0)
    whole = texture_colour(look, *here)
    part = texture_colour(look, *here[:, 100:200])
    assert np.array_equal(whole[:, 100:200], part)
    aside = texture_colour(look, *(here + np.float32(1e-4)))
    jumps = np.abs(aside - whole).max(0)
    if pattern in ("brick", "planks"):  # bricks and planks have a tone each: they jump within a joint only
        assert np.mean(jumps > 0.05) < 2e-3
    else:
        assert jumps.max() < 0.05


@pytest.mark.parametrize("pattern", ["checker", "stripe", "dots"])
def test_patterns_repeat_after_their_period(pattern):
    look = replace(LOOK, pattern=pattern, period_m=0.25)
    here = points(2_000).astype(np.float64)
    step = {"checker": 0.5, "stripe": 0.25, "dots": 0.25}[pattern]  # two squares make a period
    again = texture_colour(look, here[0] + step, here[1], here[2])
    assert np.allclose(texture_colour(look, *here), again, atol=1e-9)
    half = texture_colour(look, here[0] + 0.5 * step, here[1], here[2])
    assert not np.allclose(texture_colour(look, *here), half, atol=0.1)


def test_noise_has_the_mean_it_promises_a_size_and_a_seed():
    here = points(40_000)
    noise = fractal_noise(*here, cell_m=0.2, seed=3)
    assert 0.0 <= noise.min() and noise.max() <= 1.0 and noise.mean() == pytest.approx(0.5, abs=0.02)
    other = fractal_noise(*here, cell_m=0.2, seed=40)
    assert abs(np.corrcoef(noise, other)[0, 1]) < 0.05

    def likeness(distance_m: float, cell_m: float) -> float:
        aside = value_noise(here[0] + np.float32(distance_m), here[1], here[2], cell_m, 3)
        return float(np.corrcoef(value_noise(*here, cell_m, 3), aside)[0, 1])

    assert likeness(0.02, 0.2) > 0.9 > 0.2 > abs(likeness(0.5, 0.2))
    assert likeness(0.02, 0.2) == pytest.approx(likeness(0.2, 2.0), abs=0.03), "cells scale"


def test_grain_varies_brightness_alone_and_leaves_the_mean():
    plain = texture_colour(LOOK, *points(30_000))
    grainy = texture_colour(replace(LOOK, grain=0.4, grain_m=0.005), *points(30_000))
    gain = grainy / plain
    assert np.allclose(gain[0], gain[1], rtol=1e-4) and np.allclose(gain[0], gain[2], rtol=1e-4)
    assert gain[0].std() > 0.05 and gain[0].mean() == pytest.approx(1.0, abs=0.02)


def test_stripes_run_across_their_direction():
    look = replace(LOOK, pattern="stripe", direction=(0.0, 3.0, 4.0))
    here = points(500).astype(np.float64)
    along = texture_colour(look, here[0] + 0.37, here[1] + 0.8, here[2] - 0.6)
    assert np.allclose(texture_colour(look, *here), along, atol=1e-9), (
        "a step across the direction changes nothing"
    )
