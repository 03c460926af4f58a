"""Networks made from their design: published weights from a folder or the hub, or tiny ones from a seed."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3.access import require_libraries
from focusgen.focal.sd3.base import load_base
from focusgen.focal.sd3.codec import Codec, PatchCodec
from focusgen.focal.sd3.design import TRANSFORMERS, Design
from focusgen.focal.sd3.lora import add_lora
from focusgen.focal.sd3.network import FocalSd3
from focusgen.focal.sd3.parts import Scheduler
from focusgen.focal.sd3.prompt import prompt_command
from focusgen.models.checkpoints import read_tensors

SHIFT = 3.0
NEW_IN_TRUNK = ("pos_embed.proj.", "proj_out.")


def build(design: Design, dtype: torch.dtype = torch.float32) -> FocalSd3:
    """Return an untrained network; the same for the same seed.

    Raises:
        ConfigError: published weights are missing, or do not fit.
    """
    design = design.checked()
    require_libraries()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(design.seed)
        net = FocalSd3(*_parts(design, dtype), design)
    _start_context(net, design)
    choose_trained(net, design)
    return net


def build_shapes(design: Design) -> FocalSd3:
    """Return a network of the preset's sizes without numbers (meta device): to count, not to run."""
    require_libraries()
    with torch.device("meta"):
        net = FocalSd3(_new_transformer(design), PatchCodec(), _new_scheduler(), design)
        choose_trained(net, design)
    return net


def choose_trained(net: FocalSd3, design: Design) -> None:
    """Decide what learns: all, an adapter and what is new, or what is new alone."""
    if design.trains == "lora":
        add_lora(net.trunk, design.lora_rank, design.lora_alpha, seed=design.seed)
    for name, parameter in net.trunk.named_parameters():
        is_new = name.startswith(NEW_IN_TRUNK) or ".lora_" in name
        parameter.requires_grad_(is_new or design.trains == "full")


def check_prompt(design: Design) -> None:
    """Refuse a design whose empty prompt was not embedded.

    Raises:
        ConfigError: says the command that does it.
    """
    if design.prompt_embedding is not None and not Path(design.prompt_embedding).is_file():
        raise ConfigError(
            f"{design.prompt_embedding}: no such file (model.prompt_embedding)", _prompt_advice(design)
        )


def _prompt_advice(design: Design) -> str:
    return f"Make it: {prompt_command(design.prompt_preset)}; or leave model.prompt_embedding out."


def n_parameters(net: nn.Module, *, trained_only: bool = False) -> int:
    """Return how many numbers a network has."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad or not trained_only)


def _parts(design: Design, dtype: torch.dtype) -> tuple[nn.Module, Codec, Scheduler]:
    if design.source is None:
        # Not diffusers' own to(): it warns of modules to be kept in float32, of which this kind has none.
        transformer = nn.Module.to(_new_transformer(design), dtype)
        return transformer, PatchCodec(), _new_scheduler()
    base = load_base(design.source, dtype)
    return base.transformer, base.codec, base.scheduler


def _new_transformer(design: Design) -> nn.Module:
    kind: Any = importlib.import_module("diffusers").SD3Transformer2DModel
    transformer: nn.Module = kind(**TRANSFORMERS[design.preset])
    return transformer


def _new_scheduler() -> Scheduler:
    kind: Any = importlib.import_module("diffusers").FlowMatchEulerDiscreteScheduler
    return cast(Scheduler, kind(num_train_timesteps=1000, shift=SHIFT))


@torch.no_grad()
def _start_context(net: FocalSd3, design: Design) -> None:
    """Let the learned context begin as the empty prompt, if its embedding is given; else as nothing."""
    if design.prompt_embedding is None:
        return
    path, again = Path(design.prompt_embedding), _prompt_advice(design)
    check_prompt(design)
    tensors = read_tensors(path)
    for name, parameter in (("embeds", net.context), ("pooled", net.pooled)):
        found = tensors.get(name)
        if found is None or found.shape[-1] != parameter.shape[-1]:
            shape = "missing" if found is None else f"of {found.shape[-1]} numbers"
            raise ConfigError(f"{path}: {name} is {shape}; the model reads {parameter.shape[-1]}", again)
        shown = found.reshape(1, -1, found.shape[-1])
        if name == "embeds" and shown.shape[1] < parameter.shape[1]:
            raise ConfigError(
                f"{path}: embeds has {shown.shape[1]} tokens, model.n_context is {parameter.shape[1]}",
                f"Set model.n_context to {shown.shape[1]} or less.",
            )
        parameter.copy_(shown[:, : parameter.shape[1]] if name == "embeds" else shown[:, 0])
