"""The published model from a folder: read whole, or refused with what to do."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3.base import load_base
from tests.sd3_tiny import build


@pytest.fixture
def model(tmp_path):
    return build(tmp_path / "sd35")


def refused(folder) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_base(str(folder))
    return caught.value


def test_the_official_folder_is_read_without_text_encoders(model):
    base = load_base(str(model), torch.bfloat16)
    assert next(base.transformer.parameters()).dtype == torch.bfloat16
    assert (base.codec.factor, base.codec.channels) == (8, 16)
    assert not any(parameter.requires_grad for parameter in base.transformer.parameters())


def test_a_damaged_folder_is_named(model):
    weights = model / "transformer/diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    save_file({k: v for k, v in tensors.items() if k != "proj_out.bias"}, weights)
    assert "1 weights are missing, e.g. proj_out.bias" in refused(model).message
    save_file({**tensors, "proj_out.bias": tensors["proj_out.bias"] * float("nan")}, weights)
    assert "'proj_out.bias'" in refused(model).message and "NaN" in refused(model).message


def test_another_model_is_refused(model):
    config = model / "vae/config.json"
    values = json.loads(config.read_text())
    config.write_text(json.dumps({**values, "shift_factor": None}))
    assert "no shift_factor" in refused(model).message
    config.write_text(json.dumps({**values, "_class_name": "AutoencoderTiny"}))
    assert "describes a AutoencoderTiny" in refused(model).message
    config.unlink()
    assert "vae/config.json: no such file" in refused(model).message


@pytest.mark.parametrize("source", ["./nowhere", "/no/folder", "word"])
def test_no_folder_and_no_hub_id(source):
    error = refused(source)
    assert "neither a folder here nor a hub id" in error.message
    assert "focusgen weights fetch sd35-medium" in error.advice


def test_a_gated_repository_says_what_to_accept_and_which_command(monkeypatch):
    import diffusers

    def gated(*args, **kwargs):
        raise OSError("401 Client Error. Cannot access gated repo")

    monkeypatch.setattr(diffusers.FlowMatchEulerDiscreteScheduler, "from_pretrained", gated)
    error = refused("stabilityai/stable-diffusion-3.5-medium")
    assert "https://huggingface.co/stabilityai/stable-diffusion-3.5-medium" in error.advice
    assert "hf auth login" in error.advice
