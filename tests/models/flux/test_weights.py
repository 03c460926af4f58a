"""A projection with low-rank parts: on the tokens of its conditions, and nowhere else."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from focusgen.models.flux.lora import LowRank
from focusgen.models.flux.weights import Projection, Span, is_modulation, listed_shapes
from tests.tensors import normal


@pytest.fixture
def projection() -> Projection:
    linear = nn.Linear(6, 5).requires_grad_(False)
    pairs = {
        "a": LowRank(normal(2, 6, seed=1), normal(5, 2, seed=2)),
        "b": LowRank(normal(3, 6), normal(5, 3)),
    }
    return Projection(linear, pairs)


def by_hand(projection: Projection, x: torch.Tensor, adapter: str) -> torch.Tensor:
    pair = projection.low_rank[adapter]
    merged = projection.linear.weight + pair.up @ pair.down
    return x @ merged.T + projection.linear.bias


def test_only_a_condition_s_own_tokens_are_changed(projection):
    x = normal(2, 9, 6, seed=3)
    found = projection(x, [Span(slice(0, 3), "a"), Span(slice(6, 9), "b")])
    torch.testing.assert_close(found[:, :3], by_hand(projection, x[:, :3], "a"))
    torch.testing.assert_close(found[:, 6:], by_hand(projection, x[:, 6:], "b"))
    assert torch.equal(found[:, 3:6], projection.linear(x)[:, 3:6])


@pytest.mark.parametrize("adapter", [None, "of another module"])
def test_a_condition_without_an_adapter_here_reads_the_base_weights(projection, adapter):
    x = normal(1, 4, 6)
    assert torch.equal(projection(x, [Span(slice(0, 4), adapter)]), projection.linear(x))
    assert torch.equal(projection.of_adapter(x[0], adapter), projection.linear(x[0]))


def test_a_whole_sequence_and_rows_alone_are_the_same_product(projection):
    x = normal(3, 4, 6)
    whole = projection(x, [Span(slice(None), "a")])
    rows = projection.of_adapter(x.flatten(0, 1), "a").reshape(3, 4, 5)
    torch.testing.assert_close(whole, rows)


def test_the_input_is_left_as_it_was(projection):
    x = normal(1, 4, 6)
    before = x.clone()
    projection(x, [Span(slice(0, 2), "a")])
    assert torch.equal(x, before)


class Resting:
    """A layer whose weights lie on another device than its input; calling it would fail."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        self.weight, self.bias = Elsewhere(weight), bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("called where its weights are not")


class Elsewhere:
    device = torch.device("meta")

    def __init__(self, value: torch.Tensor) -> None:
        self.value = value

    def to(self, device: torch.device) -> torch.Tensor:
        return self.value


def test_weights_that_rest_in_host_memory_come_for_one_product(projection):
    resting = Projection(Resting(projection.linear.weight, projection.linear.bias), projection.low_rank)
    x = normal(4, 6)
    torch.testing.assert_close(resting.of_adapter(x, "a"), projection.of_adapter(x, "a"))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("transformer_blocks.3.norm1.linear", True),
        ("transformer_blocks.3.norm1_context.linear", True),
        ("single_transformer_blocks.0.norm.linear", True),
        ("norm_out.linear", True),
        ("transformer_blocks.3.attn.to_q", False),
        ("time_text_embed.timestep_embedder.linear_1", False),
        ("proj_out", False),
    ],
)
def test_layers_that_only_modulate_are_known_by_name(name, answer):
    assert is_modulation(name) is answer


def test_only_linear_layers_that_a_lora_may_change_are_listed():
    model = nn.ModuleDict(
        {
            "x_embedder": nn.Linear(4, 3),
            "context_embedder": nn.Linear(4, 3),
            "transformer_blocks": nn.ModuleList(
                [nn.ModuleDict({"attn": nn.ModuleDict({"to_q": nn.Linear(3, 2)})})]
            ),
        }
    )
    assert listed_shapes(model) == {"x_embedder": (3, 4), "transformer_blocks.0.attn.to_q": (2, 3)}
