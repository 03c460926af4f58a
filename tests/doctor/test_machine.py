"""Versions are numbers, requirements have floors, and limits are told with the way to lift them."""

from __future__ import annotations

import importlib.metadata
import resource
from pathlib import Path

import pytest

from focusgen.doctor import machine
from focusgen.doctor.check import Status
from focusgen.doctor.machine import (
    _check_open_files_limit,
    _check_tmp,
    check_python,
    judge_requirement,
    memory_bytes,
    missing_packages,
    release,
)


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("2.10.0", (2, 10)),
        ("2.10.0+cpu", (2, 10)),
        ("2.9", (2, 9)),
        ("1.0.0rc1", (1,)),
        ("580.65.06", (580, 65, 6)),
        ("", ()),
        ("unknown", ()),
        ("0", ()),
        ("2..1", (2, 1)),
    ],
)
def test_a_version_is_its_numbers(version, numbers):
    assert release(version) == numbers


INSTALLED = {"av": "17.1.0", "numpy": "1.26.4", "my.pkg-x_y": "0.9"}


@pytest.fixture
def _installed(monkeypatch):
    def version(name: str) -> str:
        if name not in INSTALLED:
            raise importlib.metadata.PackageNotFoundError(name)
        return INSTALLED[name]

    monkeypatch.setattr(machine.importlib.metadata, "version", version)


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("line", "version", "problem"),
    [
        ("av>=17.1", "17.1.0", ""),
        ("av>=17.2", "17.1.0", "av 17.1.0 is older than 17.2"),
        ("av (>=17.1)", "17.1.0", ""),
        ("av", "17.1.0", ""),
        ("numpy>=1.24,<3", "1.26.4", ""),
        ("torch>=2.1", "", "torch is missing"),
        ('my.pkg-x_y>=1; extra == "gpu"', "0.9", "my.pkg-x_y 0.9 is older than 1"),
    ],
)
def test_a_requirement_is_judged_by_its_floor(line, version, problem):
    assert judge_requirement(line) == (version, problem)


@pytest.mark.usefixtures("_installed")
def test_only_what_is_not_there_at_all_is_missing(monkeypatch):
    lines = ['torch>=2; extra == "gpu"', 'av>=99; extra == "gpu"', 'scipy>=1; extra == "other"', "yaml>=1"]
    monkeypatch.setattr(machine.importlib.metadata, "requires", lambda name: lines)
    assert missing_packages("gpu") == ["torch"]
    assert missing_packages("none") == []


@pytest.mark.parametrize(
    ("meminfo", "limit", "answer"),
    [
        ("MemTotal:       1024 kB\n", "max\n", 1 << 20),
        ("MemTotal:       1024 kB\n", "4096\n", 4096),
        ("MemTotal:       1024 kB\n", str(1 << 40), 1 << 20),
        ("", "4096", 4096),
        ("", "", None),
        ("SwapTotal: 5 kB\n", "", None),
    ],
)
def test_memory_is_what_this_job_may_use(monkeypatch, meminfo, limit, answer):
    texts = {"/proc/meminfo": meminfo, "/sys/fs/cgroup/memory.max": limit}
    monkeypatch.setattr(machine, "_read", lambda path: texts[str(path)])
    assert memory_bytes() == answer


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 9), Status.FAIL), ((3, 10), Status.OK), ((3, 13), Status.OK), ((3, 14), Status.FAIL)],
)
def test_a_python_that_is_not_supported_fails(monkeypatch, version, status):
    monkeypatch.setattr(machine.sys, "version_info", (*version, 0))
    found = check_python()
    assert found.status is status and bool(found.advice) is (status is Status.FAIL)


@pytest.mark.parametrize(
    ("soft", "hard", "status", "advice"),
    [
        (256, 4096, Status.OK, ""),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, Status.OK, ""),
        (255, 1000, Status.WARN, "ulimit -n 1000"),
        (100, 1 << 20, Status.WARN, "ulimit -n 4096"),
    ],
)
def test_too_few_open_files_are_warned_of_with_a_number_that_may_be_said(
    monkeypatch, soft, hard, status, advice
):
    monkeypatch.setattr(machine.resource, "getrlimit", lambda what: (soft, hard))
    found = _check_open_files_limit()
    assert (found.status, found.advice) == (status, advice)


def test_a_hard_limit_without_an_end_is_no_number_to_say(monkeypatch):
    monkeypatch.setattr(machine.resource, "getrlimit", lambda what: (64, resource.RLIM_INFINITY))
    assert _check_open_files_limit().advice == "ulimit -n 4096"


def test_a_full_folder_for_temporary_files_is_told(monkeypatch, tmp_path: Path):
    class Usage:
        free = 5 << 20

    monkeypatch.setattr(machine.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: Usage)
    found = _check_tmp()
    assert found.status is Status.WARN and str(tmp_path) in found.detail and "TMPDIR" in found.advice

    def gone(folder: str) -> None:
        raise FileNotFoundError(2, "No such file or directory", folder)

    monkeypatch.setattr(machine.shutil, "disk_usage", gone)
    assert _check_tmp().status is Status.FAIL
