"""Shifts, scales and gates of every block, for the whole schedule at once.

They depend on step, guidance, pooled prompt and adapter, never on pixels: 3.2 of FLUX's 11.9 billion
parameters serve them alone. Computed once, they are small tables, and those weights may leave the GPU.

A condition branch has time 0 and guidance 1.0 whatever the step, so its table has no step axis. In single
blocks text and image share one table: same time, same guidance, no adapter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from focusgen.models.flux.schedule import TIMESTEPS_PER_SIGMA, timestep_of
from focusgen.models.flux.weights import FluxWeights, Projection, is_modulation

CONDITION_GUIDANCE = 1.0

# Rows of a table, in the order in which the layers lay them out; rows 1 and 4 hold 1 + scale.
SHIFT, SCALE, GATE, MLP_SHIFT, MLP_SCALE, MLP_GATE = range(6)


@dataclass(frozen=True, eq=False)
class ConditionTables:
    """One adapter's modulation: (double blocks, 6, D) and (single blocks, 3, D)."""

    double: Tensor
    single: Tensor


@dataclass(frozen=True, eq=False)
class ModulationTables:
    """All modulation of a schedule.

    Attributes:
        text: (steps, double blocks, 6, D).
        image: the same.
        main: (steps, single blocks, 3, D), for text and image.
        final: (steps, 2, D): shift and 1 + scale before the last projection.
        conditions: by adapter; None is a condition without one.
    """

    text: Tensor
    image: Tensor
    main: Tensor
    final: Tensor
    conditions: Mapping[str | None, ConditionTables]

    def step(self, index: int) -> StepTables:
        """Return the tables of one step."""
        return StepTables(
            self.text[index], self.image[index], self.main[index], self.final[index], self.conditions
        )


@dataclass(frozen=True, eq=False)
class StepTables:
    """`ModulationTables` of one step, without the step axis."""

    text: Tensor
    image: Tensor
    main: Tensor
    final: Tensor
    conditions: Mapping[str | None, ConditionTables]


def modulation_tables(
    weights: FluxWeights, sigmas: Tensor, guidance: float, pooled: Tensor, adapters: Iterable[str | None]
) -> ModulationTables:
    """Compute every table of a run.

    Args:
        sigmas: noise levels; the last, 0, is no step.
        guidance: the distilled guidance of text and image.
        pooled: (1, P) pooled prompt.
        adapters: those of the conditions.
    """
    times = timestep_of(sigmas[:-1], weights.dtype)
    signal = _signal(weights, times, guidance, pooled)
    final = weights.final_modulation.of_adapter(signal, None).reshape(len(signal), 2, -1)
    return ModulationTables(
        text=_stack([block.text_modulation for block in weights.double], signal, None, 6),
        image=_stack([block.modulation for block in weights.double], signal, None, 6),
        main=_stack([block.modulation for block in weights.single], signal, None, 3),
        final=torch.stack([final[:, 1], 1 + final[:, 0]], dim=1),  # the layer puts the scale first here
        conditions={adapter: _condition_tables(weights, pooled, adapter) for adapter in set(adapters)},
    )


def _condition_tables(weights: FluxWeights, pooled: Tensor, adapter: str | None) -> ConditionTables:
    signal = _signal(weights, torch.zeros(1, dtype=weights.dtype), CONDITION_GUIDANCE, pooled)
    return ConditionTables(
        double=_stack([block.modulation for block in weights.double], signal, adapter, 6)[0],
        single=_stack([block.modulation for block in weights.single], signal, adapter, 3)[0],
    )


def _signal(weights: FluxWeights, times: Tensor, guidance: float, pooled: Tensor) -> Tensor:
    """Return (n, D): what the modulation layers read."""
    times = times.to(weights.device)
    pooled = pooled.to(weights.device, weights.dtype).expand(len(times), -1)
    embed = weights.time_text_embed
    if not weights.has_guidance:
        return F.silu(embed(times, pooled))
    strength = torch.full_like(times, guidance) * TIMESTEPS_PER_SIGMA
    return F.silu(embed(times, strength, pooled))


def _stack(layers: list[Projection], signal: Tensor, adapter: str | None, rows: int) -> Tensor:
    """Return (n, layers, rows, D) with 1 + scale in the rows of scales."""
    if not layers:
        return signal.new_zeros(len(signal), 0, rows, signal.shape[-1])
    tables = torch.stack(
        [layer.of_adapter(signal, adapter).reshape(len(signal), rows, -1) for layer in layers], dim=1
    )
    tables[:, :, SCALE::3] += 1
    return tables


def place(transformer: nn.Module, device: torch.device) -> None:
    """Move a transformer to a device, and the layers that only modulation reads to host memory.

    Those are 6.5 of 23.8 GB in bfloat16; they visit the device when a new table is computed.
    """
    for name, module in transformer.named_modules():
        if next(module.children(), None) is None:
            module.to(torch.device("cpu") if is_modulation(name) else device)
