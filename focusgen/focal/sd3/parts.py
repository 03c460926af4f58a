"""What is read of diffusers' models, as types: the library itself is imported only where they are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from torch import Tensor, device, nn


class Scheduler(Protocol):
    """diffusers' FlowMatchEulerDiscreteScheduler."""

    sigmas: Tensor
    timesteps: Tensor

    def set_timesteps(self, num_inference_steps: int, device: device | str | None = None) -> None:
        """Choose the noise levels of a chain."""

    def step(self, model_output: Tensor, timestep: Tensor, sample: Tensor, *, return_dict: bool) -> Any:
        """Go one noise level down."""


def config_of(model: nn.Module) -> Mapping[str, Any]:
    """Return the arguments that a model of diffusers was made with."""
    return dict(cast(Any, model).config)
