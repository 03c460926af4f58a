"""LoRA files: what is honoured, and what is refused by name."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from focusgen.base.errors import ConfigError
from focusgen.models.flux.lora import adapter_from, check_fits, load_adapter

MODULE = "single_transformer_blocks.1.proj_mlp"


def pair(module=MODULE, rank=4, n_in=8, n_out=16):
    name = f"transformer.{module}"
    return {f"{name}.lora_A.weight": torch.ones(rank, n_in), f"{name}.lora_B.weight": torch.ones(n_out, rank)}


@pytest.mark.parametrize(
    "module",
    [
        "context_embedder",
        "transformer_blocks.0.norm1_context.linear",
        "transformer_blocks.0.attn.add_q_proj",
        "transformer_blocks.0.attn.to_add_out",
        "transformer_blocks.0.ff.net.0.proj",
        "transformer_blocks.0.ff_context.net.2",
        "time_text_embed.timestep_embedder.linear_1",
        "norm_out.linear",
        "proj_out",
    ],
)
def test_a_lora_that_would_act_on_all_tokens_is_refused_by_key_and_file(tmp_path, module):
    path = tmp_path / "other.safetensors"
    save_file(pair() | pair(module), path)
    with pytest.raises(
        ConfigError, match=rf"other\.safetensors: key transformer\.{module}\.lora_[AB]\.weight"
    ):
        load_adapter(path)


@pytest.mark.parametrize(
    "key", ["lora_unet_x_embedder.lora_down.weight", "text_encoder.layers.0.lora_A.weight"]
)
def test_another_naming_is_refused(key):
    with pytest.raises(ConfigError, match="is not named transformer"):
        adapter_from(pair() | {key: torch.ones(2, 2)}, "kohya.safetensors")


def test_half_a_pair_is_refused():
    tensors = pair()
    del tensors[f"transformer.{MODULE}.lora_B.weight"]
    with pytest.raises(ConfigError, match=r"lora_B\.weight is missing"):
        adapter_from(tensors, "cut.safetensors")


def test_matrices_that_do_not_multiply_are_refused():
    tensors = pair()
    tensors[f"transformer.{MODULE}.lora_B.weight"] = torch.ones(16, 3)
    with pytest.raises(ConfigError, match="do not multiply"):
        adapter_from(tensors, "odd.safetensors")


def test_alpha_changes_nothing():
    # The reference sets the adapter's scale to 1 whatever alpha says.
    plain = adapter_from(pair(), "a")[MODULE]
    scaled = adapter_from(pair() | {f"transformer.{MODULE}.alpha": torch.tensor(16.0)}, "a")[MODULE]
    assert torch.equal(plain.up @ plain.down, scaled.up @ scaled.down)


@pytest.mark.parametrize(
    ("shapes", "complaint"),
    [({}, "no such module"), ({MODULE: (32, 8)}, r"for \(16, 8\), the model has \(32, 8\)")],
)
def test_an_adapter_of_another_model_is_refused(shapes, complaint):
    with pytest.raises(ConfigError, match=complaint):
        check_fits(adapter_from(pair(), "a"), shapes, "deblurNet.safetensors")


def test_a_missing_or_damaged_file_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="focusgen weights fetch"):
        load_adapter(tmp_path / "none.safetensors")
    (tmp_path / "page.safetensors").write_text("<html>Access denied</html>")
    with pytest.raises(ConfigError, match=r"page\.safetensors"):
        load_adapter(tmp_path / "page.safetensors")
