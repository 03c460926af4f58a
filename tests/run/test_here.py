"""Phases on this machine end with the worst exit status, and a login node is told apart from a job."""

from __future__ import annotations

from typing import Any

import pytest

from focusgen import config
from focusgen.base.errors import ExitCode
from focusgen.run import here
from focusgen.run.here import run_phases, warn_on_login_node


class Phases:
    """Phases that end as they are told to, without doing anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **codes: ExitCode) -> None:
        self.codes, self.ran, self.asked = codes, [], []
        monkeypatch.setattr(here, "ask_first", lambda cfg, phases, selection: self.asked.append(phases))
        monkeypatch.setattr(here, "run_phase", self.run)

    def run(self, cfg: Any, phase: str, *_: Any) -> ExitCode:
        self.ran.append(phase)
        return self.codes.get(phase, ExitCode.COMPLETE)


@pytest.mark.parametrize(
    ("codes", "worst"),
    [
        ({}, ExitCode.COMPLETE),
        ({"deblur": ExitCode.INCOMPLETE}, ExitCode.INCOMPLETE),
        ({"deblur": ExitCode.INCOMPLETE, "render": ExitCode.NOT_APPROVED}, ExitCode.NOT_APPROVED),
        ({"deblur": ExitCode.NOT_APPROVED, "render": ExitCode.INCOMPLETE}, ExitCode.NOT_APPROVED),
    ],
)
def test_all_phases_are_run_in_order_and_the_worst_end_counts(monkeypatch, codes, worst):
    phases = Phases(monkeypatch, **codes)
    asked = ("deblur", "depth", "render")
    assert run_phases(config.load(None), asked, None) == worst
    assert phases.ran == list(asked) and phases.asked == [asked]


@pytest.mark.parametrize(
    ("backend", "has_sbatch", "job", "warns"),
    [
        ("vda", True, None, True),
        ("vda", True, "77", False),
        ("vda", False, None, False),
        ("provided", True, None, False),
    ],
)
def test_a_network_on_a_login_node_is_warned_of(monkeypatch, capsys, backend, has_sbatch, job, warns):
    monkeypatch.setattr(here.shutil, "which", lambda name: "/usr/bin/sbatch" if has_sbatch else None)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    if job:
        monkeypatch.setenv("SLURM_JOB_ID", job)
    warn_on_login_node(config.load(None, {"depth.backend": backend}), ("depth", "validate"))
    said = capsys.readouterr()
    assert ("login node" in said.err) is warns and said.out == ""
