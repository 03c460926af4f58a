"""The text of one job and its way to sbatch, through submitit's executor."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder
from focusgen.base.names import display
from focusgen.cluster import slurm
from focusgen.config import Config, PhaseName


@dataclass(frozen=True)
class Job:
    """One job to submit: an array of a plan, or a gate.

    Attributes:
        name: unique among all submissions, so that a job can be found again by it.
        array: None for a gate; else the indices as sbatch takes them, e.g. "0-89%32".
        workers: workers of one array task.
        dependency: e.g. "aftercorr:12"; "" for none.
        command: what the job runs, one word each.
        log: log file, with sbatch's %A and %a.
    """

    name: str
    phase: PhaseName
    command: tuple[str, ...]
    log: str
    array: str | None = None
    workers: int = 1
    dependency: str = ""
    hold: bool = False


def job_parameters(cfg: Config, job: Job) -> dict[str, Any]:
    """Return the #SBATCH options of a job beyond name, time and partition."""
    cluster = cfg.cluster
    gpus = cluster.gpus[job.phase] * job.workers
    options: dict[str, Any] = {
        "cpus-per-task": cluster.cpus[job.phase] * job.workers,
        "mem": _memory(cluster.memory_gb[job.phase] * job.workers),
        "output": job.log,
        "open-mode": "append",
        "signal": f"B:USR1@{cluster.drain_s}",
        "requeue": True,
    }
    if gpus:
        options["gres"] = f"gpu:{gpus}"
    for name, value in (("account", cluster.account), ("qos", cluster.qos), ("array", job.array)):
        if value is not None:
            options[name] = value
    if job.dependency:
        options |= {"dependency": job.dependency, "kill-on-invalid-dep": "yes"}
    if job.hold:
        options["hold"] = True
    return options | dict(cluster.options)


def _memory(gigabytes: float) -> str:
    return f"{int(gigabytes)}G" if gigabytes == int(gigabytes) else f"{int(gigabytes * 1024)}M"


def task_command(cfg: Config, plan_path: Path, phase: PhaseName, offset: int) -> tuple[str, ...]:
    """Return the command of one array task; the index is the shell's to fill in."""
    words = _focusgen(cfg, "task", "--plan", str(plan_path), "--phases", phase)
    return (*words, "--offset", str(offset), "--index", "$SLURM_ARRAY_TASK_ID")


def gate_command(cfg: Config, settings_yaml: Path, phase: PhaseName) -> tuple[str, ...]:
    """Return the command of a phase that looks at the whole data set."""
    return _focusgen(cfg, "task", "--phases", phase, "--config", str(settings_yaml))


def submit_command(cfg: Config, settings_yaml: Path, phases: Sequence[PhaseName]) -> tuple[str, ...]:
    """Return the command with which a phase-1 job submits the phases that need its index."""
    return _focusgen(cfg, "submit", "--phases", ",".join(phases), "--config", str(settings_yaml))


def _focusgen(cfg: Config, *words: str) -> tuple[str, ...]:
    return (cfg.cluster.python or sys.executable, "-m", "focusgen.cli", *words)


def shell_words(command: Sequence[str]) -> str:
    """Quote a command for bash; only the array index is expanded, in quotes."""
    return " ".join(f'"{w}"' if w == "$SLURM_ARRAY_TASK_ID" else shlex.quote(w) for w in command)


def log_pattern(folder: Path, phase: PhaseName, *, is_array: bool) -> str:
    """Return a log path for sbatch: one file per task, % of a folder's own name doubled.

    Raises:
        ConfigError: the path holds what no #SBATCH line can.
    """
    text = str(folder.absolute())
    if not text.isprintable() or "\\" in text or "'" in text:
        raise ConfigError(f"{display(text)}: sbatch cannot write logs below such a name", "Rename it.")
    return f"{text.replace('%', '%%')}/{phase}_{'%A_%a' if is_array else '%j'}.out"


def script_text(cfg: Config, job: Job, then: Sequence[str] = ()) -> str:
    """Return the exact text that sbatch is given.

    Args:
        cfg: the settings.
        job: the job.
        then: a second command, run if the first ended well; else the first replaces the shell.
    """
    executor = _executor(cfg, job, Path("."))
    return str(executor._make_submission_file_text(_body(job, then), ""))


def _body(job: Job, then: Sequence[str]) -> str:
    if then:  # phase 1 is short and has nothing to drain, so that the shell may stay
        return f"set -e\n{shell_words(job.command)}\nexec {shell_words(then)}"
    return f"exec {shell_words(job.command)}"  # exec: B:USR1 reaches the program, not a shell


def _executor(cfg: Config, job: Job, folder: Path) -> Any:
    from submitit.slurm.slurm import SlurmExecutor

    class Executor(SlurmExecutor):
        """submitit's, for a command of our own instead of a pickled function."""

        @classmethod
        def affinity(cls) -> int:
            return 2  # it looks for srun, which these jobs do not use

        def _make_submission_command(self, submission_file_path: Path) -> list[str]:
            dropped = slurm.unwanted_variables(os.environ, cfg.cluster.pass_env)
            drop = [word for name in dropped for word in ("-u", name)]
            return ["env", *drop, "sbatch", str(submission_file_path)]

    executor = Executor(folder=folder)
    executor.update_parameters(
        job_name=job.name,
        time=max(1, round(cfg.cluster.time_h[job.phase] * 60)),
        partition=cfg.cluster.partition[job.phase],
        setup=["set -euo pipefail", *cfg.cluster.setup],
        stderr_to_stdout=True,
        use_srun=False,
        additional_parameters={**job_parameters(cfg, job), "wckey": "focusgen"},
    )
    return executor


def hand_over(cfg: Config, job: Job, folder: Path, then: Sequence[str] = ()) -> str:
    """Submit one job and return its id.

    sbatch may answer nothing although the job was accepted: before a second try the job is looked for by its
    unique name, so that nothing is submitted twice.

    Raises:
        ConfigError: sbatch refused; what it said is told.
    """
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    make_folder(folder)
    problem = ""
    for _ in range(2):
        try:
            return str(_executor(cfg, job, folder)._submit_command(_body(job, then)).job_id)
        except FailedSubmissionError as error:
            problem = str(error)
        except FailedJobError as error:
            problem = str(error)
        found = slurm.find_by_name(job.name)
        if found is not None:
            return found
    raise ConfigError(f"sbatch did not accept {job.name}: {_last_line(problem)}", _hint(problem))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if "rror" in line] or text.splitlines()
    return display(lines[-1]) if lines else "no answer"


def _hint(problem: str) -> str:
    if re.search(r"partition", problem, re.I):
        return "Set cluster.partition (sinfo lists partitions)."
    if re.search(r"account", problem, re.I):
        return "Set cluster.account."
    if re.search(r"limit", problem, re.I):
        return "Lower cluster.tasks, cluster.time_h or what else passes a limit of the site."
    return "Try the text of focusgen submit --dry_run with sbatch."
