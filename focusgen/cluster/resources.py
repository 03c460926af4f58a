"""What one worker of a phase asks the cluster for, after `auto` was resolved."""

from __future__ import annotations

import os
from collections.abc import Sequence

from focusgen.cluster.slurm import Limits, read_limits
from focusgen.config import Config, PhaseName
from focusgen.models.registry import needs_gpu


def gpus_of(cfg: Config, phase: PhaseName) -> int:
    """Return the GPUs of one worker; `auto` is one where the backend needs it."""
    asked = cfg.cluster.gpus[phase]
    return int(needs_gpu(cfg, phase)) if asked == "auto" else asked


def partition_of(cfg: Config, phase: PhaseName) -> str:
    """Return the partition of a phase: that of the calibration where a backend turned out to need no GPU.

    A number in `cluster.gpus` is the user's own choice and leaves the phase in its partition.
    """
    needs_none = cfg.cluster.gpus[phase] == "auto" and not gpus_of(cfg, phase)
    return cfg.cluster.partition["calibrate" if needs_none else phase]


def limits_for(cfg: Config, phases: Sequence[PhaseName]) -> Limits:
    """Return the cluster's limits for the jobs of phases; sbatch's own variables win over what jobs say.

    Raises:
        ConfigError: it takes no such jobs at all.
    """
    options = cfg.cluster.options
    account = os.environ.get("SBATCH_ACCOUNT") or options.get("account") or cfg.cluster.account
    one_for_all = os.environ.get("SBATCH_PARTITION") or options.get("partition")
    partitions = [one_for_all] if one_for_all else [partition_of(cfg, phase) for phase in phases]
    return read_limits(account, {name for several in partitions for name in several.split(",")})


def node_share(cfg: Config, phase: PhaseName) -> float:
    """Return the share of a node that one worker of a phase is charged: the largest of GPU, CPU, memory."""
    cluster = cfg.cluster
    return max(
        gpus_of(cfg, phase) / cluster.node_gpus,
        cluster.cpus[phase] / cluster.node_cpus,
        cluster.memory_gb[phase] / cluster.node_memory_gb,
    )
