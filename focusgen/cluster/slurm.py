"""The scheduler's own programs: asked by job id, with a time limit, and never for a listing of everything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from focusgen.base.errors import ConfigError
from focusgen.base.user import user_name

ASK_TIMEOUT_S = 60
SECRET = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_KEY|PRIVATE_KEY|_AUTH$|^AWS_|^WANDB_", re.I
)
# Names that an enclosing job leaves behind and that would change what sbatch asks for.
OUTER_JOB = re.compile(r"^(SLURM|SRUN|SALLOC|SUBMITIT)_")
ALIVE = frozenset("PENDING RUNNING REQUEUED REQUEUE_HOLD RESIZING SUSPENDED CONFIGURING COMPLETING".split())


@dataclass(frozen=True)
class Limits:
    """What the cluster accepts: array indices stay below `max_array_size`."""

    max_array_size: int = 1001
    max_jobs: int | None = None


@dataclass(frozen=True)
class JobState:
    """What accounting says of one task."""

    state: str
    signal: int
    node: str

    @property
    def is_alive(self) -> bool:
        """True while it may still do something."""
        return self.state in ALIVE


def is_secret(name: str) -> bool:
    """Say whether a variable's name promises a secret."""
    return SECRET.search(name) is not None


def unwanted_variables(names: Iterable[str], pass_env: Sequence[str]) -> list[str]:
    """Return the names that are not handed to jobs: secrets, and what an enclosing job left behind."""
    kept = {"SLURM_CONF", *pass_env}
    return sorted(n for n in names if n not in kept and (is_secret(n) or OUTER_JOB.match(n)))


def clean_environment(environment: Mapping[str, str], pass_env: Sequence[str]) -> dict[str, str]:
    """Return the variables that jobs are handed."""
    unwanted = set(unwanted_variables(environment, pass_env))
    return {name: value for name, value in environment.items() if name not in unwanted}


def ask(command: Sequence[str], timeout_s: float = ASK_TIMEOUT_S) -> str | None:
    """Return what a program prints; None if it is missing, fails or does not answer in time."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def require_slurm() -> None:
    """Refuse to submit where there is no sbatch.

    Raises:
        ConfigError: says what else there is.
    """
    if shutil.which("sbatch") is None:
        raise ConfigError(
            "sbatch is not on this machine's PATH", "Submit from a login node, or use --cluster local."
        )


def require_scancel() -> None:
    """Refuse to cancel where there is no scancel.

    Raises:
        ConfigError: says where to do it.
    """
    if shutil.which("scancel") is None:
        raise ConfigError("scancel is not on this machine's PATH", "Run focusgen cancel on a login node.")


WITHOUT_ARRAYS = "Inside one job, the same command with --cluster local does the same work on its node."


def read_limits() -> Limits:
    """Return the limits of the cluster and of the user's accounts; Slurm's defaults where it is silent.

    Raises:
        ConfigError: it takes no arrays.
    """
    shown = ask(["scontrol", "show", "config"]) or ""
    size = re.search(r"^MaxArraySize\s*=\s*(\d+)", shown, re.MULTILINE)
    if size and int(size.group(1)) == 0:
        raise ConfigError("this cluster takes no job arrays (scontrol: MaxArraySize is 0)", WITHOUT_ARRAYS)
    count = re.search(r"^MaxJobCount\s*=\s*(\d+)", shown, re.MULTILINE)
    bounds = [int(count.group(1))] if count else []
    where = f"user={user_name()}"
    answer = ask(["sacctmgr", "-nP", "show", "assoc", where, "format=MaxSubmitJobs,GrpSubmitJobs"]) or ""
    bounds += [int(word) for word in re.split(r"[|\s]+", answer) if word.isdecimal()]
    return Limits(int(size.group(1)) if size else 1001, min(bounds, default=None))


def may_requeue(job_id: str) -> bool:
    """Say whether it is this task's own business to requeue itself.

    After scancel a requeue would bring a job back that nobody wants; after a preemption or a node failure
    Slurm has requeued it already. Where Slurm does not answer, the requeue itself will tell.
    """
    shown = ask(["scontrol", "show", "job", "-o", job_id]) or ""
    state = re.search(r"\bJobState=(\S+)", shown)
    return state is None or state.group(1) in ("RUNNING", "TIMEOUT")


def requeue(job_id: str) -> bool:
    """Put one task back into the queue; false if the scheduler refused."""
    return ask(["scontrol", "requeue", job_id]) is not None


def job_states(job_ids: Iterable[str]) -> dict[str, JobState] | None:
    """Return task id (`12_3`) -> state of the given jobs, from one sacct call; None where there is none."""
    parents = sorted({job_id.partition("_")[0] for job_id in job_ids if job_id}, key=int)
    if not parents:
        return {}
    form = "JobID,State,ExitCode,NodeList"
    text = ask(["sacct", "-n", "-P", "-X", "-j", ",".join(parents), "-o", form])
    if text is None:
        return None
    states: dict[str, JobState] = {}
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) != 4:
            continue
        job_id, state, exit_code, nodes = fields
        signal = exit_code.partition(":")[2]
        known = JobState(state.split(" ")[0], int(signal) if signal.isdecimal() else 0, nodes)
        for name in task_names(job_id):
            states[name] = known
    return states


def task_names(job_id: str) -> list[str]:
    """Return the single tasks that sacct means by `12`, `12_3` or `12_[0-2,5%8]`."""
    array = re.fullmatch(r"(\d+)_\[([0-9,-]+)(?:%\d+)?\]", job_id)
    if array is None:
        return [job_id]
    names = []
    for part in array.group(2).split(","):
        first, _, last = part.partition("-")
        names += [f"{array.group(1)}_{i}" for i in range(int(first), int(last or first) + 1)]
    return names


def find_by_name(name: str) -> str | None:
    """Return the id of our own job of a unique name, None if Slurm knows none."""
    text = ask(["squeue", "-h", "-o", "%A", f"--name={name}", f"--user={user_name()}"])
    ids = [word for word in (text or "").split() if word.isdecimal()]
    # %A of an array task is its own id; the array's is the smallest, given at submission.
    return min(ids, key=int) if ids else None


def cancel(job_id: str, name: str) -> bool:
    """End one of our jobs: only if the id still carries the name that we gave it."""
    return ask(["scancel", f"--name={name}", job_id]) is not None


def in_job() -> bool:
    """Say whether this process runs inside a Slurm job."""
    return "SLURM_JOB_ID" in os.environ
