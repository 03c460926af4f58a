"""Which files a FLUX net is made of; nothing is read here, and torch is not imported."""

from __future__ import annotations

import hashlib
from pathlib import Path

from focusgen.config import DeblurConfig, RenderConfig

PARTS = ("transformer", "vae", "scheduler")
"""Folders of FLUX.1-dev that pictures depend on; the text encoders' share is the prompt file."""


def prompt_file(folder: Path, prompt: str) -> Path:
    """Return where a prompt's embedding lies."""
    return folder / f"prompt_{hashlib.sha256(prompt.encode()).hexdigest()[:16]}.safetensors"


def flux_weight_files(cfg: DeblurConfig | RenderConfig) -> dict[str, Path]:
    """Return {name: file} of everything that a net's pictures depend on: LoRA, prompt, and the model's parts.

    The model's are left out while they are not on this machine; loading says so.
    """
    return {
        "flux/lora": cfg.lora_path / cfg.lora_weight,
        "flux/prompt": prompt_file(cfg.prompt_cache, cfg.prompt),
        **model_files(cfg.model_id),
    }


def model_files(model_id: str) -> dict[str, Path]:
    """Return {name: file} of transformer, VAE and schedule; {} if they are not here yet.

    Args:
        model_id: a folder, or a hub id whose snapshot may lie in the hub's cache.
    """
    folder = model_folder(model_id)
    if folder is None:
        return {}
    found = sorted(
        file
        for part in PARTS
        for pattern in ("*.safetensors", "*.json")
        for file in (folder / part).glob(pattern)
    )
    return {f"flux/{file.parent.name}/{file.name}": file for file in found}


def model_folder(model_id: str) -> Path | None:
    """Return where a model lies on this machine, or None."""
    if Path(model_id).is_dir():
        return Path(model_id)
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None
    try:
        found = try_to_load_from_cache(model_id, "transformer/config.json")
    except HFValidationError:
        return None
    return Path(found).parent.parent if isinstance(found, str) else None
