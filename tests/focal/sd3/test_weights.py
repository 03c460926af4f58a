"""Checkpoints: what is saved comes back, a merged LoRA says the same, and strangers are refused."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from focusgen.base.errors import ConfigError, CorruptInputError, StorageError
from focusgen.focal.sd3.design import Design
from focusgen.focal.sd3.weights import load_network, save_weights, trained_state
from tests.focal.sd3.small import awake, stack_input
from tests.sd3_tiny import build as build_model


@torch.no_grad()
@pytest.mark.parametrize("trains", ["full", "lora"])
def test_a_checkpoint_comes_back_and_a_merged_lora_says_the_same(tmp_path, trains):
    base = str(build_model(tmp_path / "sd35"))
    design = Design(base_model=base, trains=trains, lora_rank=4, lora_alpha=8.0)
    net = awake(design) if trains == "full" else _trained_lora(design)
    path, stack = tmp_path / "focal.safetensors", stack_input(side=32)
    save_weights(path, trained_state(net), design, {"steps": "3"})
    said = net(stack)
    plain, merged = (load_network(path, merges=merges)(stack) for merges in (False, True))
    assert torch.equal(plain.unit, said.unit) and torch.equal(plain.rgb, said.rgb)
    assert (merged.unit - said.unit).abs().max() <= 1e-5
    if trains == "lora":
        names = [name for name, _ in load_network(path).trunk.named_parameters()]
        assert not any("lora" in name for name in names)
        assert all("transformer_blocks" not in n or "lora" in n for n in trained_state(net))


def _trained_lora(design):
    from focusgen.focal.sd3.build import build

    net, draw = build(design), torch.Generator().manual_seed(3)
    net.gate.fill_(0.5)
    for value in trained_state(net).values():
        value.add_(0.05 * torch.randn(value.shape, generator=draw))
    return net.eval()


def test_a_stranger_is_refused_by_name(tmp_path):
    path = tmp_path / "other.safetensors"
    with pytest.raises(ConfigError, match="no such checkpoint"):
        load_network(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CorruptInputError, match="format None"):
        load_network(path)
    path.write_bytes(b"nothing")
    with pytest.raises(CorruptInputError, match="cannot be read"):
        load_network(path)


def test_a_lora_on_random_weights_is_refused():
    with pytest.raises(ConfigError, match="random weights"):
        Design(trains="lora").checked()


def test_a_checkpoint_is_for_all_who_may_read_here_and_equal_ones_are_equal_files(tmp_path):
    state, notes = {"a": torch.ones(3), "b": torch.zeros(2, 2)}, {"steps": "3", "stacks": "8", "seed": "0"}
    for n in range(6):
        save_weights(tmp_path / f"{n}.safetensors", state, Design(), notes)
    (tmp_path / "other").touch()
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1  # the umask decides, not 0600
    assert len({path.read_bytes() for path in tmp_path.glob("*.safetensors")}) == 1


def test_a_disk_that_refuses_a_checkpoint_is_said(tmp_path):
    (tmp_path / "w.safetensors").mkdir()
    with pytest.raises(StorageError, match=r"w\.safetensors"):
        save_weights(tmp_path / "w.safetensors", {"a": torch.ones(3)}, Design(), {})
