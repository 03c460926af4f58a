"""Soft depth edges are moved onto the picture's, and nothing else is touched."""

from __future__ import annotations

import torch

from focusgen.models.bokeh.snap import RAMP_STEP_PX, snap_to_colour_edges


def ramp(width=24, height=12, edge=12, spread=3, near=8.0, far=-4.0):
    """A picture with a hard edge of colour, and radii that cross it in a ramp."""
    columns = torch.arange(width, dtype=torch.float32)
    share = ((columns - edge) / (2 * spread) + 0.5).clamp(0, 1)
    radius = (near + share * (far - near)).expand(1, height, width).contiguous()
    rgb = torch.zeros(1, 3, height, width)
    rgb[:, 0, :, :edge], rgb[:, 2, :, edge:] = 0.8, 0.6
    return rgb, radius


def test_every_pixel_of_a_ramp_goes_to_the_side_of_its_colour():
    rgb, radius = ramp()
    snapped = snap_to_colour_edges(rgb, radius)
    soft = (radius[0, 6] < 8.0) & (radius[0, 6] > -4.0)
    assert int(soft.sum()) >= 4
    before, after = radius[0, 6], snapped[0, 6]
    assert (after[10:12] > before[10:12]).all() and (after[12:14] < before[12:14]).all()
    assert bool((after[:12] > 2.0).all()) and bool((after[12:] < 2.0).all())


def test_slopes_below_the_step_stay_as_they_are():
    rgb, radius = ramp(near=0.9 * RAMP_STEP_PX, far=0.0)
    torch.testing.assert_close(snap_to_colour_edges(rgb, radius), radius, atol=0, rtol=0)


def test_frames_of_a_batch_do_not_see_each_other():
    rgb, radius = ramp()
    flipped = radius.flip(-1)
    together = snap_to_colour_edges(torch.cat([rgb, rgb]), torch.cat([radius, flipped]))
    torch.testing.assert_close(together[0], snap_to_colour_edges(rgb, radius)[0])
    torch.testing.assert_close(together[1], snap_to_colour_edges(rgb, flipped)[0])
