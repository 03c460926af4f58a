"""Phases on this machine, with progress on stderr, until the end or a signal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

from focusgen.base.errors import ExitCode
from focusgen.base.signals import stop_on_signals
from focusgen.config import GRAPH, Config, PhaseName
from focusgen.models.registry import needs_gpu
from focusgen.run.ask_first import ask_first
from focusgen.run.console import ConsoleObserver, make_console
from focusgen.run.pipeline import run_all, run_phase
from focusgen.run.selection import Selection


def run_phases(cfg: Config, phases: Sequence[PhaseName], selection: Selection) -> int:
    """Run phases in order and return the worst exit status."""
    warn_on_login_node(cfg, phases)
    ask_first(cfg, phases, selection)
    code = ExitCode.COMPLETE
    with stop_on_signals() as stop, ConsoleObserver(make_console()) as observer:
        for phase in phases:
            code = max(code, run_phase(cfg, phase, selection, observer, stop))
    return code


def run_everything(cfg: Config, selection: Selection, *, recheck: bool = False) -> int:
    """Run all phases; an unapproved calibration stops phase 5."""
    ask_first(cfg, tuple(GRAPH), selection)
    with stop_on_signals() as stop, ConsoleObserver(make_console()) as observer:
        return run_all(cfg, selection, observer, stop, recheck=recheck)


def warn_on_login_node(cfg: Config, phases: Sequence[PhaseName]) -> None:
    """Say that a network was started outside a job, on a machine that can submit one."""
    on_cluster = shutil.which("sbatch") is not None and "SLURM_JOB_ID" not in os.environ
    if on_cluster and any(needs_gpu(cfg, phase) for phase in phases):
        print(
            "warning: this looks like a login node (sbatch is here, no job is running): "
            "submit the phase as a job instead, see jobs/",
            file=sys.stderr,
        )
