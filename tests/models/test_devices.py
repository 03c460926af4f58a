"""Which device a network runs on, and what counts as out of memory."""

from __future__ import annotations

import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.models.devices import is_out_of_memory, pick_device


@pytest.mark.parametrize("asked", [None, "auto"])
def test_without_a_word_a_network_takes_the_gpu_or_refuses(monkeypatch, asked):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device(asked, "depth.backend: vda") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="depth.backend: vda needs a GPU, and") as caught:
        pick_device(asked, "depth.backend: vda")
    assert "--device cpu" in caught.value.advice


def test_a_device_that_torch_does_not_know_is_refused_by_name():
    with pytest.raises(ConfigError, match="--device gpu: torch knows no such device"):
        pick_device("gpu", "x")
    assert pick_device("cpu", "x") == torch.device("cpu")
    # torch knows these, and has nothing to compute with there
    for device in ("meta", "vulkan"):
        with pytest.raises(ConfigError, match=f"--device {device}: torch .* cannot compute there"):
            pick_device(device, "x")


def test_a_gpu_that_is_not_there_is_refused_with_the_number_of_those_that_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert pick_device("cuda:1", "x") == torch.device("cuda:1")
    with pytest.raises(ConfigError, match="--device cuda:2: there is no GPU with that number") as caught:
        pick_device("cuda:2", "x")
    assert "GPUs found: 2" in caught.value.advice


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("not enough memory"), False),
    ],
)
def test_a_failed_allocation_is_told_from_other_errors(error, is_memory):
    assert is_out_of_memory(error) is is_memory
