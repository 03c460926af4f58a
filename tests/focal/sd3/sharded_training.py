"""A training whose weights lie in shards over two processes on the CPU: forks, one import of torch.

accelerate shards on GPUs only, so its `prepare` is replaced by torch's own `fully_shard`; all the rest is the
training as it is.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import diffusers.models.transformers.transformer_sd3  # noqa: F401 - six seconds, once instead of in each fork
import torch
import torch._dynamo  # which the first optimizer of a process imports
from accelerate import Accelerator
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.multiprocessing import start_processes

from focusgen.focal.sd3.job import write_weights
from focusgen.focal.sd3.process import BLOCK, Stopped
from focusgen.focal.sd3.settings import Sd3Settings
from focusgen.focal.sd3.trainer import train

N_PROCESSES = 2


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


def rank(number: int, settings_file: str, stop_at: int) -> None:
    """Be one of the processes that torchrun would start."""
    os.environ.update(RANK=str(number), LOCAL_RANK=str(number))
    Accelerator.prepare = sharded
    torch.set_num_threads(1)
    settings = Sd3Settings.model_validate_json(Path(settings_file).read_text())

    def tell(step: int, means: object) -> None:
        if step == stop_at:
            os.kill(os.getpid(), signal.SIGUSR1)

    try:
        run = train(settings, tell=tell, device="cpu")
    except Stopped:
        run = train(settings, device="cpu")
    assert any(hasattr(value, "full_tensor") for value in run.net.parameters()), "weights lie in shards"
    write_weights(run, settings)


def main(trainings: list[str]) -> None:
    """Run one training after another; each is a settings file and the step after which it is stopped."""
    os.environ.update(WORLD_SIZE=str(N_PROCESSES), LOCAL_WORLD_SIZE=str(N_PROCESSES), MASTER_ADDR="127.0.0.1")
    for settings_file, stop_at in zip(trainings[::2], trainings[1::2], strict=True):
        with socket.create_server(("127.0.0.1", 0)) as free:
            os.environ["MASTER_PORT"] = str(free.getsockname()[1])
        start_processes(rank, (settings_file, int(stop_at)), N_PROCESSES, start_method="fork")


if __name__ == "__main__":
    main(sys.argv[1:])
