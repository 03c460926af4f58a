"""Where figures are kept: one section per benchmark in RESULTS.md, with the machine that made them."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
PACKAGES = ("focusgen", "numpy")


def write_section(name: str, text: str, path: Path = RESULTS, *, packages: Sequence[str] = ()) -> None:
    """Put a benchmark's text between its marks, and leave everything else as it is.

    Args:
        name: of the marks, `<!-- name -->` and `<!-- /name -->`; a new section goes to the end.
        text: markdown that begins with a heading.
        path: the file of results.
        packages: whose versions matter to the figures, beside focusgen's and numpy's.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    document = path.read_text(encoding="utf-8") if path.exists() else "# Measured\n"
    block = f"{begin}\n{text.strip()}\n\n{measured_on(packages)}\n{end}"
    if begin in document and end in document:
        before, _, rest = document.partition(begin)
        document = before + block + rest.partition(end)[2]
    else:
        document = f"{document.rstrip()}\n\n{block}\n"
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(document, encoding="utf-8")
    draft.replace(path)


def measured_on(packages: Sequence[str] = ()) -> str:
    """Return one line: date, machine, versions."""
    versions = [f"Python {platform.python_version()}"]
    for package in (*PACKAGES, *packages):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    machine = f"{_processor()}, {os.cpu_count()} cores, {platform.machine()}"
    return f"*{time.strftime('%Y-%m-%d')}; {machine}; {', '.join(versions)}.*"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
