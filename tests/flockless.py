"""A C library that makes flock fail with an errno, to be preloaded: file systems that we do not have here."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = r"""
#include <errno.h>
#include <stdlib.h>
int flock(int descriptor, int operation) {
    (void)descriptor; (void)operation;
    errno = atoi(getenv("FLOCK_ERRNO"));
    return -1;
}
"""


def environment_without_flock(folder: Path, error: str) -> dict[str, str]:
    """Return an environment in which flock fails with the error of that name."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: flock cannot be made to fail")
    library = folder / "noflock.so"
    if not library.exists():
        (folder / "noflock.c").write_text(SOURCE)
        command = [compiler, "-shared", "-fPIC", "-o", str(library), str(folder / "noflock.c")]
        subprocess.run(command, check=True, capture_output=True)
    return {**os.environ, "LD_PRELOAD": str(library), "FLOCK_ERRNO": str(getattr(errno, error))}
