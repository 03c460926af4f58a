"""The empty prompt as numbers, made once where the text encoders are at hand: one file of about 1.3 MB.

The learned context may start from it. T5 is not asked: the first 77 places of Stable Diffusion 3.5's prompt
are those of its two CLIPs, and a context is shorter.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder, publish
from focusgen.focal.sd3.access import explain_access, require_libraries
from focusgen.models.checkpoints import check_finite, safetensors_bytes
from focusgen.models.flux.files import model_folder
from focusgen.models.flux.prompts import read_encoder, token_ids

PROMPT_FILE = "sd35_empty_prompt.safetensors"
ENCODERS = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))
NEEDED = tuple(part for pair in ENCODERS for part in pair)
T5_WIDTH = 4096
"""CLIP's numbers are padded to T5's width, which the transformer reads."""


class _Said(NamedTuple):
    """What one CLIP makes of the empty prompt: (1, 77, C) states and (1, P) pooled."""

    states: Tensor
    pooled: Tensor


def embed_empty_prompt(source: str, out: Path, device: str = "cpu") -> Path:
    """Compute the empty prompt's embedding and store it; return the file.

    Args:
        source: folder in the official layout with both CLIPs, or hub id.
        out: folder for the file.
        device: where the CLIPs run.

    Raises:
        ConfigError: no access, or a part is missing; says which.
    """
    require_libraries()
    with explain_access(source), torch.inference_mode():
        here = model_folder(source)
        _check_parts(source, here)
        found = str(here) if here is not None and _has_parts(here) else source
        said = [_said(found, tokenizer, encoder, device) for tokenizer, encoder in ENCODERS]
    states = torch.cat([one.states for one in said], -1)
    states = torch.nn.functional.pad(states, (0, _width(here) - states.shape[-1]))
    tensors = {"embeds": states.contiguous(), "pooled": torch.cat([one.pooled for one in said], -1)}
    check_finite(tensors, Path(source))
    make_folder(out)
    publish(out / PROMPT_FILE, safetensors_bytes(tensors, {"prompt": "", "model": Path(source).name}))
    return out / PROMPT_FILE


def prompt_command(preset: str) -> str:
    """Return the command that makes the file for a preset."""
    return f"focusgen weights prompts sd35-{preset} --model_id FOLDER_OR_HUB_ID --dest checkpoints"


def _has_parts(folder: Path) -> bool:
    return all((folder / part).is_dir() for part in NEEDED)


def _check_parts(source: str, here: Path | None) -> None:
    if not Path(source).is_dir() or here is None or _has_parts(here):
        return
    missing = [part for part in NEEDED if not (here / part).is_dir()]
    raise ConfigError(
        f"{source}: {', '.join(missing)} missing: the empty prompt is embedded by the two CLIPs",
        "`focusgen weights fetch` leaves them out, since nothing else needs them: give the hub id "
        "stabilityai/stable-diffusion-3.5-medium as --model_id, or a folder with "
        f"{', '.join(f'{part}/' for part in NEEDED)}.",
    )


def _said(source: str, tokenizer_part: str, encoder_part: str, device: str) -> _Said:
    transformers: Any = importlib.import_module("transformers")
    tokenizer = transformers.CLIPTokenizer.from_pretrained(source, subfolder=tokenizer_part)
    net = read_encoder("CLIPTextModelWithProjection", source, encoder_part, torch.float32).to(device)
    ids = token_ids(tokenizer, [""], tokenizer.model_max_length)
    found = net(ids.to(device), output_hidden_states=True)
    return _Said(found.hidden_states[-2].cpu(), found.text_embeds.cpu())


def _width(here: Path | None) -> int:
    """Return how many numbers a token of the transformer has."""
    file = None if here is None else here / "transformer" / "config.json"
    if file is None or not file.is_file():
        return T5_WIDTH
    return int(json.loads(file.read_text(encoding="utf-8")).get("joint_attention_dim", T5_WIDTH))
