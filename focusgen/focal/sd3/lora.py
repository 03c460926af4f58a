"""Low-rank adapters of the transformer's attention, by peft: added, and merged."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn

TARGETS = ("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0")
NAME = "focal"


def add_lora(
    transformer: nn.Module, rank: int, alpha: float, targets: Sequence[str] = TARGETS, seed: int = 0
) -> None:
    """Put an untrained adapter into a transformer: it changes nothing yet (its B is zero)."""
    peft: Any = importlib.import_module("peft")
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        cast(Any, transformer).add_adapter(config, NAME)


def merge_lora(transformer: nn.Module) -> None:
    """Add the adapter to the weights that it changes, and take it out: the same answers, no extra cost."""
    model = cast(Any, transformer)
    model.fuse_lora(adapter_names=[NAME])
    model.unload_lora()
