"""The processes of a training: how many there are, when they meet, and when all of them stop."""

from __future__ import annotations

import importlib
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from focusgen.base.errors import ConfigError, FocusgenError
from focusgen.focal.sd3.settings import TrainSettings

if TYPE_CHECKING:
    from accelerate import Accelerator


Read = TypeVar("Read")

BLOCK = "JointTransformerBlock"
"""diffusers' class of which the transformer is a row: what one shard holds."""


class Stopped(Exception):
    """The process was told to stop, and has saved its state.

    Attributes:
        step: steps that are done.
        signal_number: what told it; SIGTERM where another process was told.
    """

    def __init__(self, step: int, signal_number: int = signal.SIGTERM) -> None:
        super().__init__(f"a signal, after step {step}")
        self.step, self.signal_number = step, signal_number


class UnreadError(Exception):
    """A process could not read what is learned from or judged on: all of them save, and end.

    Attributes:
        cause: what this process has to say of it.
    """

    def __init__(self, cause: FocusgenError) -> None:
        super().__init__(cause.message)
        self.cause = cause


def new_accelerator(t: TrainSettings, device: str) -> Accelerator:
    """Return what runs a training on as many processes as `torchrun` or `accelerate launch` started.

    Raises:
        ConfigError: the environment names processes that nobody started.
    """
    accelerate: Any = importlib.import_module("accelerate")
    try:
        made: Accelerator = accelerate.Accelerator(
            mixed_precision="bf16" if t.precision == "bf16" else "no",
            cpu=device == "cpu",
            fsdp_plugin=_sharding(t) if t.fsdp else None,
        )
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"training cannot be started on several processes: {error}",
            "Let torchrun or a Slurm job start them (focusgen submit --focal), or unset RANK and WORLD_SIZE.",
        ) from error
    return made


def _sharding(t: TrainSettings) -> Any:
    """Return how the transformer is cut: block by block, computed in bf16, added up in fp32.

    What goes in is not rounded to bf16: an answer is the prior plus a change, and the prior stays exact.
    """
    accelerate: Any = importlib.import_module("accelerate")
    fsdp: Any = importlib.import_module("torch.distributed.fsdp")
    lower = torch.bfloat16 if t.precision == "bf16" else None
    return accelerate.FullyShardedDataParallelPlugin(
        fsdp_version=2,
        auto_wrap_policy="transformer_based_wrap",
        transformer_cls_names_to_wrap=[BLOCK],
        mixed_precision_policy=fsdp.MixedPrecisionPolicy(
            param_dtype=lower, reduce_dtype=torch.float32, cast_forward_inputs=False
        ),
        cpu_ram_efficient_loading=False,
    )


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


def read_by_all(accelerator: Accelerator, read: Callable[[], Read]) -> Read:
    """Return what this process reads.

    Raises:
        UnreadError: in all processes, where any of them could not read its own.
    """
    found: list[Read] = []
    failure = FocusgenError("another process could not read its stacks", "It says which.")
    try:
        found.append(read())
    except FocusgenError as error:
        failure = error
    if any_process(accelerator, not found):
        raise UnreadError(failure)
    return found[0]
