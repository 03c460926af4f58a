"""Low-rank adapters of the transformer's attention, by peft: added, loaded, taken out and merged."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from focusgen.base.errors import ConfigError

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


def load_lora(transformer: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Put an adapter's weights into a transformer that has one.

    Raises:
        ConfigError: a weight is missing, left over, or of another shape; names it and the source.
    """
    own = {
        key.replace(f".{NAME}.", "."): value
        for key, value in transformer.named_parameters()
        if ".lora_" in key
    }
    wrong = sorted(own.keys() ^ state.keys()) or [
        key for key, value in own.items() if value.shape != state[key].shape
    ]
    if wrong:
        raise ConfigError(
            f"{source}: not the LoRA of this model: {len(wrong)} keys differ, e.g. {wrong[0]}",
            "Rank and modules must be those that it was trained with.",
        )
    with torch.no_grad():
        for key, value in own.items():
            value.copy_(state[key])


def merge_lora(transformer: nn.Module) -> None:
    """Add the adapter to the weights that it changes, and take it out: the same answers, no extra cost."""
    model = cast(Any, transformer)
    model.fuse_lora(adapter_names=[NAME])
    model.unload_lora()
