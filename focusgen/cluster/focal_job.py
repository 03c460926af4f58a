"""`focal train` inside a Slurm job: on all GPUs of all nodes, warned in time, and queued again.

One process is started directly; more through torchrun, one per node, which meet at the job's first host.
Slurm's early warning (SIGUSR1) becomes SIGTERM for every process: it saves after the step that is under way.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from focusgen.base.errors import ConfigError, ExitCode
from focusgen.base.interpreter import focusgen_command
from focusgen.base.programs import ask
from focusgen.base.signals import deaf_to_warnings, warnings_handled_by
from focusgen.cluster import slurm
from focusgen.cluster.attempts import restart_count
from focusgen.focal.train_job import number_in

RENDEZVOUS_PORT = 29511
MOST_UNSAVED = 5
"""After so many starts a job that is warned before it can save anything is not queued again."""

ADVICE = "Raise the time limit: --time-h of focusgen submit --focal, or #SBATCH --time."
SAVE_TIME_S = 150
"""How long torchrun waits for processes that save; the warning comes 180 s before the end."""


@dataclass(frozen=True)
class Allocation:
    """What a job was given.

    Attributes:
        n_nodes: nodes.
        per_node: processes on each: one per GPU, at least one.
        host: where processes meet.
        job_id: "" outside of a job.
    """

    n_nodes: int = 1
    per_node: int = 1
    host: str = "localhost"
    job_id: str = ""


def allocation(environment: Mapping[str, str]) -> Allocation:
    """Return what Slurm's variables say.

    Raises:
        ConfigError: the first host of several cannot be found out.
    """
    n_nodes = number_in(environment, "SLURM_NNODES", 1)
    per_node = max(1, number_in(environment, "SLURM_GPUS_ON_NODE", 1))
    host = "localhost"
    if n_nodes > 1:
        shown = ask(["scontrol", "show", "hostnames", environment.get("SLURM_JOB_NODELIST", "")])
        hosts = (shown or "").split()
        if not hosts:
            raise ConfigError("scontrol does not say which nodes this job has", "Is this a Slurm job?")
        host = hosts[0]
    return Allocation(n_nodes, per_node, host, environment.get("SLURM_JOB_ID", ""))


def command_of(given: Allocation, words: Sequence[str]) -> list[str]:
    """Return what is started: `focal train` itself, or torchrun on each node."""
    train = ["focal", "train", *words]
    if given.n_nodes * given.per_node == 1:
        return [*focusgen_command(), *train]
    torchrun = [sys.executable, "-m", "torch.distributed.run", f"--nnodes={given.n_nodes}"]
    torchrun += [f"--nproc_per_node={given.per_node}", "--rdzv_backend=c10d"]
    torchrun += [f"--rdzv_id={given.job_id or 'focal'}", f"--rdzv_endpoint={given.host}:{RENDEZVOUS_PORT}"]
    srun = ["srun", "--kill-on-bad-exit=0"] if given.n_nodes > 1 else []
    return [*srun, *torchrun, "-m", "focusgen.cli", *train]


def run_in_job(words: Sequence[str]) -> int:
    """Train; after a warning, queue the job again if there is something left to do.

    Returns:
        The exit status of training; 143 after a warning.
    """
    given = allocation(os.environ)
    environment = {**os.environ, "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(SAVE_TIME_S)}
    with subprocess.Popen(command_of(given, words), env=environment) as child:
        with _forwarding(child) as warned:
            status = child.wait()
    if not warned or status == 0:
        return status if status >= 0 else 128 - status
    if status == -signal.SIGTERM and restart_count() >= MOST_UNSAVED:
        n_starts = restart_count() + 1
        print(f"warned before anything was saved, in start {n_starts}: not queued again.", ADVICE)
        return int(ExitCode.TERMINATED)
    if given.job_id and slurm.may_requeue(given.job_id):
        with deaf_to_warnings(for_good=True):
            done = slurm.requeue(given.job_id)
        print(f"requeued as {given.job_id}" if done else f"scontrol requeue {given.job_id} was refused")
    return int(ExitCode.TERMINATED)


@contextmanager
def _forwarding(child: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Hand warnings on to what was started; yield a list that they fill."""
    seen: list[int] = []

    def hand_on(number: int, frame: FrameType | None) -> None:
        if not seen:  # once: a second SIGTERM would end torchrun at once
            child.send_signal(signal.SIGTERM)
        seen.append(number)

    with warnings_handled_by(hand_on):
        yield seen
