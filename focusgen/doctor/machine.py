"""The computer, its Python, the packages and the limits that the shell set."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import resource
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from focusgen.base.cores import usable_cores
from focusgen.base.programs import ask
from focusgen.base.shipped import PACKAGE, is_checkout
from focusgen.config import Config
from focusgen.config.backends import BUILT_IN
from focusgen.doctor.check import Check, Status
from focusgen.models.registry import backend_of, backends_that_need_a_gpu

KNOWN_ARCHITECTURES = ("x86_64", "aarch64", "arm64")
SUPPORTED_PYTHON = ((3, 10), (3, 13))
MIN_FILE_SIZE_LIMIT = 64 << 20  # bytes; frames, records and plots of the largest supported videos are smaller
MIN_OPEN_FILES = 256
MIN_TMP_BYTES = 1 << 30


def check_machine() -> list[Check]:
    """Look at the architecture, the cores and the memory."""
    architecture = platform.machine()
    is_known = architecture in KNOWN_ARCHITECTURES
    system = Check(
        "machine",
        Status.OK if is_known else Status.WARN,
        f"{architecture}, {platform.system()} {platform.release()}",
        "" if is_known else "Not every package has wheels here; expect to build some.",
    )
    memory = memory_bytes()
    shown = "memory unknown" if memory is None else f"{memory / 2**30:.1f} GiB of memory"
    return [system, Check("resources", Status.INFO, f"{usable_cores()} cores usable, {shown}")]


def memory_bytes() -> int | None:
    """Return the smaller of the machine's memory and the control group's limit; None where unknown."""
    found = []
    meminfo = _read(Path("/proc/meminfo"))
    match = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    if match:
        found.append(int(match[1]) * 1024)
    limit = _read(Path("/sys/fs/cgroup/memory.max")).strip()
    if limit.isdigit():
        found.append(int(limit))
    return min(found, default=None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def check_python() -> Check:
    """Look at the interpreter."""
    low, high = SUPPORTED_PYTHON
    is_supported = low <= sys.version_info[:2] <= high
    return Check(
        "python",
        Status.OK if is_supported else Status.FAIL,
        f"{platform.python_version()} ({sys.executable})",
        "" if is_supported else f"Use Python {low[0]}.{low[1]} to {high[0]}.{high[1]}.",
    )


def check_packages(cfg: Config) -> list[Check]:
    """Compare the installed packages with the floors of the package, for the configured backends."""
    needed = needed_requirements(cfg)
    if not needed:
        return [
            Check("packages", Status.WARN, "focusgen is not installed", "pip install -e . in its folder.")
        ]
    present = dict[str, None]()
    wrong = dict[str, str]()
    for line in needed:
        version, problem = judge_requirement(line)
        if problem:
            wrong[line.partition(";")[0].strip()] = problem
        else:
            present[f"{requirement_name(line)} {version}"] = None
    if wrong:
        return [Check("packages", Status.FAIL, "; ".join(wrong.values()), _install_command(wrong))]
    return [Check("packages", Status.OK, ", ".join(present))]


def needed_requirements(cfg: Config) -> list[str]:
    """Return lines such as "av>=17.1" of what the configured backends need; none if we are not installed."""
    extras = {backend_of(cfg, phase).extra for phase in BUILT_IN} - {""}
    found = ((line, re.search(r"extra == ['\"](\w+)['\"]", line)) for line in _declared())
    return [line for line, extra in found if extra is None or extra[1] in extras]


def _declared() -> list[str]:
    """Return the requirements of all extras, none if we are not installed."""
    try:
        return importlib.metadata.requires("focusgen") or []
    except importlib.metadata.PackageNotFoundError:
        return []


def requirement_name(line: str) -> str:
    """Return the package of a line such as "av>=17.1"."""
    return re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]


def missing_packages(extra: str) -> list[str]:
    """Return the packages of an extra that are not installed at all."""
    lines = [line for line in _declared() if re.search(rf"extra == ['\"]{extra}['\"]", line)]
    problems = [judge_requirement(line)[1] for line in lines]
    return [problem.split()[0] for problem in problems if problem.endswith("missing")]


def judge_requirement(requirement: str) -> tuple[str, str]:
    """Return (installed version, problem) of a line such as "av>=17.1"; no problem is ""."""
    match = re.match(r"([A-Za-z0-9._-]+)\s*(?:\(?>=\s*([0-9.]+))?", requirement)
    assert match is not None, requirement
    name, floor = match[1], match[2] or "0"
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "", f"{name} is missing"
    if release(version) < release(floor):
        return version, f"{name} {version} is older than {floor}"
    return version, ""


def release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, without trailing zeros and local parts: "2.10.0+cpu" gives (2, 10)."""
    match = re.match(r"[0-9.]+", version)
    numbers = [int(part) for part in match[0].split(".") if part] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _install_command(requirements: Iterable[str]) -> str:
    """Return what brings just these packages into the Python that runs here, with a checkout or without."""
    constraints = PACKAGE.parent / "constraints.txt"
    pins = ["-c", str(constraints)] if is_checkout() and constraints.is_file() else []
    return shlex.join([sys.executable, "-m", "pip", "install", *pins, *requirements])


