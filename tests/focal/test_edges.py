"""Jumps of depth that lie beside the picture's edges, and surfaces that have none."""

import numpy as np
import pytest

from focusgen.focal import edges
from focusgen.focal.edges import settle_edges

NEAR, FAR, SPAN = 2.0, 0.5, 2.0


def bar_before_a_wall(shift_px: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true inverse depth, a guess whose near bar is `shift_px` too wide on both sides, the picture."""
    columns = np.arange(120)
    true = np.where((columns >= 50) & (columns < 70), NEAR, FAR) * np.ones((80, 1))
    wide = np.where((columns >= 50 - shift_px) & (columns < 70 + shift_px), NEAR, FAR) * np.ones((80, 1))
    grain = np.random.default_rng(3).normal(0.0, 0.02, (80, 120, 1))
    picture = np.where(true[..., None] == NEAR, [0.8, 0.4, 0.2], [0.3, 0.4, 0.5]) + grain
    return true.astype(np.float32), wide.astype(np.float32), picture.astype(np.float32)


def test_a_fringe_goes_to_what_it_looks_like():
    true, wide, picture = bar_before_a_wall(shift_px=5)
    settled = settle_edges(wide, picture, SPAN, 10.0)
    assert (settled != true).mean() < 0.25 * (wide != true).mean()


def test_the_colour_decides_and_not_the_number_of_neighbours():
    _, wide, _ = bar_before_a_wall(shift_px=5)
    grey = np.full((80, 120, 3), 0.5, np.float32)
    assert (settle_edges(wide, grey, SPAN, 10.0) == wide).mean() > 0.99  # a straight edge is its own median


def test_what_lies_near_speaks_louder():
    columns = np.arange(120)  # 6 of the 13 columns of neighbours lie on the bar, fewer than half
    bar = (np.where((columns >= 50) & (columns < 62), NEAR, FAR) * np.ones((80, 1))).astype(np.float32)
    settled = settle_edges(bar, np.full((80, 120, 3), 0.5, np.float32), SPAN, 10.0)
    np.testing.assert_array_equal(settled[20:60], bar[20:60])


def test_a_slanted_floor_stays_as_it_is_to_the_bit():
    floor = np.linspace(0.5, 0.5 + 0.09 * SPAN, 80, dtype=np.float32)[:, None] * np.ones((1, 120), np.float32)
    stripes = (np.arange(120) % 8 < 4)[None, :, None] * np.ones((80, 1, 3), np.float32)
    np.testing.assert_array_equal(settle_edges(floor, stripes, SPAN, 10.0), floor)


def test_parts_of_the_work_do_not_show(monkeypatch: pytest.MonkeyPatch):
    _, wide, picture = bar_before_a_wall(shift_px=5)
    whole = settle_edges(wide, picture, SPAN, 10.0)
    monkeypatch.setattr(edges, "PIXELS_AT_ONCE", 97)
    np.testing.assert_array_equal(settle_edges(wide, picture, SPAN, 10.0), whole)


@pytest.mark.parametrize("shape", [(1, 1), (2, 50), (50, 2)])
def test_any_shape_and_reach_give_depths_that_were_there(shape: tuple[int, int]):
    rng = np.random.default_rng(1)
    diopters = rng.uniform(FAR, NEAR, shape).astype(np.float32)
    for radius_px in (0.0, 5.0, 500.0):
        settled = settle_edges(diopters, rng.random((*shape, 3), np.float32), SPAN, radius_px)
        assert np.isin(settled, diopters).all()
