"""Lens blur by planes from near to far: laws of light on small pictures; scenes: test_thin_lens.py."""

from __future__ import annotations

import pytest
import torch

from focusgen.models.bokeh.layers import COVERAGE_NOISE
from focusgen.models.bokeh.ocp import _filled, render_ocp
from focusgen.models.bokeh.planes import plane_ladder

HEIGHT, WIDTH = 20, 28


def picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed))


def flat(radius_px: float) -> torch.Tensor:
    return torch.full((1, HEIGHT, WIDTH), radius_px)


def step(left_px: float, right_px: float) -> torch.Tensor:
    return (
        torch.where(torch.arange(WIDTH) < WIDTH // 2, left_px, right_px).expand(1, HEIGHT, WIDTH).contiguous()
    )


def render(rgb: torch.Tensor, radius_px: torch.Tensor, **options) -> torch.Tensor:
    ladder = plane_ladder(float(radius_px.min()), float(radius_px.max()))
    return render_ocp(rgb, radius_px, ladder, **options)


@pytest.mark.parametrize("radius_px", [1.0, 3.0, -3.0, 6.5])
def test_light_is_linear(radius_px):
    one, two = picture(1), picture(2)
    both = render(0.3 * one + 0.5 * two, flat(radius_px))
    torch.testing.assert_close(
        both, 0.3 * render(one, flat(radius_px)) + 0.5 * render(two, flat(radius_px)), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("radii", [step(3.0, -3.0), step(0.0, 4.0), step(-4.0, 0.0), flat(5.0)])
def test_light_stays_between_the_darkest_and_the_brightest(radii):
    found = render(0.2 + 0.6 * picture(), radii)
    assert found.min() >= 0.2 - 1e-3 and found.max() <= 0.8 + 1e-3


@pytest.mark.parametrize("radii", [step(3.0, -3.0), step(2.0, 0.0), flat(4.0)])
def test_mirroring_the_scene_mirrors_the_picture(radii):
    rgb = picture()
    for axis in (-1, -2):
        mirrored = render(rgb.flip(axis), radii.flip(axis).contiguous())
        # Measured: at most .014, in a few pixels along an edge; elsewhere rounding.
        difference = (mirrored.flip(axis) - render(rgb, radii)).abs()
        assert difference.mean() < 5e-4 and difference.max() < 0.03


def test_near_and_far_blur_of_one_plane_are_the_same_disc():
    torch.testing.assert_close(render(picture(), flat(3.0)), render(picture(), flat(-3.0)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("crop", [True, False])
def test_what_is_sharp_and_far_from_edges_is_untouched(crop):
    rgb = picture()
    found = render(rgb, step(0.0, -4.0), crop=crop)
    torch.testing.assert_close(found[..., : WIDTH // 2 - 3], rgb[..., : WIDTH // 2 - 3], atol=1e-4, rtol=0)
    assert (found[..., -6:] - rgb[..., -6:]).abs().mean() > 0.05


def test_a_near_blurred_thing_lies_over_a_sharp_wall_and_a_far_blurred_wall_behind_a_sharp_thing():
    rgb = torch.zeros(1, 3, HEIGHT, WIDTH)
    rgb[..., : WIDTH // 2] = 1.0  # the left half is white
    middle = HEIGHT // 2
    near_blur = render(rgb, step(5.0, 0.0))[0, 0, middle]
    assert near_blur[WIDTH // 2 + 1] > 0.1  # it spreads over the wall
    far_blur = render(rgb, step(-5.0, 0.0))[0, 0, middle]
    assert far_blur[WIDTH // 2 + 1] < 0.02  # it ends at the thing before it


def test_radii_beyond_the_ladder_are_clipped_to_its_ends():
    rgb = picture()
    beyond = render_ocp(rgb, flat(9.0), (4.0, 3.0, 0.0))
    torch.testing.assert_close(beyond, render_ocp(rgb, flat(4.0), (4.0, 3.0, 0.0)))


def test_gradients_reach_the_picture_and_the_radius():
    rgb, radius_px = picture().requires_grad_(), step(2.5, -1.5).requires_grad_()
    render_ocp(rgb, radius_px, (3.0, 2.0, 0.0, -2.0)).square().sum().backward()
    assert rgb.grad is not None and radius_px.grad is not None
    assert torch.isfinite(rgb.grad).all() and torch.isfinite(radius_px.grad).all()
    assert radius_px.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("coverage", "room", "share"),
    [(0.5, 1.0, 0.5), (0.5, 0.2, 0.2), (1.0, 0.0, 0.0), (COVERAGE_NOISE, 1.0, 0.0), (0.0, 1.0, 0.0)],
)
def test_a_plane_fills_what_it_covers_or_what_is_left(coverage, room, share):
    blurred = torch.cat([torch.full((1, 3, 1, 1), 0.6 * coverage), torch.full((1, 1, 1, 1), coverage)], 1)
    light, filled = _filled(blurred, torch.full((1, 1, 1, 1), room))
    assert filled.item() == pytest.approx(share, abs=1e-4)
    assert light.flatten().tolist() == pytest.approx([0.6 * share] * 3, abs=1e-4)
