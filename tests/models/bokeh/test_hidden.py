"""What lies behind an edge: which pixels go on under it, how far, and with which colour."""

from __future__ import annotations

import torch

from focusgen.models.bokeh.hidden import (
    distance_px,
    edge_sides,
    far_side_seeds,
    hidden_fill,
    hidden_surface,
    push_pull,
)


def step(size=24, edge=12, near=6.0, far=-1.0):
    radius = torch.full((1, 1, size, size), far)
    radius[..., :edge] = near
    return radius


def test_an_edge_has_a_near_and_a_far_side_and_a_small_step_has_none():
    near, far = edge_sides(step())
    assert near[0, 0, 5].nonzero()[:, 0].tolist() == [11]
    assert far[0, 0, 5].nonzero()[:, 0].tolist() == [12]
    assert not any(bool(side.any()) for side in edge_sides(step(near=-0.2, far=-1.0)))


def test_seeds_are_far_pixels_and_of_several_depths_only_the_farthest():
    radius = step()
    radius[..., 12:14] = 3.0  # a second surface between the two
    near, far = edge_sides(radius)
    seeds = far_side_seeds(radius, near, far)
    assert seeds[0, 0, 5].nonzero()[:, 0].tolist() == [14]
    assert far_side_seeds(step(), *edge_sides(step()))[0, 0, 5].nonzero()[:, 0].tolist() == [12]


def test_distances_are_those_of_a_circle_within_a_tenth():
    seeds = torch.zeros(1, 1, 41, 41)
    seeds[0, 0, 20, 20] = 1.0
    found = distance_px(seeds, 30.0)[0, 0].float()
    y, x = torch.meshgrid(torch.arange(41) - 20.0, torch.arange(41) - 20.0, indexing="ij")
    true = torch.hypot(y, x)
    inside = (true > 4) & (true <= 20)
    assert bool(((found - true).abs()[inside] <= 0.1 * true[inside] + 1).all())
    assert int(found[20, 20]) == 0 and int(found[20, 21]) == 1


def test_a_far_wall_goes_on_under_the_subject_only_as_far_as_the_lens_sees():
    radius, rgb = step(), torch.zeros(1, 3, 24, 24)
    rgb[:, 0, :, :12], rgb[:, 2, :, 12:] = 0.9, 0.4
    ladder = (6.0, -1.0)
    near, far = edge_sides(radius)
    seeds = far_side_seeds(radius, near, far)
    behind = hidden_surface(radius, seeds, hidden_fill(rgb, radius, seeds, ladder), ladder)
    seen = behind.weight[0, 0, 12].nonzero()[:, 0].tolist()
    assert seen == list(range(5, 12)), "7 px: the difference of the two blur radii"
    torch.testing.assert_close(behind.rgb[0, :, 12, 10], torch.tensor([0.0, 0.0, 0.4]), atol=1e-5, rtol=0)
    assert abs(float(behind.radius_px[0, 0, 12, 10]) + 1.0) < 1e-5


def test_spread_samples_keep_their_value_and_reach_everything():
    weighted = torch.zeros(1, 2, 32, 32)
    weighted[0, :, 10, 10] = torch.tensor([0.7, 1.0])
    spread = push_pull(weighted, 5)
    assert bool((spread[0, 1] > 0).all())
    torch.testing.assert_close(spread[0, 0] / spread[0, 1], torch.full((32, 32), 0.7), atol=1e-5, rtol=0)
    nearby = push_pull(weighted, 1)
    assert float(nearby[0, 1, 31, 31]) == 0.0
