"""The scheduler's own programs: asked by job id, with a time limit, and never for a listing of everything."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from focusgen.base.errors import ConfigError
from focusgen.base.programs import ask
from focusgen.base.user import user_name

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


LIMITS_HOLD = re.compile("limits|safe|all")
"""What a cluster says under AccountingStorageEnforce that keeps limits of accounts; others only list them."""
_SIZES = ("MaxArraySize", "MaxJobCount")
WITHOUT_ARRAYS = "Inside one job, the same command with --cluster local does the same work on its node."


def read_limits(account: str | None = None, partitions: Collection[str] = ()) -> Limits:
    """Return the limits of the cluster and of who pays there; Slurm's defaults where it is silent.

    Args:
        account: that jobs will name; None for the user's default.
        partitions: that jobs will go to: limits in others do not count.

    Raises:
        ConfigError: it takes no arrays, or nothing at all from that account.
    """
    shown = ask(["scontrol", "show", "config"]) or ""
    said = dict(re.findall(r"^(\w+)\s*=\s*(\S+)", shown, re.MULTILINE))
    size, count = (int(said.get(name, "")) if said.get(name, "").isdecimal() else None for name in _SIZES)
    if size == 0:
        raise ConfigError("this cluster takes no job arrays (scontrol: MaxArraySize is 0)", WITHOUT_ARRAYS)
    bounds = [] if count is None else [count]
    if LIMITS_HOLD.search(said.get("AccountingStorageEnforce", "limits")):
        bounds += _bounds_of_account(said.get("ClusterName", ""), account, partitions)
    if 0 in bounds:
        raise ConfigError(
            f"account {account or 'of yours'} may submit no job here (sacctmgr show assoc: a limit of 0)",
            "Set cluster.account to one that may: sacctmgr show assoc user=$USER lists them.",
        )
    return Limits(1001 if size is None else size, min(bounds, default=None))


def _bounds_of_account(cluster: str, account: str | None, partitions: Collection[str]) -> list[int]:
    """Return how many jobs an account may have submitted at a time: people have several, and closed ones."""
    form = "format=Cluster,Account,Partition,MaxSubmitJobs,GrpSubmitJobs"
    listed = ask(["sacctmgr", "-nP", "show", "assoc", f"user={user_name()}", form]) or ""
    bounds: dict[str, list[int]] = {}
    for fields in (line.split("|") for line in listed.splitlines()):
        if len(fields) != 5 or (cluster and fields[0] not in ("", cluster)):
            continue
        if fields[2] in ("", *partitions):
            bounds.setdefault(fields[1], []).extend(int(word) for word in fields[3:] if word.isdecimal())
    if account is None and len(bounds) > 1:
        account = ask(["sacctmgr", "-nP", "show", "user", user_name(), "format=DefaultAccount"])
    known = bounds.get((account or "").strip().lower())  # names are kept in small letters
    # Of an unknown account the loosest counts: sbatch itself refuses more.
    return known if known is not None else max(bounds.values(), key=_tightest, default=[])


def _tightest(bounds: Sequence[int]) -> float:
    return min(bounds, default=float("inf"))


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
