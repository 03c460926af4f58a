"""`focusgen doctor`: what stands in the way of a run here, with what to do about it.

Reads the machine, the packages, GPU and driver, weights, output folder and limits. It writes into a folder of
its own below the output folder, which it removes, opens no connection and shows no secret.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from focusgen.base.errors import ExitCode
from focusgen.config import Config
from focusgen.doctor.backends import check_backends, without_broken
from focusgen.doctor.check import Check, Status
from focusgen.doctor.disk import check_output
from focusgen.doctor.gpu import check_gpu
from focusgen.doctor.imports import check_imports
from focusgen.doctor.machine import check_cluster, check_limits, check_machine, check_packages, check_python
from focusgen.doctor.weights import check_weights

LINE_LENGTH = 110
STYLES = {Status.OK: "green", Status.INFO: "cyan", Status.WARN: "yellow", Status.FAIL: "bold red"}


def run_checks(out_root: Path, cfg: Config) -> list[Check]:
    """Return every check, in the order in which a person would mend things.

    Args:
        out_root: folder of the data set; need not exist.
        cfg: decides which packages, weights and devices are needed.
    """
    of_packages = check_backends(cfg)
    cfg = without_broken(cfg)
    return [
        *check_machine(),
        check_python(),
        *check_packages(cfg),
        check_imports(cfg),
        *of_packages,
        *check_gpu(cfg),
        *check_weights(cfg),
        *check_output(out_root, cfg),
        *check_limits(),
        *check_cluster(cfg),
    ]


def exit_code(checks: Sequence[Check]) -> ExitCode:
    """Return USAGE if anything failed: nothing can start here as it is."""
    return ExitCode.USAGE if any(check.status is Status.FAIL for check in checks) else ExitCode.COMPLETE


def render(checks: Sequence[Check]) -> Text:
    """Return the report; `.plain` has it without colour."""
    width = max((len(check.name) for check in checks), default=0)
    text = Text()
    for check in checks:
        margin = " " * (width + 8)
        text.append(f"{check.status.value:<5}", style=STYLES[check.status])
        text.append(f" {check.name:<{width}}  {_wrapped(check.detail, margin)}\n")
        if check.advice:
            text.append(f"{margin}-> {_wrapped(check.advice, margin + '   ')}\n", style="dim")
    counts = {status: sum(check.status is status for check in checks) for status in Status}
    verdict = (
        "nothing stands in the way" if not counts[Status.FAIL] else f"{counts[Status.FAIL]} to mend first"
    )
    text.append(f"{verdict}; {counts[Status.WARN]} warnings, {counts[Status.OK]} in order")
    return text


def _wrapped(words: str, margin: str) -> str:
    lines = textwrap.wrap(words, LINE_LENGTH - len(margin), break_long_words=False, break_on_hyphens=False)
    return f"\n{margin}".join(lines)
