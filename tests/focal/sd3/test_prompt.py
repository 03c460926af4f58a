"""The empty prompt: as diffusers' own pipeline embeds it, read back as the context's start, or asked for."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from focusgen.base.errors import ConfigError
from focusgen.cli import main
from focusgen.focal.sd3.build import build
from focusgen.focal.sd3.design import Design
from focusgen.focal.sd3.prompt import PROMPT_FILE
from tests.sd3_tiny import build as build_model

N_TOKENS = 77


def write_clip(model, suffix, width, pooled):
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

    vocabulary = ["a", "a</w>", "<|startoftext|>", "<|endoftext|>"]
    folder = model / f"tokenizer{suffix}"
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer.from_pretrained(folder, model_max_length=N_TOKENS).save_pretrained(folder)
    config = CLIPTextConfig(
        vocab_size=4, hidden_size=width, intermediate_size=16, num_hidden_layers=3, num_attention_heads=2,
        projection_dim=pooled, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    CLIPTextModelWithProjection(config).save_pretrained(model / f"text_encoder{suffix}")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    folder = build_model(tmp_path_factory.mktemp("sd35"))
    for suffix, width, pooled in (("", 12, 12), ("_2", 20, 16)):  # 40 and 28 of the tiny transformer
        write_clip(folder, suffix, width, pooled)
    return folder


def by_diffusers(model):
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer

    parts = {}
    for n in ("", "_2"):
        parts[f"tokenizer{n}"] = CLIPTokenizer.from_pretrained(model / f"tokenizer{n}")
        parts[f"text_encoder{n}"] = CLIPTextModelWithProjection.from_pretrained(model / f"text_encoder{n}")
    transformer = SD3Transformer2DModel.from_pretrained(model / "transformer")
    pipeline = StableDiffusion3Pipeline(
        transformer=transformer, scheduler=None, vae=None, text_encoder_3=None, tokenizer_3=None, **parts
    )
    with torch.no_grad():
        embeds, _, pooled, _ = pipeline.encode_prompt(
            "", "", "", device=torch.device("cpu"), do_classifier_free_guidance=False
        )
    return embeds[:, :N_TOKENS], pooled


def test_the_command_writes_what_diffusers_embeds_and_the_context_starts_from_it(model, tmp_path, capsys):
    words = ["weights", "prompts", "sd35-medium", "--model_id", str(model), "--dest", str(tmp_path)]
    assert main(words) == 0
    assert PROMPT_FILE in capsys.readouterr().out
    file = load_file(tmp_path / PROMPT_FILE)
    embeds, pooled = by_diffusers(model)
    assert (file["embeds"] - embeds).abs().max() <= 1e-6 and (file["pooled"] - pooled).abs().max() <= 1e-6
    assert embeds.std() > 0.1  # the numbers are some
    design = Design(base_model=str(model), prompt_embedding=str(tmp_path / PROMPT_FILE), n_context=5)
    net = build(design)
    assert torch.equal(net.context, file["embeds"][:, :5]) and torch.equal(net.pooled, file["pooled"])


def test_a_file_that_is_missing_or_another_s_says_the_command_that_makes_it(model, tmp_path):
    path = tmp_path / "prompt.safetensors"
    made = "weights prompts sd35-large"
    for shape, message, way_out in (
        (None, "no such file", made),
        ((1, 8, 16), "embeds is of 16 numbers; the model reads 40", made),
        ((1, 2, 40), "embeds has 2 tokens, model.n_context is 4", "n_context to 2"),
    ):
        if shape is not None:
            save_file({"embeds": torch.zeros(shape), "pooled": torch.zeros(1, 28)}, path)
        with pytest.raises(ConfigError, match=message) as caught:
            build(Design(base_model=str(model), preset="large", prompt_embedding=str(path)))
        assert way_out in caught.value.advice


def test_a_folder_without_text_encoders_says_which_and_where_they_are(tmp_path):
    from focusgen.focal.sd3.prompt import embed_empty_prompt

    folder = build_model(tmp_path / "sd35")
    with pytest.raises(
        ConfigError, match="tokenizer, text_encoder, tokenizer_2, text_encoder_2 missing"
    ) as no:
        embed_empty_prompt(str(folder), tmp_path)
    assert "stabilityai/stable-diffusion-3.5-medium as --model_id" in no.value.advice
    with pytest.raises(ConfigError, match="prompts vda: no such prompts"):
        from focusgen.commands.weights import main as weights

        weights(["prompts", "vda"])
