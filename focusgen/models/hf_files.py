"""Which files a model of the Hugging Face hub is made of; nothing is read or loaded here."""

from __future__ import annotations

from pathlib import Path

from focusgen.config import Config

_PATTERNS = ("*.safetensors", "*.bin", "config.json", "preprocessor_config.json")


def model_files(cfg: Config) -> dict[str, Path]:
    """Return {name: file} of everything that the output of `depth.model_id` depends on."""
    return hf_weight_files(cfg.depth.model_id, cfg.depth.model_revision)


def hf_weight_files(model_id: str | None, revision: str | None = None) -> dict[str, Path]:
    """Return {name: file} of everything that a model's output depends on; {} if it is not on this machine.

    Args:
        model_id: a folder, or a hub id whose snapshot may lie in the hub's cache.
        revision: of a hub id.
    """
    folder = model_folder(model_id, revision) if model_id else None
    if folder is None:
        return {}
    return {f"hf/{file.name}": file for pattern in _PATTERNS for file in sorted(folder.glob(pattern))}


def model_folder(model_id: str, revision: str | None = None) -> Path | None:
    """Return where a model lies on this machine, or None."""
    if Path(model_id).is_dir():
        return Path(model_id)
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None
    try:
        found = try_to_load_from_cache(model_id, "config.json", revision=revision)
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None
