"""Packages that are there and cannot be imported are named, whatever an import does to its process."""

from __future__ import annotations

import importlib.util

import pytest

from focusgen import config
from focusgen.doctor import import_probe, imports
from focusgen.doctor.check import Status
from focusgen.doctor.imports import check_imports, module_of
from focusgen.doctor.machine import needed_requirements, requirement_name

TRY, BAD = f"echo {import_probe.TRY}", f"echo {import_probe.BAD}"


def test_every_package_of_ours_is_known_by_its_module():
    everything = {"deblur.backend": "deblurnet", "depth.backend": "vda", "render.backend": "bokehnet"}
    names = [requirement_name(line) for line in needed_requirements(config.load(None, everything))]
    assert {"av", "opencv-python-headless", "diffusers"} <= set(names)
    assert [name for name in names if importlib.util.find_spec(module_of(name)) is None] == []


@pytest.mark.parametrize(
    ("script", "status", "said", "again"),
    [
        (f"{TRY} av; {TRY} yaml", Status.OK, "packages can be imported", ""),
        (
            f"{TRY} cv2; {BAD} cv2 libGL.so.1: no such file; {TRY} av",
            Status.FAIL,
            "cv2: libGL.so.1: no such file",
            "--no-deps opencv-python-headless, or",
        ),
        (
            f"{TRY} numpy; echo some chatter; {TRY} av; kill -9 $$",
            Status.FAIL,
            "av: ends its process (exit status -9)",
            "--no-deps av, or",
        ),
    ],
)
def test_what_the_child_says_or_dies_of_is_told(monkeypatch, script, status, said, again):
    monkeypatch.setattr(imports, "module_command", lambda module: ["sh", "-c", script])
    check = check_imports(config.load())
    assert (check.status, said in check.detail, again in check.advice) == (status, True, True)


@pytest.mark.slow
def test_all_can_be_imported_here():
    assert check_imports(config.load()).status is Status.OK
