"""A training of the focal-stack model as one Slurm job, or the same command on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen.base.interpreter import focusgen_command
from focusgen.cluster import sbatch, slurm
from focusgen.cluster.local import call_focusgen
from focusgen.cluster.plans import new_plan_id
from focusgen.config import Config

MOST_WARNING_S, WARNING_SHARE = 180, 1 / 3
"""How long before the time limit training is told to save: of a short limit a third is left for that."""

LOGS = "slurm"


@dataclass(frozen=True)
class FocalSubmission:
    """What is trained, and what it needs.

    Attributes:
        words: flags of `focal train`.
        output: folder of the training; script and logs lie in its folder `slurm`.
        gpus: per node; 0: one process per node, on the CPU.
        after: id of a job that has to end well first; "" for none.
    """

    words: tuple[str, ...]
    output: Path
    n_nodes: int = 1
    gpus: int = 4
    cpus: int = 32
    memory_gb: int = 256
    time_h: float = 24.0
    after: str = ""
    hold: bool = False


def job_of(cfg: Config, asked: FocalSubmission) -> tuple[Config, sbatch.Job]:
    """Return settings and job: resources of a training win over those of the phase that it borrows."""
    minutes = max(1, round(asked.time_h * 60))
    warning_s = min(MOST_WARNING_S, int(60 * minutes * WARNING_SHARE))
    options = {
        "nodes": str(asked.n_nodes),
        "ntasks-per-node": "1",
        "partition": cfg.cluster.partition["deblur" if asked.gpus else "calibrate"],
        "time": str(minutes),
        "cpus-per-task": str(asked.cpus),
        "mem": f"{asked.memory_gb}G",
        "signal": f"B:USR1@{warning_s}",
        **({"gres": f"gpu:{asked.gpus}"} if asked.gpus else {}),
        **({"dependency": f"afterok:{asked.after}", "kill-on-invalid-dep": "yes"} if asked.after else {}),
        **dict(cfg.cluster.options),
    }
    cluster = cfg.cluster.model_copy(update={"options": options})
    folder = str((asked.output / LOGS).absolute()).replace("%", "%%")
    job = sbatch.Job(
        name=f"focusgen-focal-{new_plan_id()}",
        phase="calibrate",  # a phase without a GPU of its own
        command=(*focusgen_command(cfg.cluster.python), "focal", "launch", *asked.words),
        log=f"{folder}/train_%j.out",
        hold=asked.hold,
    )
    return cfg.model_copy(update={"cluster": cluster}), job


def submit_training(cfg: Config, asked: FocalSubmission, where: str, *, dry_run: bool) -> int:
    """Hand the training to Slurm, or run it here; a dry run prints the exact text."""
    settings, job = job_of(cfg, asked)
    if dry_run:
        print(sbatch.script_text(settings, job))
        return 0
    if where != "slurm":
        return run_here(["focal", "launch", *asked.words], in_this_process=where == "debug", asked=asked)
    slurm.require_slurm()
    job_id = sbatch.hand_over(settings, job, asked.output / LOGS)
    print(f"{job_id}  focal train; log {job.log.replace('%j', job_id)}")
    return 0


def run_here(words: Sequence[str], *, in_this_process: bool, asked: FocalSubmission) -> int:
    """Run the command in this process, or as a job of submitit on this machine; return its status."""
    if in_this_process:
        return call_focusgen(list(words))
    from submitit import LocalExecutor

    executor = LocalExecutor(folder=asked.output / LOGS)
    executor.update_parameters(timeout_min=max(1, round(asked.time_h * 60)), gpus_per_node=asked.gpus or None)
    return int(executor.submit(call_focusgen, list(words)).result())
