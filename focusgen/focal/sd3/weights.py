"""Checkpoints of a focal Stable Diffusion: what was trained, with all that is needed to use it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from focusgen import __version__
from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.files import publish_pieces
from focusgen.base.names import display
from focusgen.focal.sd3.build import build
from focusgen.focal.sd3.design import Design
from focusgen.focal.sd3.lora import merge_lora
from focusgen.focal.sd3.network import FocalSd3
from focusgen.models.checkpoints import safetensors_pieces

WEIGHTS_FILE = "focal_sd3.safetensors"
FORMAT = "focusgen focal sd3 1"


def trained_state(net: FocalSd3) -> dict[str, Tensor]:
    """Return what was trained; the rest comes from the published weights or from the seed."""
    return {name: value.detach() for name, value in net.named_parameters() if value.requires_grad}


def save_weights(path: Path, state: Mapping[str, Tensor], design: Design, notes: Mapping[str, str]) -> None:
    """Write a checkpoint; the one before stays until this one is whole.

    Raises:
        StorageError: the disk refused.
    """
    about = {"format": FORMAT, "design": design.model_dump_json(), "focusgen": __version__, **notes}
    publish_pieces(path, safetensors_pieces(state, about))


def load_network(path: Path, base_model: str | None = None, *, merges: bool = True) -> FocalSd3:
    """Return the network of a checkpoint, ready to be asked.

    Args:
        path: what `save_weights` wrote.
        base_model: folder or hub id of the published weights, where it is not the one of training.
        merges: whether a LoRA is added to the weights that it changes.

    Raises:
        ConfigError: no such file, or the published weights are missing.
        CorruptInputError: it is no such checkpoint; names it.
    """
    if not path.is_file():
        raise ConfigError(
            f"{display(str(path))}: no such checkpoint",
            "focusgen focal train --config configs/focal/sd3_tiny.yaml makes one.",
        )
    about, tensors = _read(path)
    design = _design(about, path)
    if base_model is not None:
        design = design.model_copy(update={"base_model": base_model})
    net = build(design)
    own = {name: value for name, value in net.named_parameters() if value.requires_grad}
    wrong = sorted(own.keys() ^ tensors.keys()) or [n for n, v in own.items() if v.shape != tensors[n].shape]
    if wrong:
        raise CorruptInputError(
            f"{display(str(path))}: does not fit {design.source or design.preset}: {len(wrong)} keys, "
            f"e.g. {wrong[0]}",
            "Give the model that it was trained on as --base-model.",
        )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(tensors[name])
    if merges and design.trains == "lora":
        merge_lora(net.trunk)
    return net.eval().requires_grad_(False)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(str(path), "pt") as file:
            about: dict[str, str] = file.metadata() or {}
            return about, {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise CorruptInputError(
            f"{display(str(path))}: cannot be read: {error}",
            f"Give the {WEIGHTS_FILE} that focal train writes at its end, not what it goes on from (.pt).",
        ) from error


def _design(about: Mapping[str, str], path: Path) -> Design:
    if about.get("format") != FORMAT:
        raise CorruptInputError(
            f"{display(str(path))}: format {about.get('format')!r}, not {FORMAT!r}",
            "Give a checkpoint that focal train wrote, with model.kind: sd3.",
        )
    try:
        return Design.model_validate_json(about["design"])
    except (ValidationError, KeyError) as error:
        raise CorruptInputError(f"{display(str(path))}: its design cannot be read: {error}") from error
