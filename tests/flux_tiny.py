"""A FLUX of 130,000 parameters in the official folder layout, with LoRA files in the official naming.

`build(folder)` makes, offline and in a second:

    folder/FLUX.1-tiny/     model_index.json transformer/ vae/ scheduler/ tokenizer/ tokenizer_2/
                            text_encoder/ text_encoder_2/
    folder/deblurNet.safetensors, folder/bokehNet.safetensors
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file

from tests import named_weights as nw

DATA = Path(__file__).resolve().parent / "data" / "flux"
MODEL_INDEX = {
    "_class_name": "FluxPipeline",
    "_diffusers_version": "0.36.0",
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "T5EncoderModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "T5TokenizerFast"],
    "transformer": ["diffusers", "FluxTransformer2DModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


class TinyFlux(NamedTuple):
    """What was built."""

    model: Path
    deblur_lora: Path
    bokeh_lora: Path

    def settings(self, prompt_cache: Path) -> dict[str, Any]:
        """Return overrides for `config.load` that make both nets run on it."""
        shared = {"model_id": str(self.model), "lora_path": str(self.deblur_lora.parent)}
        shared |= {"prompt_cache": str(prompt_cache), "precision": "fp32"}
        overrides: dict[str, Any] = {"deblur.backend": "deblurnet", "render.backend": "bokehnet"}
        for section in ("deblur", "render"):
            overrides |= {f"{section}.{name}": value for name, value in shared.items()}
        return overrides


def build(folder: Path, *, salt: int = 0) -> TinyFlux:
    """Write the model and its LoRA files; another salt gives other weights."""
    document = json.loads((DATA / "cases.json").read_text())
    shapes = json.loads((DATA / "shapes_tiny.json").read_text())
    model = folder / "FLUX.1-tiny"
    model.mkdir(parents=True)
    (model / "model_index.json").write_text(json.dumps(MODEL_INDEX))
    _save_networks(model, document, shapes, salt)
    _save_clip(model, document["transformer"]["pooled_projection_dim"])
    _save_t5(model, document["transformer"]["joint_attention_dim"])
    tiny = TinyFlux(model, folder / "deblurNet.safetensors", folder / "bokehNet.safetensors")
    save_file(weights("lora", "deblurring", document, shapes, salt), tiny.deblur_lora)
    save_file(weights("lora", "bokeh", document, shapes, salt), tiny.bokeh_lora)
    return tiny


def weights(part: str, prefix: str, document: Any, shapes: Any, salt: int = 0) -> dict[str, torch.Tensor]:
    """Return named weights of a part ("transformer", "vae", "lora")."""
    rules = [tuple(rule) for rule in document["rules"]]
    drawn = nw.state_dict({f"{prefix}/{k}": s for k, s in shapes[part].items()}, rules=rules, salt=salt)
    return {key.removeprefix(f"{prefix}/"): value for key, value in nw.to_torch(drawn).items()}


def _save_networks(model: Path, document: Any, shapes: Any, salt: int) -> None:
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel

    transformer = FluxTransformer2DModel(**document["transformer"])
    transformer.load_state_dict(weights("transformer", "transformer", document, shapes, salt))
    transformer.save_pretrained(model / "transformer")
    vae = AutoencoderKL(**document["vae"])
    vae.load_state_dict(weights("vae", "vae", document, shapes, salt))
    vae.save_pretrained(model / "vae")
    FlowMatchEulerDiscreteScheduler(**document["scheduler"]).save_pretrained(model / "scheduler")


def _save_clip(model: Path, width: int) -> None:
    """Save CLIP of two layers, and a tokenizer that knows letters."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder = model / "tokenizer"
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer.from_pretrained(folder, model_max_length=77).save_pretrained(folder)
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=len(vocabulary) - 2,
        eos_token_id=len(vocabulary) - 1,
    )
    CLIPTextModel(config).save_pretrained(model / "text_encoder")


def _save_t5(model: Path, width: int) -> None:
    """Save a T5 encoder of two layers, and a unigram tokenizer."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    letters = "▁abcdefghijklmnopqrstuvwxyz,."
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -3.0) for letter in letters)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    fast = T5TokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", extra_ids=0
    )
    fast.save_pretrained(model / "tokenizer_2")
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(pieces),
        d_model=width,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
    )
    T5EncoderModel(config).save_pretrained(model / "text_encoder_2")
