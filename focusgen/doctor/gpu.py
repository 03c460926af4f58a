"""The GPU, its driver, and whether the installed torch was built for them.

torch itself is imported by a child process only: a broken build may take its process along.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from focusgen.base.interpreter import module_command
from focusgen.base.programs import ask
from focusgen.config import Config
from focusgen.doctor.check import Check, Status
from focusgen.doctor.machine import release
from focusgen.models.registry import backends_that_need_a_gpu

# CUDA major version -> the first Linux driver that runs its builds (CUDA's minor version compatibility).
FIRST_DRIVER = {11: (450, 80), 12: (525, 60), 13: (580, 65)}
FIRST_AARCH64_GPU_WHEEL = (2, 11)  # older wheels of the package index are CPU builds there
TORCH = "torch==2.13.0"
"""The build of the package index that constraints.txt pins."""

PROBE_TIMEOUT_S = 180.0  # the first import from a parallel file system is slow


@dataclass(frozen=True)
class Gpu:
    """One GPU as the driver describes it."""

    name: str
    driver: str
    memory_mib: str


@dataclass(frozen=True)
class TorchBuild:
    """What an installed torch was built for, read without importing it."""

    version: str
    cuda: str | None
    is_rocm: bool = False

    @property
    def label(self) -> str:
        """In words, e.g. "torch 2.13.0 for CUDA 13.0"."""
        if self.is_rocm:
            return f"torch {self.version} for ROCm"
        return f"torch {self.version}, " + (f"built for CUDA {self.cuda}" if self.cuda else "a CPU build")


def read_gpus() -> list[Gpu] | Literal["no driver", "broken driver"]:
    """Return the GPUs that nvidia-smi lists."""
    if shutil.which("nvidia-smi") is None:
        return "no driver"
    query = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits"]
    text = ask(["nvidia-smi", *query], timeout_s=20)
    rows = [[part.strip() for part in line.split(",")] for line in (text or "").splitlines()]
    gpus = [Gpu(*row) for row in rows if len(row) == 3]
    return gpus or "broken driver"


def read_torch_build() -> TorchBuild | None:
    """Return the installed build, or None if there is no torch."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return None
    version_file = Path(next(iter(spec.submodule_search_locations))) / "version.py"
    try:
        return parse_torch_version(version_file.read_text(encoding="utf-8"))
    except OSError:
        return TorchBuild(importlib.metadata.version("torch"), None)


def parse_torch_version(text: str) -> TorchBuild:
    """Return the build that a torch/version.py describes."""
    values = dict(re.findall(r"^(\w+)(?:\s*:[^=\n]*)?\s*=\s*['\"]([^'\"]+)['\"]", text, re.MULTILINE))
    return TorchBuild(values.get("__version__", "?"), values.get("cuda"), "hip" in values)


def check_gpu(cfg: Config) -> list[Check]:
    """Compare GPU, driver and torch, then let torch use the GPU once."""
    gpus, build, needed_by = read_gpus(), read_torch_build(), backends_that_need_a_gpu(cfg)
    checks = judge_gpu(gpus, build, needed_by)
    if isinstance(gpus, list) and build is not None and build.cuda and checks[-1].status is Status.OK:
        checks.append(use_the_gpu(needed_by))
    return checks


