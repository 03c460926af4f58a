"""Weights files: what is saved is loaded, and what is none is refused by name."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.focal.learned.network import FocalNet
from focusgen.focal.learned.shape import NetworkShape
from focusgen.focal.learned.weights import (
    SHIPPED,
    WEIGHTS_FILE,
    load_network,
    load_trained,
    save_weights,
    weights_notes,
)

SMALL = NetworkShape((8, 8, 16, 16), 4, 4)


def test_a_network_comes_back_in_half_precision(tmp_path: Path):
    net, path = FocalNet(SMALL), tmp_path / "w.safetensors"
    save_weights(path, net.state_dict(), SMALL, {"steps": "3"})
    loaded = load_trained(path)
    assert loaded.shape == SMALL and not loaded.training
    save_weights(tmp_path / WEIGHTS_FILE, net.state_dict(), SMALL, {})
    assert load_trained(tmp_path).shape == SMALL  # the folder of a training will do
    for name, value in net.state_dict().items():
        assert torch.equal(value.half().float(), loaded.state_dict()[name]), name
    notes = weights_notes(path)
    assert notes["steps"] == "3" and notes["license"] == "Apache-2.0" and notes["focusgen"]


def test_a_folder_of_another_network_says_which_backend_asks_it(tmp_path: Path):
    (tmp_path / "focal_sd3.safetensors").touch()
    with pytest.raises(ConfigError, match="no such weights") as caught:
        load_network(tmp_path)
    assert "--backend sd3" in caught.value.advice


def test_a_file_that_is_none_is_named(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(ConfigError, match="no such weights"):
        load_network(path)
    path.write_bytes(b"0123456789" * 9)
    with pytest.raises(CorruptInputError, match="w.safetensors"):
        load_network(path)


def test_the_state_of_a_training_is_no_weights_and_it_is_said_where_they_are(tmp_path: Path):
    torch.save({"step": 3}, tmp_path / "checkpoint.pt")
    with pytest.raises(CorruptInputError, match=r"checkpoint.pt") as error:
        load_network(tmp_path / "checkpoint.pt")
    assert WEIGHTS_FILE in error.value.advice


LOADERS = pytest.mark.parametrize("load", [load_network, load_trained])


@LOADERS
def test_weights_of_something_else_are_refused(tmp_path: Path, load: Callable[[Path], object]):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CorruptInputError, match="other.safetensors"):
        load(tmp_path / "other.safetensors")


@LOADERS
@pytest.mark.parametrize("name", ["mend.2.bias", "up.1.norm.weight", "prior"])
def test_weights_that_are_missing_or_of_another_size_are_seen_at_once(
    tmp_path: Path, load: Callable[[Path], object], name: str
):
    weights = FocalNet(SMALL).state_dict()
    for number, wrong in enumerate(({}, {name: torch.zeros(3)})):
        path = tmp_path / f"w{number}.safetensors"
        save_weights(path, {key: value for key, value in weights.items() if key != name} | wrong, SMALL, {})
        with pytest.raises(CorruptInputError, match=path.name):
            load(path)


@pytest.mark.slow
def test_the_network_is_asked_without_torch():
    code = """
import sys, numpy as np
from focusgen.focal.backends import load_estimator
from focusgen.focal.stack import FocalStack
slices = np.random.default_rng(0).integers(0, 255, (2, 16, 16, 3)).astype(np.uint8)
assert load_estimator("auto")(FocalStack(slices, np.array([2.0, 0.5]), 4.0)).rerender_error["learned"] > 0.0
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_folder_of_training_says_what_its_weights_are(tmp_path: Path):
    shutil.copy(SHIPPED, tmp_path / WEIGHTS_FILE)
    assert weights_notes(tmp_path) == weights_notes(SHIPPED)
