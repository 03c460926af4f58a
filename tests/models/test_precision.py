"""Half precision: when, and in which context."""

from __future__ import annotations

import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.config.depth import DepthConfig
from focusgen.models.precision import autocast, choose_precision

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("settings", "device", "expected"),
    [
        ({}, CPU, "fp32"),
        ({}, GPU, "fp16"),
        ({"precision": "fp16"}, CPU, "fp16"),
        ({"precision": "bf16"}, CPU, "bf16"),
        ({"fp32": True, "precision": "bf16"}, GPU, "fp32"),
    ],
)
def test_the_word_of_the_user_goes_before_the_device(settings, device, expected):
    assert choose_precision(DepthConfig(**settings), device) == expected


def test_bf16_is_refused_where_the_gpu_has_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    with pytest.raises(ConfigError, match="this GPU has no bf16"):
        choose_precision(DepthConfig(precision="bf16"), GPU)


def test_fp32_switches_an_outer_context_off():
    a = torch.rand(4, 4)
    with autocast(CPU, "bf16"):
        assert (a @ a).dtype == torch.bfloat16
        with autocast(CPU, "fp32"):
            assert (a @ a).dtype == torch.float32
    with autocast(torch.device("meta"), "fp16"):
        assert (a @ a).dtype == torch.float32
