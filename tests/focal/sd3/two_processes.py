"""Trainings in two processes on the CPU, for a fork of the tests: imports of diffusers take seconds.

A command goes through torchrun's agent. accelerate shards on GPUs only, so where weights lie in shards its
`prepare` is replaced by torch's own `fully_shard`; all the rest is the training as it is.
"""

from __future__ import annotations

import os
import signal
import socket

import diffusers.models.transformers.transformer_sd3  # noqa: F401 - imported late, once and not in each fork
import torch
import torch._dynamo  # which the first optimizer of a process imports
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from torch.multiprocessing import start_processes

from focusgen import cli
from focusgen.focal.sd3.job import write_weights
from focusgen.focal.sd3.process import BLOCK, Stopped
from focusgen.focal.sd3.settings import Sd3Settings
from focusgen.focal.sd3.trainer import train

N_PROCESSES = 2


def forget_other_trainings() -> None:
    """Let a fork have processes of its own, though earlier tests trained in one."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def launch(words: list[str]) -> None:
    """Run a command of focusgen in both processes, as torchrun starts them."""
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=N_PROCESSES,
        run_id="test",
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        start_method="fork",
        max_restarts=0,
    )
    assert set(elastic_launch(config, cli.main)(words).values()) == {0}


def sharded(accelerator: Accelerator, net: torch.nn.Module, optimizer: torch.optim.Optimizer):
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    mesh = init_device_mesh("cpu", (accelerator.num_processes,))
    for module in [one for one in net.modules() if type(one).__name__ == BLOCK]:
        fully_shard(module, mesh=mesh)
    fully_shard(net, mesh=mesh)
    now = dict(net.named_parameters())
    for group in optimizer.param_groups:
        group["params"] = [now[names[id(parameter)]] for parameter in group["params"]]
    return net, optimizer


def rank(number: int, trainings: list[tuple[Sd3Settings, int]]) -> None:
    """Be one of the processes that torchrun would start, with weights in shards."""
    os.environ.update(RANK=str(number), LOCAL_RANK=str(number))
    Accelerator.prepare = sharded
    torch.set_num_threads(1)
    for settings, stop_at in trainings:
        told: list[int] = []

        def tell(step: int, means: object, stop_at: int = stop_at, told: list[int] = told) -> None:
            told.append(step)
            if told == [*range(1, stop_at + 1)]:
                os.kill(os.getpid(), signal.SIGUSR1)

        try:
            run = train(settings, tell=tell, device="cpu")
        except Stopped:
            run = train(settings, tell=tell, device="cpu")
        assert number or told == [*range(1, settings.train.steps + 1)], "no step is done twice"
        assert any(hasattr(value, "full_tensor") for value in run.net.parameters()), "weights lie in shards"
        write_weights(run, settings)


def train_sharded(*trainings: tuple[Sd3Settings, int]) -> None:
    """Train with shards, one training after the other; one that is told to stop after its step goes on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    there = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update(there, WORLD_SIZE=str(N_PROCESSES), LOCAL_WORLD_SIZE=str(N_PROCESSES))
    start_processes(rank, (list(trainings),), N_PROCESSES, start_method="fork")
