"""A transformer made wider: it answers as before, whatever stands in the new channels, once per head."""

from __future__ import annotations

import copy

import pytest
import torch
from diffusers import SD3Transformer2DModel

from focusgen.focal.sd3.design import TINY
from focusgen.focal.sd3.surgery import interleaved, widen


@pytest.fixture(scope="module")
def published():
    torch.manual_seed(0)
    return SD3Transformer2DModel(**TINY).eval().requires_grad_(False)


def asked(model, latents: torch.Tensor) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    words = torch.randn(len(latents), 5, 32, generator=draw)
    pooled = torch.randn(len(latents), 16, generator=draw)
    return model(latents, words, pooled, torch.full((len(latents),), 500.0)).sample


@pytest.mark.parametrize(("extra_channels", "n_outputs"), [(0, 1), (3, 1), (0, 2), (33, 3)])
def test_every_head_says_what_the_published_model_said(published, extra_channels, n_outputs):
    wide = widen(copy.deepcopy(published), extra_channels, n_outputs)
    latents = torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(2))
    more = 100.0 * torch.randn(2, extra_channels, 8, 8, generator=torch.Generator().manual_seed(3))
    found = asked(wide, torch.cat([latents, more], 1))
    expected = asked(published, latents)
    assert found.shape == (2, 16 * n_outputs, 8, 8)
    for head in found.split(16, 1):
        torch.testing.assert_close(head, expected, atol=1e-5, rtol=1e-5)


def test_what_was_widened_says_so_in_its_configuration(published):
    wide = widen(copy.deepcopy(published), 5, 2)
    assert (wide.config.in_channels, wide.config.out_channels) == (21, 32)
    again = SD3Transformer2DModel.from_config(wide.config)
    assert again.state_dict().keys() == wide.state_dict().keys()
    assert all(again.state_dict()[k].shape == v.shape for k, v in wide.state_dict().items())


def test_precision_and_device_are_those_of_the_model(published):
    wide = widen(copy.deepcopy(published).to(torch.bfloat16), 2, 2)
    assert {value.dtype for value in wide.parameters()} == {torch.bfloat16}


def test_heads_take_turns_at_each_place_of_a_patch():
    # Two places, two channels: rows are (place 0: a b, place 1: a b) of each head.
    one, two = torch.tensor([10.0, 11.0, 20.0, 21.0]), torch.tensor([12.0, 13.0, 22.0, 23.0])
    assert interleaved([one, two], 2, 2).tolist() == [10, 11, 12, 13, 20, 21, 22, 23]
    rows = torch.stack([one, one + 0.5], 1)
    assert interleaved([rows, rows], 2, 2).shape == (8, 2)
