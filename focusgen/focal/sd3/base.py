"""Stable Diffusion 3.5 from the official folder or the hub: transformer, autoencoder and schedule.

Text encoders are never loaded: the context is learned, and starts from the empty prompt's stored embedding.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import nn

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3.access import LAYOUT_ADVICE, explain_access, require_libraries
from focusgen.focal.sd3.codec import VaeCodec
from focusgen.focal.sd3.parts import Scheduler, config_of
from focusgen.models.checkpoints import check_file_finite
from focusgen.models.flux.files import model_folder, part_weights
from focusgen.models.flux.loading import dtype_argument

KINDS = {
    "transformer": "SD3Transformer2DModel",
    "vae": "AutoencoderKL",
    "scheduler": "FlowMatchEulerDiscreteScheduler",
}
CONFIG_FILES = {part: "config.json" for part in KINDS} | {"scheduler": "scheduler_config.json"}


class BaseModel(NamedTuple):
    """The published model, as far as we use it."""

    transformer: nn.Module
    codec: VaeCodec
    scheduler: Scheduler


def load_base(source: str, dtype: torch.dtype = torch.float32) -> BaseModel:
    """Return the model of a folder or of the hub.

    Args:
        source: folder in the official layout, or hub id.
        dtype: of transformer and autoencoder.

    Raises:
        ConfigError: no access, not the layout, another model, or a weight is missing or no number.
    """
    require_libraries()
    with explain_access(source):
        here = model_folder(source)
        if here is not None:
            _check_layout(here)
        found = str(here or source)
        scheduler = _part("scheduler").from_pretrained(found, subfolder="scheduler")
        vae = _read("vae", found, dtype)
        transformer = _read("transformer", found, dtype)
    for part in ("transformer", "vae"):
        for file in part_weights(source, part):
            check_file_finite(file)
    return BaseModel(transformer, codec_of(vae, config_of(transformer)["in_channels"], source), scheduler)


def check_source(source: str) -> None:
    """Refuse what is neither a hub id nor a folder in the official layout; the hub is not asked.

    Raises:
        ConfigError: names what is missing.
    """
    with explain_access(source):
        if Path(source).is_dir():
            _check_layout(Path(source))


def codec_of(vae: nn.Module, n_channels: int, source: str) -> VaeCodec:
    """Return the codec of an autoencoder.

    Raises:
        ConfigError: it is not that of Stable Diffusion 3: no shift, or other latents.
    """
    config = config_of(vae)
    if config.get("shift_factor") is None or config.get("scaling_factor") is None:
        raise ConfigError(f"{source}/vae: no shift_factor and scaling_factor in config.json", LAYOUT_ADVICE)
    if config["latent_channels"] != n_channels:
        raise ConfigError(
            f"{source}: vae has {config['latent_channels']} latent channels, the transformer {n_channels}",
            "Give a model whose parts belong together.",
        )
    return VaeCodec(cast(Any, vae), 2 ** (len(config["block_out_channels"]) - 1), n_channels)


def _check_layout(folder: Path) -> None:
    for part, wanted in KINDS.items():
        file = folder / part / CONFIG_FILES[part]
        if not file.is_file():
            raise ConfigError(f"{file}: no such file", LAYOUT_ADVICE)
        try:
            kind = json.loads(file.read_text(encoding="utf-8")).get("_class_name")
        except (OSError, ValueError, AttributeError) as error:
            raise ConfigError(f"{file}: cannot be read: {error}", LAYOUT_ADVICE) from error
        if kind != wanted:
            raise ConfigError(
                f"{file}: describes a {kind}; Stable Diffusion 3.5 has a {wanted}", LAYOUT_ADVICE
            )


def _part(part: str) -> Any:
    return getattr(importlib.import_module("diffusers"), KINDS[part])


def _read(part: str, source: str, dtype: torch.dtype) -> nn.Module:
    """Return a model with all of its weights, and nothing unpickled; diffusers would only warn."""
    try:
        model, found = _part(part).from_pretrained(
            source, subfolder=part, use_safetensors=True, output_loading_info=True, **dtype_argument(dtype)
        )
    except ValueError as error:
        raise ConfigError(f"{source}/{part}: {error}", LAYOUT_ADVICE) from error
    if found["missing_keys"]:
        missing = sorted(found["missing_keys"])
        raise ConfigError(
            f"{source}/{part}: {len(missing)} weights are missing, e.g. {missing[0]}",
            "Fetch the model again.",
        )
    loaded: nn.Module = model.requires_grad_(False).eval()
    return loaded
