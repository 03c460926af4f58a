"""Networks made from their design: the same for a seed, with what is to learn and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3.build import build, build_shapes, check_prompt, choose_trained, n_parameters
from focusgen.focal.sd3.design import TINY, Design

WIDTH, POOLED = TINY["joint_attention_dim"], TINY["pooled_projection_dim"]


def test_a_seed_is_a_network_and_leaves_the_global_stream_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one = build(Design(seed=3)).state_dict()
    assert torch.equal(torch.rand(1), expected)
    other, third = build(Design(seed=3)).state_dict(), build(Design(seed=4)).state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert any(not torch.equal(one[key], third[key]) for key in one)


def trained(trains: str) -> set[str]:
    net = build_shapes(Design(base_model="/x", trains=trains))  # type: ignore[arg-type]
    return {name for name, value in net.named_parameters() if value.requires_grad}


def test_what_is_new_always_learns_and_the_trunk_as_it_is_told():
    new = trained("new")
    trunk = {name for name in new if name.startswith("trunk.")}
    assert {name.split(".")[1] for name in trunk} == {"pos_embed", "proj_out"}
    assert {"gate", "context", "pooled"} <= new and any(name.startswith("encoder.") for name in new)
    lora = trained("lora")
    assert {name for name in lora if ".lora_" in name} == lora - new
    assert new < trained("full")


def test_parameters_are_counted_with_and_without_what_rests():
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1, bias=False))
    net[1].requires_grad_(False)
    assert (n_parameters(net), n_parameters(net, trained_only=True)) == (10, 8)


def test_shapes_take_no_memory():
    assert all(value.is_meta for value in build_shapes(Design()).trunk.parameters())


def test_all_learns_again_if_it_is_told():
    net = build(Design())
    choose_trained(net, Design(base_model="/x", trains="new"))
    choose_trained(net, Design())
    assert all(value.requires_grad for value in net.trunk.parameters())


# --- the empty prompt --------------------------------------------------------------------------------------


def prompt(path: Path, n_tokens: int = 6, width: int = WIDTH, pooled: int = POOLED) -> str:
    embeds = torch.arange(n_tokens * width, dtype=torch.float32).reshape(1, n_tokens, width)
    save_file({"embeds": embeds, "pooled": torch.full((1, pooled), 0.5)}, path / "p.safetensors")
    return str(path / "p.safetensors")


def test_the_context_begins_as_nothing_or_as_the_first_tokens_of_the_prompt(tmp_path):
    assert (build(Design()).context == 0).all()
    net = build(Design(prompt_embedding=prompt(tmp_path), n_context=4))
    assert net.context.shape == (1, 4, WIDTH) and torch.equal(
        net.context[0, 1], torch.arange(WIDTH, 2.0 * WIDTH)
    )
    assert (net.pooled == 0.5).all() and net.context.requires_grad


@pytest.mark.parametrize(
    ("changes", "why", "advice"),
    [
        ({"width": 8}, "embeds is of 8 numbers; the model reads 32", "focusgen weights prompts sd35-medium"),
        ({"pooled": 3}, "pooled is of 3 numbers; the model reads 16", "focusgen weights prompts"),
        ({"n_tokens": 3}, "embeds has 3 tokens, model.n_context is 4", "Set model.n_context to 3"),
    ],
)
def test_a_prompt_that_does_not_fit_is_named(tmp_path, changes, why, advice):
    with pytest.raises(ConfigError, match=rf"p\.safetensors: {why}") as caught:
        build(Design(prompt_embedding=prompt(tmp_path, **changes)))
    assert advice in caught.value.advice


def test_a_prompt_that_was_not_embedded_says_the_command_of_its_preset(tmp_path):
    for preset, word in (("medium", "sd35-medium"), ("large", "sd35-large"), ("tiny", "sd35-medium")):
        with pytest.raises(ConfigError, match="no such file") as caught:
            check_prompt(Design(preset=preset, prompt_embedding=str(tmp_path / "none")))  # type: ignore[arg-type]
        assert word in caught.value.advice
    check_prompt(Design())


def test_a_file_without_one_of_the_two_is_named(tmp_path):
    save_file({"embeds": torch.zeros(1, 6, WIDTH)}, tmp_path / "p.safetensors")
    with pytest.raises(ConfigError, match="pooled is missing"):
        build(Design(prompt_embedding=str(tmp_path / "p.safetensors")))