def judge_gpu(
    gpus: list[Gpu] | Literal["no driver", "broken driver"],
    build: TorchBuild | None,
    needed_by: list[str],
    architecture: str | None = None,
) -> list[Check]:
    """Return what the facts mean together.

    Args:
        gpus: as `read_gpus` says.
        build: as `read_torch_build` says.
        needed_by: the configured backends that want a GPU; a fault is a failure only if there are any.
        architecture: of this machine by default.
    """
    fault = Status.FAIL if needed_by else Status.WARN
    if build is None:
        driver = gpus[0].driver if isinstance(gpus, list) else ""
        return [Check("torch", Status.FAIL, "torch is not installed", _how_to_get_torch(driver))]
    if gpus == "broken driver":
        detail = "nvidia-smi is here but lists no GPU"
        return [
            Check("gpu", fault, detail, "Ask for a GPU in the job (--gpus=1), or have the driver looked at.")
        ]
    if gpus == "no driver":
        return [_without_gpu(needed_by), Check("torch", Status.OK, build.label)]
    assert isinstance(gpus, list)
    names = ", ".join(sorted({f"{gpu.name} ({gpu.memory_mib} MiB)" for gpu in gpus}))
    found = Check("gpu", Status.OK, f"{len(gpus)} x {names}, driver {gpus[0].driver}")
    if build.cuda is None and not build.is_rocm:
        advice = _advice_for_cpu_build(build, architecture or platform.machine(), gpus[0].driver)
        return [found, Check("torch", fault, f"{build.label} on a machine with a GPU", advice)]
    return [found, _judge_driver(gpus[0].driver, build, fault)]


def _without_gpu(needed_by: list[str]) -> Check:
    if not needed_by:
        return Check("gpu", Status.INFO, "no NVIDIA driver; the configured backends need none")
    detail = f"no NVIDIA driver, but {', '.join(needed_by)} wants a GPU"
    return Check(
        "gpu", Status.WARN, detail, "Run those phases on a GPU node, or say --device cpu and be patient."
    )


def _how_to_get_torch(driver: str, *, is_there: bool = False) -> str:
    """Return the command that installs a build for a driver, "" for none, as scripts/00_setup_env.sh does."""
    # pip keeps a build of the same version, whatever it was built for.
    install = "pip uninstall -y torch && pip install" if is_there else "pip install"
    if not driver:
        return f"{install} {TORCH} (smaller: --index-url https://download.pytorch.org/whl/cpu)"
    if release(driver) >= FIRST_DRIVER[13]:
        return f"{install} {TORCH}"
    if release(driver) >= FIRST_DRIVER[12]:
        return f"{install} 'torch>=2.10' --index-url https://download.pytorch.org/whl/cu126"
    first = ".".join(map(str, FIRST_DRIVER[12]))
    return f"No supported torch runs on driver {driver}: it needs {first} or newer. Have it updated."


def _advice_for_cpu_build(build: TorchBuild, architecture: str, driver: str) -> str:
    if architecture == "aarch64" and release(build.version) < FIRST_AARCH64_GPU_WHEEL:
        return (
            "On aarch64 the wheels up to torch 2.10 are CPU builds. With driver 580 or newer: pip install "
            "'torch>=2.11'. Else take conda-forge's build: scripts/00_setup_env.sh --road conda"
        )
    return f"Install a CUDA build: {_how_to_get_torch(driver, is_there=True)}"


def _judge_driver(driver: str, build: TorchBuild, fault: Status) -> Check:
    major = release(build.cuda or "")[:1]
    first = FIRST_DRIVER.get(major[0]) if major else None
    if first is None or release(driver) >= first:
        return Check("torch", Status.OK, f"{build.label}, fits driver {driver}")
    return Check(
        "torch",
        fault,
        f"{build.label} needs driver {first[0]}.{first[1]} or newer; here is {driver}",
        f"Take a build for an older CUDA, or a newer driver. {_how_to_get_torch(driver, is_there=True)}",
    )


def use_the_gpu(needed_by: list[str]) -> Check:
    """Let a child process multiply on the GPU and compare with the CPU."""
    command = module_command("focusgen.models.gpu_check")
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=PROBE_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        done = subprocess.CompletedProcess(command, 1, "", f"no answer within {PROBE_TIMEOUT_S:.0f} s")
    if done.returncode == 0:
        return Check("gpu test", Status.OK, done.stdout.strip().replace("\n", "; "))
    fault = Status.FAIL if needed_by else Status.WARN
    last = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]
    return Check("gpu test", fault, last, "Run python -m focusgen.models.gpu_check for the whole message.")
