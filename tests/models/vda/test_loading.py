"""A checkpoint's size is told by one key, and has to be what was asked for; whole files: test_backend.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.models.vda.loading import build_network, check_encoder, find_variant
from focusgen.models.vda.variants import PATCH_PX, VARIANTS, WINDOW_FRAMES
from tests.models.vda.tiny import TINY, tiny_net

PATH = Path("/w/a b.pth")


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_width_is_the_variant(name):
    tensors = {"pretrained.cls_token": torch.empty(1, 1, VARIANTS[name].width)}
    assert find_variant(tensors, PATH) is VARIANTS[name]


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ({}, "no checkpoint of Video Depth Anything"),
        ({"b": torch.empty(1), "a": torch.empty(1)}, r"no key 'pretrained\.cls_token' \(but a, b"),
        ({"pretrained.cls_token": torch.tensor(3.0)}, "no checkpoint"),
        ({"pretrained.cls_token": torch.empty(1, 1, 512)}, r"has width 512; known are 384 \(vits\)"),
    ],
)
def test_what_is_no_published_size_is_refused_by_key(tensors, why):
    with pytest.raises(ConfigError, match=rf"/w/a b\.pth: .*{why}"):
        find_variant(tensors, PATH)


@pytest.mark.parametrize(
    ("file", "encoder", "is_refused"),
    [
        ("metric_video_depth_anything_vits.pth", "auto", False),
        ("metric_video_depth_anything_vitl.pth", "auto", True),
        ("METRIC_VITL.pth", "auto", True),
        ("vitl_to_vits.pth", "auto", False),  # the last word counts
        ("vitlarge.pth", "auto", False),  # another word
        ("mine.pth", "auto", False),
        ("mine.pth", "vits", False),
        ("mine.pth", "vitb", True),
        ("metric_vitl.pth", "vits", False),  # somebody said what it is
    ],
)
def test_a_file_holds_what_its_name_or_the_setting_says(file, encoder, is_refused):
    if not is_refused:
        check_encoder(VARIANTS["vits"], Path(file), encoder)
        return
    with pytest.raises(ConfigError, match="holds vits"):
        check_encoder(VARIANTS["vits"], Path(file), encoder)


def test_a_network_has_the_weights_of_its_file_and_is_ready_to_run():
    state = tiny_net().state_dict()
    net = build_network(state, TINY, PATH)
    assert not net.training and not any(value.requires_grad for value in net.parameters())
    assert all(torch.equal(net.state_dict()[key], value) for key, value in state.items())
    assert not any(value.is_meta for value in net.state_dict().values())


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_published_sizes_can_be_built(name):
    variant = VARIANTS[name]
    assert variant.name == name and variant.width % variant.n_heads == 0
    assert variant.taps == tuple(sorted(variant.taps)) and variant.taps[-1] == variant.n_blocks - 1
    assert all(
        c % 32 == 0 for c in (*variant.out_channels[2:], variant.features)
    )  # groups of the motion norm
    assert (variant.position_grid * PATCH_PX, WINDOW_FRAMES) == (518, 32)
