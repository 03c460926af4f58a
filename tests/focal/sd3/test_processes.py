"""Two processes with a batch each are one process with twice the batch, whole or with weights in shards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from focusgen import cli
from focusgen.config.files import CONFIG_DIR
from focusgen.focal.sd3 import feed
from focusgen.focal.sd3.settings import load_settings
from tests.faults import in_child
from tests.focal.sd3.small import in_threads
from tests.focal.sd3.stacks import record, write_lines

pytestmark = pytest.mark.slow
TINY = CONFIG_DIR / "focal" / "sd3_tiny.yaml"


def overrides(stacks: Path, folder: Path, batch: int, workers: int = 0) -> dict[str, Any]:
    return {
        "output_dir": folder, "data.train_list": stacks, "data.size": 32, "data.most_slices": 3,
        "data.variants": 1, "data.workers": workers, "model.gate": 0.5, "train.batch": batch,
        "train.steps": 3, "train.log_every": 1, "logging.use_tensorboard": False,
    }  # fmt: skip


def command(*given: Any) -> list[str]:
    pairs = [f"{key}={json.dumps(value, default=str)}" for key, value in overrides(*given).items()]
    words = ["focal", "train", "--config", str(TINY), "--device", "cpu"]
    return words + [word for pair in pairs for word in ("--override", pair)]


def train_everywhere(here: Path) -> None:
    """Do three steps `alone`, launched in `two` processes, in shards as a `whole` and once `cut`."""
    from tests.focal.sd3 import two_processes  # which imports diffusers: not to collect tests

    stacks = write_lines(here / "train.jsonl", *(record(here / "files", name) for name in ("a", "bb", "ccc")))

    def train_all() -> int:
        two_processes.forget_other_trainings()
        feed.ChildPool = in_threads
        two_processes.launch(command(stacks, here / "two", 1, 1))
        whole, cut = (load_settings(TINY, overrides(stacks, here / name, 1)) for name in ("whole", "cut"))
        two_processes.train_sharded((whole, 0), (cut, 2))
        return 0

    torch.set_num_threads(1)
    assert in_child(train_all) == 0
    assert cli.main(command(stacks, here / "alone", 2)) == 0


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "focal_sd3.safetensors")


def test_two_processes_are_one_with_twice_the_batch_in_shards_too_and_stopped_or_not(tmp_path: Path):
    train_everywhere(tmp_path)
    two, whole, cut, one = (weights(tmp_path / name) for name in ("two", "whole", "cut", "alone"))
    for found in (two, whole):
        assert found.keys() == one.keys()
        assert max(float((found[key] - one[key]).abs().max()) for key in one) <= 1e-5
    assert (tmp_path / "cut/checkpoints/step_0000002.pt").is_file()
    assert all(torch.equal(cut[key], whole[key]) for key in whole)
