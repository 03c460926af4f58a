"""The processes of a training: how many there are, when they meet, and when all of them stop."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from focusgen.focal.sd3.settings import TrainSettings

if TYPE_CHECKING:
    from accelerate import Accelerator


class Stopped(Exception):
    """The process was told to stop, and has saved its state."""

    def __init__(self, step: int) -> None:
        super().__init__(f"a signal, after step {step}")
        self.step = step


def new_accelerator(t: TrainSettings, device: str) -> Accelerator:
    """Return what runs a training on as many processes as `torchrun` or `accelerate launch` started."""
    accelerate: Any = importlib.import_module("accelerate")
    plugin = None
    if t.fsdp:
        plugin = accelerate.FullyShardedDataParallelPlugin(use_orig_params=True)
    precision = "bf16" if t.precision == "bf16" else "no"
    made: Accelerator = accelerate.Accelerator(
        mixed_precision=precision, cpu=device == "cpu", fsdp_plugin=plugin
    )
    return made


def synchronised(accelerator: Accelerator, model: nn.Module, is_last: bool) -> AbstractContextManager[object]:
    """Return the context of a pass: gradients meet between processes after a step's last one only."""
    context: AbstractContextManager[object] = accelerator.no_sync(model)
    return nullcontext() if is_last else context


def any_process(accelerator: Accelerator, is_told: bool) -> bool:
    """Say whether any process was told to stop: all of them stop after the same step."""
    if accelerator.num_processes == 1:
        return is_told
    told = torch.tensor([float(is_told)], device=accelerator.device)
    return bool(accelerator.reduce(told, "sum").item() > 0)
