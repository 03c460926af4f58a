"""Prompts as numbers, computed once: an array task never loads T5 or CLIP (9.5 GB) for a constant sentence.

One small file per prompt, so that another prompt changes no digest of the first.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder, publish
from focusgen.config import Config
from focusgen.models.checkpoints import check_finite, safetensors_bytes
from focusgen.models.flux.environment import explain_download, require_libraries
from focusgen.models.flux.files import model_folder, prompt_file, weight_advice

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MAX_T5_TOKENS = 512
FORMAT = "focusgen-flux-prompt/1"


class PromptEmbedding(NamedTuple):
    """A prompt as FLUX reads it."""

    embeds: Tensor
    """(1, 512, 4096) T5 states."""
    pooled: Tensor
    """(1, 768) CLIP's pooled state."""


def encode_prompts(
    model_id: str | Path, prompts: Sequence[str], out: Path, *, device: str = "cpu"
) -> list[Path]:
    """Compute and store the embeddings of prompts; the text encoders are loaded here and nowhere else.

    Args:
        model_id: hub id or folder of FLUX.1-dev.
        prompts: sentences; one that is stored already is computed again.
        out: folder of the embeddings (`deblur.prompt_cache`, `render.prompt_cache`).
        device: where T5 and CLIP run; a CPU takes a minute or so, once.

    Raises:
        ConfigError: says what is missing: a library, the files, access.
    """
    require_libraries()
    make_folder(out)
    unique = list(dict.fromkeys(prompts))
    with explain_download(str(model_id)), torch.inference_mode():
        source = _source(str(model_id))
        pooled = _clip_pooled(source, unique, device, torch.bfloat16)
        states = _t5_states(source, unique, device, torch.bfloat16)
    files = []
    for index, prompt in enumerate(unique):
        file = prompt_file(out, prompt)
        _save(file, PromptEmbedding(states[index, None], pooled[index, None]), prompt, str(model_id))
        files.append(file)
    return files


def encode_configured_prompts(cfg: Config, *, device: str = "cpu") -> list[Path]:
    """Embed the prompts of both nets where `deblur.prompt_cache` and `render.prompt_cache` say.

    Raises:
        ConfigError: see `encode_prompts`.
    """
    wanted: dict[tuple[str, Path], list[str]] = {}
    for section in (cfg.deblur, cfg.render):
        wanted.setdefault((section.model_id, section.prompt_cache), []).append(section.prompt)
    return [
        file
        for (model_id, folder), prompts in wanted.items()
        for file in encode_prompts(model_id, prompts, folder, device=device)
    ]


def _source(model_id: str) -> str:
    """Return the model's folder if the text encoders lie there, so that the hub is not even asked."""
    folder = model_folder(model_id)
    has_encoders = folder is not None and (folder / "text_encoder_2" / "config.json").exists()
    return str(folder) if has_encoders else model_id


def read_encoder(kind: str, source: str, part: str, dtype: torch.dtype) -> nn.Module:
    """Return a text encoder with all of its weights.

    Raises:
        ConfigError: a weight is missing; transformers would only warn.
    """
    transformers: Any = importlib.import_module("transformers")
    encoder, found = getattr(transformers, kind).from_pretrained(
        source, subfolder=part, dtype=dtype, use_safetensors=True, output_loading_info=True
    )
    # T5's embedding is stored once under one of two names.
    missing = sorted(key for key in found["missing_keys"] if not key.endswith("embed_tokens.weight"))
    if missing:
        raise ConfigError(
            f"{source}/{part}: {len(missing)} weights are missing, e.g. {missing[0]}",
            "Fetch the model again.",
        )
    net: nn.Module = encoder.eval()
    return net


def _clip_pooled(source: str, prompts: list[str], device: str, dtype: torch.dtype) -> Tensor:
    transformers: Any = importlib.import_module("transformers")
    tokenizer = transformers.CLIPTokenizer.from_pretrained(source, subfolder="tokenizer")
    encoder = read_encoder("CLIPTextModel", source, "text_encoder", dtype).to(device)
    ids = token_ids(tokenizer, prompts, tokenizer.model_max_length)
    # One by one: in bfloat16 a prompt's numbers would depend on which others it was batched with.
    return torch.cat([encoder(one[None].to(device)).pooler_output.cpu() for one in ids])


def _t5_states(source: str, prompts: list[str], device: str, dtype: torch.dtype) -> Tensor:
    transformers: Any = importlib.import_module("transformers")
    tokenizer = transformers.T5TokenizerFast.from_pretrained(source, subfolder="tokenizer_2")
    encoder = read_encoder("T5EncoderModel", source, "text_encoder_2", dtype).to(device)
    ids = token_ids(tokenizer, prompts, MAX_T5_TOKENS)
    # No attention mask, and padding attends like words: so were FLUX.1-dev's embeddings made.
    return torch.cat([encoder(one[None].to(device))[0].cpu() for one in ids])


def token_ids(tokenizer: PreTrainedTokenizerBase, prompts: list[str], length: int) -> Tensor:
    """Return (prompts, length) token numbers, padded and cut."""
    encoded = tokenizer(
        prompts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )
    ids: Tensor = encoded.input_ids
    return ids


def _save(file: Path, embedding: PromptEmbedding, prompt: str, model_id: str) -> None:
    check_finite(embedding._asdict(), Path(model_id))
    about = {"format": FORMAT, "prompt": prompt, "model": Path(model_id).name}
    publish(file, safetensors_bytes(embedding._asdict(), about))


def load_prompt(folder: Path, prompt: str) -> PromptEmbedding:
    """Return the stored embedding of a prompt.

    Raises:
        ConfigError: it was not computed yet, or the file is another format.
    """
    from safetensors import SafetensorError, safe_open

    file = prompt_file(folder, prompt)
    if not file.is_file():
        raise ConfigError(
            f"{file}: the prompt {prompt!r} was not embedded yet",
            weight_advice("flux/prompt"),
        )
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata() or {}
            if metadata.get("format") != FORMAT or metadata.get("prompt") != prompt:
                raise ConfigError(
                    f"{file}: not an embedding of {prompt!r}", "Delete it and run: focusgen weights prompts"
                )
            embedding = PromptEmbedding(stored.get_tensor("embeds"), stored.get_tensor("pooled"))
    except SafetensorError as error:
        raise ConfigError(
            f"{file}: damaged ({error})", "Delete it and run: focusgen weights prompts"
        ) from error
    check_finite(embedding._asdict(), file)
    return embedding
