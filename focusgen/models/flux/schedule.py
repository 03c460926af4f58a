"""The noise levels of FLUX.1-dev: a straight line, bent by the picture's number of tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from focusgen.base.errors import ConfigError

TIMESTEPS_PER_SIGMA = 1000.0


@dataclass(frozen=True)
class Schedule:
    """How the bend grows with the number of tokens; the values of FLUX.1-dev's scheduler_config.json."""

    base_tokens: int = 256
    base_shift: float = 0.5
    max_tokens: int = 4096
    max_shift: float = 1.15

    def shift(self, n_tokens: int) -> float:
        """Return mu of the whole picture; tiles use it too, because each is part of the same picture."""
        slope = (self.max_shift - self.base_shift) / (self.max_tokens - self.base_tokens)
        return n_tokens * slope + (self.base_shift - slope * self.base_tokens)

    def sigmas(self, n_steps: int, n_tokens: int) -> Tensor:
        """Return n_steps + 1 float32 noise levels, from 1 down to 0."""
        straight = np.linspace(1.0, 1.0 / n_steps, n_steps).astype(np.float32)
        bend = math.exp(self.shift(n_tokens))
        bent = bend / (bend + (1.0 / straight - 1.0))
        return torch.cat([torch.from_numpy(bent.astype(np.float32)), torch.zeros(1)])


def schedule_from(config: Mapping[str, Any], source: str) -> Schedule:
    """Return the schedule of a scheduler_config.json.

    Raises:
        ConfigError: it asks for another law than FLUX.1-dev's (FLUX.1-schnell's, for instance).
    """
    refused = [
        name
        for name in (
            "use_karras_sigmas",
            "use_exponential_sigmas",
            "use_beta_sigmas",
            "shift_terminal",
            "invert_sigmas",
        )
        if config.get(name)
    ]
    if not config.get("use_dynamic_shifting", False):
        refused.append("use_dynamic_shifting false")
    if config.get("time_shift_type", "exponential") != "exponential":
        refused.append(f"time_shift_type {config['time_shift_type']}")
    if refused:
        raise ConfigError(
            f"{source}: the scheduler is not FLUX.1-dev's ({', '.join(refused)})",
            "Give the folder or hub id of FLUX.1-dev as model_id.",
        )
    return Schedule(
        base_tokens=int(config.get("base_image_seq_len", 256)),
        base_shift=float(config.get("base_shift", 0.5)),
        max_tokens=int(config.get("max_image_seq_len", 4096)),
        max_shift=float(config.get("max_shift", 1.15)),
    )


def timestep_of(sigma: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what the time embedding is given: sigma x 1000, rounded where the nets' training rounded it.

    In bfloat16 that rounding is to 8 bits, and the released weights have only ever seen rounded times.
    """
    timestep = (sigma * TIMESTEPS_PER_SIGMA).to(dtype)
    return (timestep / TIMESTEPS_PER_SIGMA) * TIMESTEPS_PER_SIGMA


def euler_step(latents: Tensor, velocity: Tensor, sigma: Tensor, next_sigma: Tensor) -> Tensor:
    """Return float32 latents one noise level further down."""
    return latents + (next_sigma - sigma) * velocity.float()
