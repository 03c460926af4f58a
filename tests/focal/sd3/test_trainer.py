"""Training: stopped and resumed to the bit, and lists that cannot be trained on are named."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3 import process, trainer
from focusgen.focal.sd3.settings import Sd3Settings
from focusgen.focal.sd3.state import find_state
from focusgen.focal.sd3.trainer import positions_of, rate_at, train
from tests.focal.sd3.lists import write_list


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def settings_of(folder, steps=4, **data) -> Sd3Settings:
    return Sd3Settings.model_validate(
        {
            "data": {"size": 32, "most_slices": 3, "variants": 1, **data},
            "train": {
                "steps": steps, "batch": 1, "learning_rate": 1e-3, "gate_rate": 0.05, "warm_up": 1,
                "precision": "fp32", "log_every": 1, "val_every": 100, "checkpoint_every": 100, "ema": 0.9,
            },
            "logging": {"use_tensorboard": False},
            "output_dir": folder,
        }
    )  # fmt: skip


def same(one, other) -> bool:
    mine, theirs = dict(one.net.named_parameters()), dict(other.net.named_parameters())
    return all(torch.equal(mine[name], theirs[name]) for name in mine) and all(
        torch.equal(value, other.average.values[name]) for name, value in one.average.values.items()
    )


@pytest.mark.slow
def test_stopped_by_a_signal_and_resumed_is_the_undisturbed_run_to_the_bit(tmp_path):
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")
    whole = train(settings_of(tmp_path / "whole", train_list=stacks), device="cpu")

    def stop(step, means):
        if step == 2:
            os.kill(os.getpid(), signal.SIGUSR1)

    settings = settings_of(tmp_path / "cut", train_list=stacks)
    with pytest.raises(process.Stopped, match="after step 2"):
        train(settings, tell=stop, device="cpu")
    assert find_state(settings.output_dir, "auto").name == "step_0000002.pt"
    resumed = train(settings, device="cpu")
    assert resumed.step == 4 and same(whole, resumed)
    other = train(settings_of(tmp_path / "seed", train_list=stacks), "none", device="cpu")
    assert same(whole, other)
    logs = [(tmp_path / name / "log.csv").read_text() for name in ("whole", "cut")]
    assert logs[0] == logs[1]
    changed = settings.model_copy(update={"train": settings.train.model_copy(update={"batch": 2})})
    with pytest.raises(ConfigError, match="train.batch 1, not 2"):
        train(changed, device="cpu")


@pytest.mark.slow
def test_lists_that_cannot_be_trained_on_are_named(tmp_path):
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")
    with pytest.raises(ConfigError, match="nothing to train on"):
        train(settings_of(tmp_path / "o"), device="cpu")
    with pytest.raises(ConfigError, match=r"leakage: scene tabletop lies in .*train.jsonl and in .*train"):
        train(settings_of(tmp_path / "o", train_list=stacks, test_list=stacks), device="cpu")
    small = write_list(tmp_path / "cm.jsonl", "tabletop", depth_scale=10000.0)
    with pytest.raises(ConfigError, match=r"cm.jsonl:1: the median depth is .*scale"):
        train(settings_of(tmp_path / "o", train_list=small), device="cpu")
    with pytest.raises(ConfigError, match="smaller than data.size 4096"):
        train(settings_of(tmp_path / "o", train_list=stacks, size=4096), device="cpu")
    assert not (tmp_path / "o" / "checkpoints").exists()


def test_out_of_memory_says_what_to_make_smaller(tmp_path, monkeypatch):
    stacks = write_list(tmp_path / "train.jsonl", "tabletop")

    def full(run, settings):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trainer, "one_step", full)
    with pytest.raises(Exception, match="batch 1, crops of 32 px, up to 3 slices") as caught:
        train(settings_of(tmp_path / "o", train_list=stacks), device="cpu")
    for flag in ("train.batch=1", "train.accumulation", "gradient_checkpointing=true", "trains=lora"):
        assert flag in caught.value.advice


def test_processes_and_passes_share_out_the_same_samples():
    train_settings = Sd3Settings().train.model_copy(update={"batch": 2, "accumulation": 3})
    alone = train_settings.model_copy(update={"batch": 4})
    for step in (0, 5):
        shared = [list(positions_of(step, train_settings, 2, process)) for process in (0, 1)]
        both = [first + second for first, second in zip(*shared, strict=True)]
        assert both == list(positions_of(step, alone, 1, 0))


def test_the_rate_rises_and_falls():
    t = Sd3Settings().train.model_copy(update={"steps": 100, "warm_up": 10, "learning_rate": 1.0})
    rates = np.array([rate_at(step, t) for step in range(100)])
    assert rates[0] == pytest.approx(0.1) and rates.argmax() in (9, 10) and rates[-1] < 0.02
