"""Chains of diffusers' own schedule: levels, times, and that a straight way ends at the picture."""

from __future__ import annotations

import pytest
import torch

from focusgen.focal.sd3.build import build
from focusgen.focal.sd3.design import Design
from focusgen.focal.sd3.schedule import levels, steps, timestep_of


@pytest.fixture(scope="module")
def scheduler():
    return build(Design()).scheduler


def test_four_steps_of_shift_three_are_the_levels_that_weights_were_trained_with(scheduler):
    sigmas, timesteps = levels(scheduler, 4)
    assert sigmas.tolist() == pytest.approx([1.0, 0.858, 0.602, 0.009, 0.0], abs=6e-4)
    torch.testing.assert_close(timesteps, 1000.0 * sigmas[:-1])
    torch.testing.assert_close(timestep_of(sigmas[:-1]), timesteps)


@pytest.mark.parametrize("n_steps", [1, 2, 7, 28])
def test_levels_fall_from_one_to_nothing(scheduler, n_steps):
    sigmas, timesteps = levels(scheduler, n_steps)
    assert len(sigmas) == n_steps + 1 and len(timesteps) == n_steps
    assert sigmas[0] == 1.0 and sigmas[-1] == 0.0 and (sigmas.diff() < 0).all()


@pytest.mark.parametrize("n_steps", [1, 3, 9])
def test_a_straight_way_ends_at_the_picture_after_any_number_of_steps(scheduler, n_steps):
    draw = torch.Generator().manual_seed(0)
    clean, noise = (torch.randn(2, 4, 3, 3, generator=draw) for _ in range(2))
    seen = []

    def velocity(latents: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        seen.append(sigma)
        expected = (1.0 - sigma[0]) * clean + sigma[0] * noise
        torch.testing.assert_close(latents, expected, atol=1e-5, rtol=1e-5)
        return noise - clean

    made = list(steps(scheduler, velocity, noise, n_steps))
    assert len(made) == n_steps and all(sigma.shape == (2,) for sigma in seen)
    torch.testing.assert_close(made[-1].latents, clean, atol=1e-5, rtol=1e-5)


def test_a_chain_leaves_the_schedule_as_it_was(scheduler):
    before = scheduler.sigmas.clone()
    list(steps(scheduler, lambda latents, sigma: latents, torch.zeros(1, 1, 2, 2), 3))
    levels(scheduler, 5)
    assert torch.equal(scheduler.sigmas, before)
    chain = steps(scheduler, lambda latents, sigma: latents, torch.zeros(1, 1, 2, 2), 2)
    next(chain)
    assert len(list(steps(scheduler, lambda latents, sigma: latents, torch.zeros(1, 1, 2, 2), 3))) == 3
    assert len(list(chain)) == 1
