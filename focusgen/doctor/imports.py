"""Whether packages that are installed can be imported: a library of the system may be missing, or not fit.

An import may take its process along, so that a child does them all.
"""

from __future__ import annotations

import importlib.metadata
import shlex
import subprocess
import sys
from collections.abc import Iterable

from focusgen.base.interpreter import module_command
from focusgen.config import Config
from focusgen.doctor.check import Check, Status
from focusgen.doctor.import_probe import BAD, TRY
from focusgen.doctor.machine import needed_requirements, requirement_name

PROBE_TIMEOUT_S = 300.0  # the first imports from a parallel file system are slow
_CALLED_OTHERWISE = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "protobuf": "google.protobuf",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
}


def module_of(package: str) -> str:
    """Return the module that a package of ours is imported as."""
    return _CALLED_OTHERWISE.get(package, package.replace("-", "_"))


def check_imports(cfg: Config) -> Check:
    """Import the packages that are there, those that the configured backends need."""
    packages = {
        name: module_of(name)
        for name in dict.fromkeys(requirement_name(line) for line in needed_requirements(cfg))
        if _is_installed(name)
    }
    broken = _broken_among(packages.values())
    if not broken:
        return Check("imports", Status.OK, f"all {len(packages)} packages can be imported")
    wrong = [name for name, module in packages.items() if module in broken]
    again = shlex.join([sys.executable, "-m", "pip", "install", "--force-reinstall", "--no-deps", *wrong])
    detail = "; ".join(f"{module}: {reason}" for module, reason in broken.items())
    return Check(
        "imports", Status.FAIL, detail, f"{again}, or install the library of the system that it names."
    )


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _broken_among(modules: Iterable[str]) -> dict[str, str]:
    """Return {module: why} of those that cannot be imported; what kills the child is tried no further."""
    command = [*module_command("focusgen.doctor.import_probe"), *modules]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=PROBE_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return {"packages": f"not imported within {PROBE_TIMEOUT_S:.0f} s"}
    words = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    broken = {line[1]: line[2] for line in words if len(line) == 3 and line[0] == BAD}
    tried = [line[1] for line in words if len(line) == 2 and line[0] == TRY]
    if done.returncode:
        broken[tried[-1] if tried else "python"] = f"ends its process (exit status {done.returncode})"
    return broken
