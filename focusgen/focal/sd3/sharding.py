"""Weights in shards over processes (FSDP): put together for a checkpoint, and shared out again.

A checkpoint holds whole tensors whatever the number of processes, so that a training may go on with more of
them, with fewer, or without shards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from focusgen.focal.checkpoints import restore_optimizer


def unsharded(value: Tensor) -> Tensor:
    """Return a tensor as it is without shards; every process has to ask for it at the same time."""
    full: Tensor = value.detach()
    return full.full_tensor() if isinstance(full, DTensor) else full


def shared_out(value: Tensor, like: Tensor) -> Tensor:
    """Return this process' part of a whole tensor, sharded as another one is."""
    if not isinstance(like, DTensor):
        return value
    placed = value.to(device=like.device, dtype=like.dtype)
    part: Tensor = distribute_tensor(placed, like.device_mesh, like.placements)
    return part


def gathered(weights: Mapping[str, Tensor], *, keeps: bool) -> dict[str, Tensor]:
    """Return whole tensors on the CPU; processes that do not keep them take part, one tensor at a time."""
    found = {}
    for name, value in weights.items():
        full = unsharded(value)
        if keeps:
            found[name] = full.cpu()
    return found


def gathered_optimizer(optimizer: torch.optim.Optimizer, *, keeps: bool) -> dict[str, Any]:
    """Return an optimiser's state with whole tensors; empty in processes that do not keep it."""
    state = optimizer.state_dict()
    moments = {
        index: {key: _gathered_one(value, keeps) for key, value in one.items()}
        for index, one in state["state"].items()
    }
    return {**state, "state": moments} if keeps else {}


def _gathered_one(value: object, keeps: bool) -> object:
    if not isinstance(value, Tensor):
        return value
    full = unsharded(value)
    return full.cpu() if keeps else None


def share_out_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Give an optimiser a state of whole tensors."""
    own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    parts = {
        index: {key: value if key == "step" else shared_out(value, own[index]) for key, value in one.items()}
        for index, one in state["state"].items()
    }
    restore_optimizer(optimizer, {**state, "state": parts})
