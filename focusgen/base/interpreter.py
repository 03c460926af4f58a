"""Start Python so that nothing of the folder where it is started becomes part of it.

`python -m` puts that folder first: a `random.py` or `types.py` there would be taken for Python's own.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

SAFE_PATH_VARIABLE = "PYTHONSAFEPATH"  # read by Python 3.11 and later
PRODUCT_THREADS_VARIABLE = "OPENBLAS_NUM_THREADS"


def module_command(module: str) -> list[str]:
    """Return the words that run a module of ours in a child process."""
    safe = ["-P"] if sys.version_info >= (3, 11) else []
    return [sys.executable, *safe, "-m", module]


def focusgen_command(python: str | None = None) -> list[str]:
    """Return the words that run `focusgen` where SAFE_PATH_VARIABLE is set.

    Args:
        python: program that runs Python there; None for this interpreter, whose console script, which is safe
            by itself, is taken where it is too old for the variable.
    """
    script = Path(sys.executable).with_name("focusgen")
    if python is None and sys.version_info < (3, 11) and os.access(script, os.X_OK):
        return [str(script)]
    return [python or sys.executable, "-m", "focusgen.cli"]


def protect_children() -> None:
    """Keep the working folder out of every Python that this process starts, those of libraries too."""
    os.environ[SAFE_PATH_VARIABLE] = "1"


def keep_to_one_thread() -> None:
    """Let NumPy multiply matrices on one thread, unless somebody said otherwise; before it is imported.

    Its threads wait by spinning, which costs twice the CPU time on a busy node, and sums, so bits, depend on
    how many there are.
    """
    os.environ.setdefault(PRODUCT_THREADS_VARIABLE, "1")


def import_for_good(module: str) -> ModuleType:
    """Import what a process of ours is there for; garbage is not looked for in it, now or at the exit.

    What modules define stays until the end: to look through it took a quarter of a start. Not for a process
    of somebody else's, whose own garbage would stay as well.
    """
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()
