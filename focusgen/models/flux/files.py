"""Which files a FLUX net is made of; nothing is read here, and torch is not imported."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from pathlib import Path

from focusgen.config import Config
from focusgen.config.flux import FluxSection

PARTS = ("transformer", "vae", "scheduler")
"""Folders of FLUX.1-dev that pictures depend on; the text encoders' share is the prompt file."""

CONFIG_NAMES = ("config.json", "scheduler_config.json")


def prompt_file(folder: Path, prompt: str) -> Path:
    """Return where a prompt's embedding lies."""
    return folder / f"prompt_{hashlib.sha256(prompt.encode()).hexdigest()[:16]}.safetensors"


def deblurnet_files(cfg: Config) -> dict[str, Path]:
    """Return {name: file} of everything that DeblurNet's frames depend on."""
    return flux_weight_files(cfg.deblur)


def bokehnet_files(cfg: Config) -> dict[str, Path]:
    """Return {name: file} of everything that BokehNet's pictures depend on."""
    return flux_weight_files(cfg.render)


def flux_weight_files(cfg: FluxSection) -> dict[str, Path]:
    """Return {name: file} of everything that a net's pictures depend on: LoRA, prompt, and the model's parts.

    Files that are not on this machine yet are named too, where they are expected: an array task must not
    start to download 24 GB, and a record must vouch for all of them.
    """
    return {
        "flux/lora": cfg.lora_path / cfg.lora_weight,
        "flux/prompt": prompt_file(cfg.prompt_cache, cfg.prompt),
        **model_files(cfg.model_id),
    }


def model_files(model_id: str) -> dict[str, Path]:
    """Return {name: file} of transformer, VAE and schedule.

    Args:
        model_id: a folder, or a hub id whose snapshot may lie in the hub's cache.
    """
    folder = model_folder(model_id)
    if folder is None:
        expected = _expected_folder(model_id)
        return (
            {} if expected is None else {"flux/transformer/config.json": expected / "transformer/config.json"}
        )
    return {
        f"flux/{file.parent.name}/{file.name}": file for part in PARTS for file in _part_files(folder / part)
    }


def part_weights(model_id: str, part: str) -> list[Path]:
    """Return the weight files of one part ("transformer", "vae"); none if the model is not here."""
    folder = model_folder(model_id)
    files = [] if folder is None else _part_files(folder / part)
    return [file for file in files if file.suffix == ".safetensors"]


def _part_files(folder: Path) -> list[Path]:
    """Return a part's configuration and weights; shards that its index lists are named even if missing."""
    # By name, not *.json: records of weights are kept beside them, and would change what they vouch for.
    files = {folder / name for name in CONFIG_NAMES if (folder / name).is_file()}
    files |= set(folder.glob("*.safetensors"))
    for index in folder.glob("*.safetensors.index.json"):
        shards = json.loads(index.read_text(encoding="utf-8")).get("weight_map", {})
        files |= {folder / shard for shard in shards.values()}
    return sorted(files)


def model_folder(model_id: str) -> Path | None:
    """Return where a model lies on this machine, or None."""
    if Path(model_id).is_dir():
        return Path(model_id)
    if not _is_hub_id(model_id) or importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model_id, "transformer/config.json")
    return Path(found).parent.parent if isinstance(found, str) else None


def _expected_folder(model_id: str) -> Path | None:
    """Return where a model that is not here would lie; None if only the hub's library knows."""
    if not _is_hub_id(model_id):
        return Path(model_id)
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / f"models--{model_id.replace('/', '--')}"


def _is_hub_id(model_id: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", model_id) is not None


def weight_advice(name: str) -> str:
    """Return what to do when the file of a name in `flux_weight_files` is not there."""
    if name == "flux/lora":
        return (
            "Download it (focusgen weights fetch deblurnet, or bokehnet), or set lora_path and lora_weight."
        )
    if name == "flux/prompt":
        return "Embed the prompts once, where FLUX.1-dev can be read: focusgen weights prompts"
    return (
        "FLUX.1-dev is gated: accept its licence at https://huggingface.co/black-forest-labs/FLUX.1-dev, run "
        "`hf auth login` and `focusgen weights fetch flux`, and set model_id to the folder that it fills."
    )
