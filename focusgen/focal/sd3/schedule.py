"""Noise levels: diffusers' own flow-matching schedule, and what one of its steps needs.

x_t = (1 - sigma) x0 + sigma noise, velocity = noise - x0. The schedule is never rewritten here: it bends the
smallest level twice (four steps of shift 3: 1, .858, .602, .009, 0), and weights were trained with that.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple

from torch import Tensor

from focusgen.focal.sd3.parts import Scheduler

TIMESTEPS_PER_SIGMA = 1000.0


class Step(NamedTuple):
    """One step of a chain: what the model said, and where it led."""

    velocity: Tensor
    latents: Tensor


def levels(scheduler: Scheduler, n_steps: int) -> tuple[Tensor, Tensor]:
    """Return the n_steps + 1 sigmas, the last 0, and the n_steps timesteps of a chain."""
    own = copy.deepcopy(scheduler)
    own.set_timesteps(n_steps)
    return own.sigmas, own.timesteps


def timestep_of(sigma: Tensor) -> Tensor:
    """Return what the time embedding is given: 1000 sigma, one per sample."""
    return sigma * TIMESTEPS_PER_SIGMA


def steps(
    scheduler: Scheduler, velocity: Callable[[Tensor, Tensor], Tensor], noise: Tensor, n_steps: int
) -> Iterator[Step]:
    """Yield the steps of a chain from noise to latents.

    Args:
        scheduler: of the model.
        velocity: (latents, sigma per sample) -> velocity.
        noise: where the chain starts.
        n_steps: how many.
    """
    own = copy.deepcopy(scheduler)
    own.set_timesteps(n_steps, device=noise.device)
    latents = noise
    for number, timestep in enumerate(own.timesteps):
        sigma = own.sigmas[number].to(latents.device).expand(len(latents))
        found = velocity(latents, sigma)
        latents = own.step(found, timestep, latents, return_dict=False)[0]
        yield Step(found, latents)