def check_limits() -> list[Check]:
    """Look at the limits of this shell and at the folder for temporary files."""
    return [_check_file_size_limit(), _check_open_files_limit(), _check_tmp()]


def _check_file_size_limit() -> Check:
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit == resource.RLIM_INFINITY:
        return Check("ulimit -f", Status.OK, "files may have any size")
    status = Status.FAIL if limit < MIN_FILE_SIZE_LIMIT else Status.WARN
    return Check(
        "ulimit -f",
        status,
        f"files are limited to {limit / 2**20:.0f} MiB",
        "ulimit -f unlimited; a larger file is reported as a storage failure.",
    )


def _check_open_files_limit() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= MIN_OPEN_FILES:
        return Check("ulimit -n", Status.OK, f"{soft if soft >= 0 else 'any number of'} open files")
    allowed = 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)  # infinity is -1
    return Check("ulimit -n", Status.WARN, f"only {soft} open files", f"ulimit -n {allowed}")


def _check_tmp() -> Check:
    try:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("tmp", Status.FAIL, f"no folder for temporary files: {error}", "Set TMPDIR.")
    if free < MIN_TMP_BYTES:
        return Check(
            "tmp", Status.WARN, f"{folder}: {free / 2**30:.2f} GiB free", "Set TMPDIR to a roomier one."
        )
    return Check("tmp", Status.OK, f"{folder}: {free / 2**30:.0f} GiB free")


def check_cluster(cfg: Config) -> list[Check]:
    """Say whether this is a job, or a machine from which jobs are sent."""
    job = os.environ.get("SLURM_JOB_ID")
    if job:
        where = os.environ.get("SLURM_JOB_PARTITION", "unknown")
        return [Check("slurm", Status.INFO, f"inside job {job}, partition {where}")]
    if shutil.which("sbatch") is None:
        return []
    partitions = ask(["sinfo", "--noheader", "--format=%P %a %G"], timeout_s=20)
    listed = "; ".join(partitions.splitlines()[:12]) if partitions else "none could be listed"
    advice = "" if partitions else "Nothing can be submitted like this; sinfo itself says why."
    checks = [Check("partitions", Status.INFO if partitions else Status.WARN, listed, advice)]
    if backends_that_need_a_gpu(cfg):
        login = Check(
            "login node",
            Status.WARN,
            "sbatch is here and this is no job: probably a login node",
            "Do not start GPU phases here; send them with jobs/*.sh or focusgen submit.",
        )
        return [login, *checks]
    return [Check("login node", Status.INFO, "sbatch is here and this is no job"), *checks]
