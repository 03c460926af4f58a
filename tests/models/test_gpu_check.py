"""The check that ends a set-up: it believes no device that multiplies wrongly, and says why there is none."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest
import torch

from focusgen.models import gpu_check
from focusgen.models.gpu_check import MAX_RELATIVE_ERROR, main, problem_with, relative_error_of_bf16_matmul


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(gpu_check, "SIDE", 32)


def test_a_cpu_agrees_with_itself_up_to_rounding(capsys):
    assert 0 < relative_error_of_bf16_matmul("cpu") < 0.005
    assert main(["--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "agrees with float64" in out and f"torch {torch.__version__}" in out


@pytest.mark.parametrize("error", [MAX_RELATIVE_ERROR, 1.0, float("nan"), float("inf")])
def test_a_device_that_multiplies_wrongly_is_refused_also_where_it_says_no_number(monkeypatch, capsys, error):
    monkeypatch.setattr(gpu_check, "relative_error_of_bf16_matmul", lambda device: error)
    assert main(["--device", "cpu"]) == 2
    assert "a bf16 product is wrong" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cuda", "hip", "said"),
    [
        (None, None, "was built for the CPU only"),
        ("12.8", None, "finds no usable GPU"),
        (None, "6.0", "finds no usable"),
    ],
)
def test_without_a_gpu_the_reason_is_the_build_or_the_driver(monkeypatch, capsys, cuda, hip, said):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", hip)
    assert main([]) == 2 and said in capsys.readouterr().err
    assert problem_with("cpu") is None


def test_a_gpu_is_named_with_its_memory_and_driver(monkeypatch):
    card = SimpleNamespace(name="A card", major=9, minor=0, total_memory=80 << 30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    monkeypatch.setattr(gpu_check.subprocess, "run", lambda *a, **k: SimpleNamespace(stdout="570.1\n570.1\n"))
    assert gpu_check.describe_gpu()[0] == "A card, capability 9.0, 80 GiB, driver 570.1"


@pytest.mark.parametrize("error", [FileNotFoundError(), subprocess.TimeoutExpired("x", 20), None])
def test_a_driver_that_cannot_be_asked_is_unknown(monkeypatch, error):
    def run(*_: object, **__: object) -> SimpleNamespace:
        if error is not None:
            raise error
        return SimpleNamespace(stdout="")

    monkeypatch.setattr(gpu_check.subprocess, "run", run)
    assert gpu_check._driver_version() == "unknown"
