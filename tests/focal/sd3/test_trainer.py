"""Training: stopped and resumed to the bit, and lists that cannot be trained on are named."""

from __future__ import annotations

import os
import signal

import pytest
import torch

from focusgen.base.errors import ConfigError, FocusgenError, ModelMemoryError
from focusgen.focal.sd3 import process, trainer
from focusgen.focal.sd3.samples import StackPool
from focusgen.focal.sd3.settings import Sd3Settings
from focusgen.focal.sd3.state import find_state
from focusgen.focal.sd3.trainer import start, train
from tests.focal.sd3.lists import write_list
from tests.focal.sd3.stacks import record, write_lines
from tests.focal.test_train_job import is_held
from tests.sd3_tiny import build as build_model


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
    stacks = write_lines(tmp_path / "train.jsonl", record(tmp_path / "files", "a"))
    whole = train(settings_of(tmp_path / "whole", train_list=stacks), device="cpu")

    def stop(step, means):
        assert is_held(settings.output_dir)  # against another training
        if step == 2:
            os.kill(os.getpid(), signal.SIGUSR1)

    settings = settings_of(tmp_path / "cut", train_list=stacks)
    with pytest.raises(process.Stopped, match="after step 2"):
        train(settings, tell=stop, device="cpu")
    assert find_state(settings.output_dir, "auto").name == "step_0000002.pt"
    told: list[int] = []
    resumed = train(settings, tell=lambda step, means: told.append(step), device="cpu")
    assert told == [3, 4] and same(whole, resumed)
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
    stacks = write_lines(tmp_path / "train.jsonl", record(tmp_path / "files", "a"))

    def full(run, settings):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trainer, "one_step", full)
    with pytest.raises(ModelMemoryError, match="batch 1 x accumulation 1, crops of 32 px, up to 3") as caught:
        train(settings_of(tmp_path / "o", train_list=stacks), device="cpu")
    for flag in ("train.batch=1", "train.accumulation", "gradient_checkpointing=true", "trains=lora"):
        assert flag in caught.value.advice


def kept_bytes(run, settings) -> tuple[int, dict[str, float]]:
    """Return what a step keeps for its gradients, and its means."""
    sizes = []

    def count(kept):
        sizes.append(kept.numel() * kept.element_size())
        return kept

    with torch.autograd.graph.saved_tensors_hooks(count, lambda kept: kept):
        means = trainer.one_step(run, settings)
    return sum(sizes), means


def test_gradient_checkpointing_keeps_less_of_transformer_and_autoencoder_and_learns_the_same(tmp_path):
    stacks = write_lines(tmp_path / "train.jsonl", record(tmp_path / "files", "a"))
    model = {"base_model": str(build_model(tmp_path / "sd35")), "gate": 0.5}
    found = []
    for name, part in (("none", None), ("trunk", "codec"), ("both", "")):
        settings = settings_of(tmp_path / name, train_list=stacks)
        document = settings.model_dump(mode="json")
        document["model"] |= model
        document["train"]["gradient_checkpointing"] = part is not None
        settings = Sd3Settings.model_validate(document)
        run = start(settings, "none", "cpu")
        if part == "codec":
            run.net.codec.vae.disable_gradient_checkpointing()
        found.append(kept_bytes(run, settings))
    (none, means), (trunk, _), (both, again) = found
    assert trunk < 0.8 * none and both < 0.8 * trunk
    assert again == pytest.approx(means, rel=1e-4)


def test_a_loss_that_is_no_number_stops_before_the_weights_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    path = write_lines(tmp_path / "train.jsonl", record(tmp_path / "f", "odd"))
    settings = settings_of(tmp_path / "o", train_list=path, size=16)
    settings = settings.model_copy(
        update={"train": settings.train.model_copy(update={"checkpoint_every": 1})}
    )
    plain, seen = trainer.losses, []

    def broken(answer, *more):
        seen.append(answer)
        parts = plain(answer, *more)
        return {**parts, "depth": parts["depth"] * (torch.nan if len(seen) == 3 else 1.0)}

    monkeypatch.setattr(trainer, "losses", broken)
    with pytest.raises(ConfigError, match=r"step 3: the loss is nan \(depth\) on odd") as caught:
        train(settings, device="cpu")
    assert "train.learning_rate" in caught.value.advice and "--resume auto" in caught.value.advice
    assert find_state(settings.output_dir, "auto").name == "step_0000002.pt"
    monkeypatch.setattr(trainer, "losses", plain)
    assert train(settings, device="cpu").step == 4


def test_a_run_that_begins_to_average_later_begins_with_its_weights(tmp_path):
    path = write_lines(tmp_path / "train.jsonl", record(tmp_path / "f", "one"))
    settings = settings_of(tmp_path / "o", 1, train_list=path, size=16)
    without = settings.model_copy(update={"train": settings.train.model_copy(update={"ema": 0.0})})
    drafts = [tmp_path / "o" / place / f".x.{os.getpid()}.tmp" for place in ("", "checkpoints", "priors")]
    for draft in drafts:  # of a kill
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.touch()
    assert train(without, device="cpu").average is None
    resumed = start(settings, "auto", "cpu")
    assert not any(draft.exists() for draft in drafts)
    trained = dict(resumed.net.named_parameters())
    assert all(torch.equal(value, trained[name]) for name, value in resumed.average.values.items())


def test_a_resumed_run_learns_at_the_pace_of_its_settings_now(tmp_path):
    path = write_lines(tmp_path / "train.jsonl", record(tmp_path / "f", "one"))
    settings = settings_of(tmp_path / "o", 1, train_list=path, size=16)
    train(settings, device="cpu")
    now = {"learning_rate": 1e-4, "gate_rate": 1e-5, "weight_decay": 0.3, "epsilon": 1e-4, "steps": 2}
    changed = settings.model_copy(update={"train": settings.train.model_copy(update=now)})
    weights, gates = start(changed, "auto", "cpu").optimizer.param_groups
    assert (weights["weight_decay"], weights["eps"], weights["factor"]) == (0.3, 1e-4, 1.0)
    assert (gates["weight_decay"], gates["eps"]) == (0.0, 1e-4) and gates["factor"] == pytest.approx(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "val"])
def test_a_file_that_vanishes_costs_no_step_that_was_done(tmp_path, monkeypatch, split):
    lists = {
        f"{name}_list": write_lines(tmp_path / f"{name}.jsonl", record(tmp_path / "f", name))
        for name in ("train", "val")
    }
    settings = settings_of(tmp_path / "o", size=16, keep_priors=False, **lists)
    settings = settings.model_copy(update={"train": settings.train.model_copy(update={"val_every": 3})})
    monkeypatch.setattr(StackPool, "shown", StackPool._made)  # read anew for every step
    picture = tmp_path / "f" / f"{split}_sharp.png"
    data = picture.read_bytes()

    def vanish(step, means):
        if step == 2:
            picture.unlink()

    step = {"train": 2, "val": 3}[split]
    with pytest.raises(FocusgenError, match=rf"{split}.jsonl:1: all_in_focus") as caught:
        train(settings, tell=vanish, device="cpu")
    assert f"Step {step} is saved" in caught.value.advice
    assert find_state(settings.output_dir, "auto").name == f"step_000000{step}.pt"
    with pytest.raises(FocusgenError) as caught:
        train(settings, device="cpu")  # nothing was learned: nothing is saved, and the checkpoint stays
    assert "is saved" not in caught.value.advice
    picture.write_bytes(data)
    whole = train(settings.model_copy(update={"output_dir": tmp_path / "whole"}), device="cpu")
    assert same(train(settings, device="cpu"), whole)
