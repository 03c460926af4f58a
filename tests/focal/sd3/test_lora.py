"""Adapters: they change nothing until they are trained, and merged they say the same."""

from __future__ import annotations

import pytest
import torch
from diffusers import SD3Transformer2DModel

from focusgen.focal.sd3.design import TINY
from focusgen.focal.sd3.lora import add_lora, merge_lora


@pytest.fixture
def model():
    torch.manual_seed(0)
    return SD3Transformer2DModel(**{**TINY, "num_layers": 1}).eval()


def asked(model) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        return model(
            torch.randn(1, 16, 4, 4, generator=draw),
            torch.randn(1, 3, 32, generator=draw),
            torch.randn(1, 16, generator=draw),
            torch.full((1,), 500.0),
        ).sample


def of_adapter(model) -> dict[str, torch.Tensor]:
    return {key: value for key, value in model.named_parameters() if ".lora_" in key}


def test_an_untrained_adapter_changes_nothing_and_lies_on_attention_alone(model):
    before = asked(model)
    add_lora(model, rank=2, alpha=4.0)
    assert torch.equal(asked(model), before)
    names = {key.split(".lora_")[0].split("attn.")[-1] for key in of_adapter(model)}
    assert names == {"to_q", "to_k", "to_v", "to_out.0"}
    assert all(2 in value.shape for value in of_adapter(model).values())


def test_a_seed_is_an_adapter_and_leaves_the_global_stream_alone(model):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    add_lora(model, 2, 2.0, seed=3)
    assert torch.equal(torch.rand(1), expected)
    torch.manual_seed(0)
    other = SD3Transformer2DModel(**{**TINY, "num_layers": 1})
    add_lora(other, 2, 2.0, seed=3)
    assert all(
        torch.equal(a, b) for a, b in zip(of_adapter(model).values(), of_adapter(other).values(), strict=True)
    )


def test_a_merged_adapter_says_the_same_and_is_gone(model):
    plain = asked(model)
    add_lora(model, 2, 4.0)
    with torch.no_grad():
        for value in of_adapter(model).values():
            value.normal_(0.0, 0.3)
    adapted = asked(model)
    assert (adapted - plain).abs().max() > 1e-3
    merge_lora(model)
    assert of_adapter(model) == {}
    torch.testing.assert_close(asked(model), adapted, atol=1e-4, rtol=1e-3)
