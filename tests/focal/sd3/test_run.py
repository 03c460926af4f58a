"""A training that is taken up again knows what it learned from, and gives its own weights back."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from focusgen.focal.sd3.run import WORST, Run, trained_of
from focusgen.focal.sd3.state import Average


def run_on(train: str, val: str) -> Run:
    accelerator = SimpleNamespace(is_main_process=True)
    run = Run(*[None] * 3, accelerator, *[None] * 4, 1, 2, best=0.25)
    run.stacks = {"train": train, "val": val}
    return run


def test_other_stacks_than_a_checkpoint_s_are_said_and_what_was_best_on_others_is_not_any_more(tmp_path):
    own, state = tmp_path / "checkpoints" / "step_0000002.pt", {"stacks": {"train": "a", "val": "v"}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for before, path, val, best in (
            (state, own, "v", 0.25),
            ({}, own, "v", 0.25),  # an older version's
            (state, own, "w", WORST),
            (state, tmp_path / "elsewhere" / "step_0000002.pt", "v", WORST),
        ):
            run = run_on("a", val)
            run.compare_stacks(before, path, tmp_path)
            assert run.best == best
    with pytest.warns(UserWarning, match=r"step_0000002\.pt learned from other stacks"):
        run_on("b", "v").compare_stacks(state, own, tmp_path)


def test_a_best_checkpoint_of_steps_that_are_done_anew_does_not_count_and_logs_are_of_one_training(tmp_path):
    own, state = tmp_path / "checkpoints" / "step_0000002.pt", {}
    own.parent.mkdir()
    for kept, path, best, own_steps in (
        (2, own, 0.25, 2),
        (4, own, WORST, 2),
        (2, tmp_path / "elsewhere" / "step_0000002.pt", WORST, 0),
    ):
        torch.save({"step": kept, "weights": torch.zeros(3)}, own.parent / "best.pt")
        run = run_on("a", "v")
        run.step = 2
        run.compare_stacks(state, path, tmp_path)
        assert (run.best, run.own_steps) == (best, own_steps)


def test_averaged_weights_are_taken_back_even_where_judging_fails():
    net = nn.Linear(2, 1)
    net.bias.requires_grad_(False)
    assert list(trained_of(net)) == ["weight"]
    run = run_on("a", "v")
    run.net, run.average = net, Average(trained_of(net), 0.9)
    own = net.weight.detach().clone()
    run.average.values["weight"].zero_()
    with pytest.raises(RuntimeError, match="judging"), run.averaged():
        assert torch.equal(net.weight, torch.zeros(1, 2))
        raise RuntimeError("judging")
    assert torch.equal(net.weight, own)
