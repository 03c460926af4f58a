"""Weights files: what is saved is loaded, and what is none is refused by name."""

import shutil
from pathlib import Path

import pytest
import torch

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.focal.learned.network import FocalNet, NetworkShape
from focusgen.focal.learned.weights import SHIPPED, WEIGHTS_FILE, load_network, save_weights, weights_notes

SMALL = NetworkShape((8, 8, 16, 16), 4, 4)


def test_a_network_comes_back_in_half_precision(tmp_path: Path):
    net, path = FocalNet(SMALL), tmp_path / "w.safetensors"
    save_weights(path, net.state_dict(), SMALL, {"steps": "3"})
    loaded = load_network(path)
    assert loaded.shape == SMALL and not loaded.training
    save_weights(tmp_path / WEIGHTS_FILE, net.state_dict(), SMALL, {})
    assert load_network(tmp_path).shape == SMALL  # the folder of a training will do
    for name, value in net.state_dict().items():
        assert torch.equal(value.half().float(), loaded.state_dict()[name]), name
    notes = weights_notes(path)
    assert notes["steps"] == "3" and notes["license"] == "Apache-2.0" and notes["focusgen"]


def test_a_file_that_is_none_is_named(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(ConfigError, match="no such weights"):
        load_network(path)
    path.write_bytes(b"0123456789" * 9)
    with pytest.raises(CorruptInputError, match="w.safetensors"):
        load_network(path)


def test_weights_of_something_else_are_refused(tmp_path: Path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CorruptInputError, match="other.safetensors"):
        load_network(tmp_path / "other.safetensors")


def test_a_folder_of_training_says_what_its_weights_are(tmp_path: Path):
    shutil.copy(SHIPPED, tmp_path / WEIGHTS_FILE)
    assert weights_notes(tmp_path) == weights_notes(SHIPPED)
