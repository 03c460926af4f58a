"""The text of one job and its way to sbatch."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder, publish
from focusgen.base.interpreter import SAFE_PATH_VARIABLE, focusgen_command
from focusgen.base.names import display
from focusgen.cluster import slurm
from focusgen.cluster.resources import gpus_of, partition_of
from focusgen.config import Config, PhaseName

SUBMIT_TIMEOUT_S = 120  # sbatch itself gives up after 10 to 30 s


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


def job_options(cfg: Config, job: Job) -> dict[str, str]:
    """Return the #SBATCH options of a job; one without a value has the value ""."""
    cluster = cfg.cluster
    gpus = gpus_of(cfg, job.phase) * job.workers
    options = {
        "job-name": job.name,
        "nodes": "1",
        "partition": partition_of(cfg, job.phase),
        "time": str(max(1, round(cluster.time_h[job.phase] * 60))),
        "cpus-per-task": str(cluster.cpus[job.phase] * job.workers),
        "mem": _memory(cluster.memory_gb[job.phase] * job.workers),
        "output": job.log,
        "open-mode": "append",
        "signal": f"B:USR1@{cluster.drain_s}",
        "requeue": "",
        "wckey": "focusgen",
    }
    if gpus:
        options["gres"] = f"gpu:{gpus}"
    for name, value in (("account", cluster.account), ("qos", cluster.qos), ("array", job.array)):
        if value is not None:
            options[name] = value
    if job.dependency:
        options |= {"dependency": job.dependency, "kill-on-invalid-dep": "yes"}
    if job.hold:
        options["hold"] = ""
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
    return (*focusgen_command(cfg.cluster.python), *words)


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
        then: a second command, run if the first ended well; else the first replaces the shell.
    """
    options = sorted(job_options(cfg, job).items())
    lines = [
        "#!/bin/bash",
        "",
        "# Parameters",
        *(f"#SBATCH --{name}{f'={shlex.quote(value)}' if value else ''}" for name, value in options),
        "",
        "# setup",
        "set -euo pipefail",
        *cfg.cluster.setup,
        "",
        "# command",
        f"export {SAFE_PATH_VARIABLE}=1",
        *_commands(job, then),
    ]
    return "\n".join(lines) + "\n"


def _commands(job: Job, then: Sequence[str]) -> list[str]:
    if then:  # phase 1 is short and has nothing to drain, so that the shell may stay
        return ["set -e", shell_words(job.command), f"exec {shell_words(then)}"]
    return [f"exec {shell_words(job.command)}"]  # exec: B:USR1 reaches the program, not a shell


def hand_over(cfg: Config, job: Job, folder: Path, then: Sequence[str] = ()) -> str:
    """Submit one job and return its id.

    sbatch may answer nothing although the job was accepted: before a second try the job is looked for by its
    unique name, so that nothing is submitted twice.

    Raises:
        ConfigError: sbatch refused; what it said is told.
    """
    make_folder(folder)
    script = folder / f"{job.name}.sh"
    publish(script, script_text(cfg, job, then).encode())
    said = ""
    for _ in range(2):
        said = _ask_sbatch(cfg, script)
        accepted = re.search(r"^Submitted batch job (\d+)", said, re.MULTILINE)
        found = accepted.group(1) if accepted else slurm.find_by_name(job.name)
        if found is not None:
            return found
    raise ConfigError(f"sbatch did not accept {job.name}: {_errors(said)}", _hint(_errors(said)))


def _ask_sbatch(cfg: Config, script: Path) -> str:
    """Return all that sbatch said to a script, or why it said nothing."""
    environment = slurm.clean_environment(os.environ, cfg.cluster.pass_env)
    try:
        done = subprocess.run(
            ["sbatch", str(script)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=SUBMIT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"error: no answer within {SUBMIT_TIMEOUT_S} s"
    except OSError as error:
        return f"error: sbatch cannot be run: {error.strerror}"
    return done.stdout


def _errors(said: str) -> str:
    """Return sbatch's complaints in one line."""
    lines = [line.strip().removeprefix("sbatch: ") for line in said.splitlines() if line.strip()]
    told = [line for line in lines if "rror" in line] or lines[-1:] or ["no answer"]
    return display("; ".join(told[:3]))


# What sbatch's messages mean for our settings; the first that matches counts.
HINTS = {
    r"timed out|unable to contact|no answer|try again": "The scheduler is busy or away and knows no such "
    "job: start the same command again in a while.",
    r"job array": f"Lower cluster.tasks. {slurm.WITHOUT_ARRAYS}",
    r"time limit is invalid|exceeds .*time": "Lower cluster.time_h (sinfo -o '%P %l' lists the limits).",
    r"limit": "Wait until some of your jobs have ended, or lower cluster.tasks.",
    r"account|policy|association": "Set cluster.account or cluster.qos: sacctmgr show assoc user=$USER.",
    r"partition": "Set cluster.partition (sinfo lists partitions).",
    r"qos": "Set cluster.qos (sacctmgr show qos lists them).",
    r"gres|node configuration|memory|cpu": "Lower cluster.memory_gb, cpus or gpus to what a node has: "
    "sinfo -o '%P %c %m %G'.",
    r"cannot be run": "Submit from a login node, or use --cluster local.",
}


def _hint(said: str) -> str:
    for pattern, advice in HINTS.items():
        if re.search(pattern, said, re.IGNORECASE):
            return advice
    return "Try the text of focusgen submit --dry_run with sbatch."
