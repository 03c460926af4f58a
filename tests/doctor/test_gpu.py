"""What the child that uses the GPU says becomes a check; a failure is one only where a GPU is needed."""

from __future__ import annotations

import pytest

from focusgen.doctor import gpu
from focusgen.doctor.check import Status
from focusgen.doctor.gpu import use_the_gpu


@pytest.mark.parametrize(
    ("script", "needed_by", "status", "detail"),
    [
        ("echo one; echo two", ["vda"], Status.OK, "one; two"),
        ("echo some words >&2; echo 'no kernel image' >&2; exit 1", ["vda"], Status.FAIL, "no kernel image"),
        ("echo said aloud; exit 3", [], Status.WARN, "said aloud"),
        ("exit 7", [], Status.WARN, "exit status 7"),
        ("exec sleep 9", ["vda"], Status.FAIL, "no answer within 0 s"),
    ],
)
def test_the_child_s_end_is_told(script, needed_by, status, detail, monkeypatch):
    monkeypatch.setattr(gpu, "module_command", lambda module: ["sh", "-c", script])
    monkeypatch.setattr(gpu, "PROBE_TIMEOUT_S", 0.1 if "sleep" in script else 20.0)
    check = use_the_gpu(needed_by)
    assert (check.status, check.detail) == (status, detail)
    assert ("python -m focusgen.models.gpu_check" in check.advice) is (status is not Status.OK)


def test_a_driver_that_lists_nothing_is_none_that_is_missing(monkeypatch):
    monkeypatch.setattr(gpu.shutil, "which", lambda name: None)
    assert gpu.read_gpus() == "no driver"
    monkeypatch.setattr(gpu.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    for said in (None, "", "No devices were found", "a, b"):
        monkeypatch.setattr(gpu, "ask", lambda command, timeout_s, said=said: said)
        assert gpu.read_gpus() == "broken driver", said
