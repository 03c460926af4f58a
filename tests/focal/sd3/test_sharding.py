"""Weights in shards: a stopped and resumed training is the undisturbed one, and that of one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from focusgen.focal.sd3.job import write_weights
from focusgen.focal.sd3.settings import Sd3Settings
from focusgen.focal.sd3.sharding import gathered, gathered_optimizer, share_out_optimizer
from focusgen.focal.sd3.trainer import train
from tests.focal.sd3.lists import write_list

ROOT = Path(__file__).resolve().parents[3]


def settings_of(folder: Path, stacks: Path, batch: int) -> Sd3Settings:
    return Sd3Settings.model_validate(
        {
            "model": {"gate": 0.5},
            "data": {"size": 32, "most_slices": 3, "variants": 1, "train_list": stacks},
            "train": {
                "steps": 3, "batch": batch, "learning_rate": 1e-3, "warm_up": 1, "precision": "fp32",
                "log_every": 1, "val_every": 100, "checkpoint_every": 100, "ema": 0.9,
            },
            "logging": {"use_tensorboard": False},
            "output_dir": folder,
        }
    )  # fmt: skip


@pytest.mark.slow
def test_a_sharded_training_that_was_stopped_ends_as_the_undisturbed_and_as_one_process(tmp_path):
    torch.set_num_threads(1)
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")
    trainings: list[str] = []
    for name, stop_at in (("cut", 2), ("whole", 0)):
        file = tmp_path / f"{name}.json"
        file.write_text(settings_of(tmp_path / name, stacks, 1).model_dump_json())
        trainings += [str(file), str(stop_at)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.focal.sd3.sharded_training", *trainings],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "cut/checkpoints/step_0000002.pt").is_file()
    alone = settings_of(tmp_path / "alone", stacks, 2)
    write_weights(train(alone, device="cpu"), alone)
    cut, whole, one = (
        load_file(tmp_path / name / "focal_sd3.safetensors") for name in ("cut", "whole", "alone")
    )
    assert all(torch.equal(cut[name], whole[name]) for name in whole)
    assert max(float((whole[name] - one[name]).abs().max()) for name in one) <= 1e-5


def test_without_shards_a_state_is_what_it_was_and_other_processes_keep_nothing():
    linear = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(linear.parameters())
    linear(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = gathered_optimizer(optimizer, keeps=True)
    assert torch.equal(state["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])
    other = torch.optim.AdamW(torch.nn.Linear(2, 2).parameters())
    share_out_optimizer(other, state)
    assert torch.equal(other.state_dict()["state"][1]["exp_avg_sq"], state["state"][1]["exp_avg_sq"])
    assert gathered_optimizer(optimizer, keeps=False) == {}
    weights = dict(linear.named_parameters())
    assert gathered(weights, keeps=False) == {}
    assert torch.equal(gathered(weights, keeps=True)["bias"], linear.bias)
