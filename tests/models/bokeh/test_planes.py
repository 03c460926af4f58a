"""Planes of equal blur: ladders, positions on them, and which planes are in use."""

from __future__ import annotations

import pytest
import torch

from focusgen.models.bokeh.planes import (
    plane_ladder,
    plane_position,
    plane_weight,
    planes_in_use,
)


@pytest.mark.parametrize("ends", [(-8.0, 5.0), (0.0, 0.0), (2.2, 9.7), (-300.0, 150.0), (-0.3, 0.4)])
def test_a_ladder_falls_strictly_and_holds_every_radius_between_its_ends(ends):
    ladder = plane_ladder(*ends)
    assert list(ladder) == sorted(set(ladder), reverse=True)
    assert ladder[0] >= ends[1] and ladder[-1] <= ends[0]


def test_the_sharp_plane_is_kept_beside_an_end_and_another_rung_is_not():
    assert 0.0 in plane_ladder(-1.0, 5.0)
    assert 7.0 not in plane_ladder(0.0, 7.1), "7.1 takes the place of the rung 7 right inside it"
    assert 7.0 in plane_ladder(0.0, 8.5)


def test_a_ladder_upside_down_is_refused():
    with pytest.raises(ValueError, match=r"lowest radius 3\.0 px is above the highest 2\.0"):
        plane_ladder(3.0, 2.0)


def test_positions_are_whole_on_rungs_and_keep_the_squared_radius_between_them():
    ladder = plane_ladder(-8.0, 5.0)
    rungs = torch.tensor(ladder)
    assert torch.allclose(plane_position(rungs, ladder), torch.arange(len(ladder), dtype=torch.float32))
    radius = torch.tensor(4.6)  # between the rungs 5 and 4
    position = plane_position(radius, ladder)
    weights = torch.stack([plane_weight(position, index) for index in range(len(ladder))])
    assert float(weights.sum()) == pytest.approx(1.0)
    assert float((weights * rungs**2).sum()) == pytest.approx(4.6**2, rel=1e-5)


def test_radii_beyond_the_ends_lie_on_the_ends():
    ladder = plane_ladder(-2.0, 3.0)
    assert plane_position(torch.tensor([-50.0, 50.0]), ladder).tolist() == [len(ladder) - 1, 0]
    assert plane_position(torch.tensor([-50.0, 50.0]), (0.0,)).tolist() == [0.0, 0.0]


def test_planes_in_use_come_with_the_box_of_what_lies_on_them():
    positions = torch.full((6, 8), -2.0)  # nowhere
    positions[2, 3] = 1.0
    positions[4, 5] = 2.5
    found = dict(planes_in_use((positions,), n_planes=5))
    assert found == {1: (2, 3, 3, 4), 2: (4, 5, 5, 6), 3: (4, 5, 5, 6)}
