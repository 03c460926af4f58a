"""Processes: how weights are cut into shards, when gradients meet, and that one stop is everyone's."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import accelerate
import pytest
import torch

from focusgen.base.errors import CorruptInputError
from focusgen.focal.sd3.build import build_shapes
from focusgen.focal.sd3.design import Design
from focusgen.focal.sd3.process import (
    BLOCK,
    UnreadError,
    any_process,
    new_accelerator,
    read_by_all,
    synchronised,
)
from focusgen.focal.sd3.settings import TrainSettings


@pytest.mark.parametrize("precision, dtype", [("bf16", torch.bfloat16), ("fp32", None)])
def test_shards_are_blocks_and_what_goes_in_is_not_rounded(monkeypatch, precision, dtype):
    asked = {}
    monkeypatch.setattr(accelerate, "Accelerator", lambda **words: asked.update(words))
    new_accelerator(TrainSettings(fsdp=True, precision=precision), "auto")
    plugin = asked["fsdp_plugin"]
    assert (plugin.fsdp_version, plugin.transformer_cls_names_to_wrap) == (2, [BLOCK])
    policy = plugin.mixed_precision_policy
    assert (policy.param_dtype, policy.reduce_dtype) == (dtype, torch.float32)
    assert policy.cast_forward_inputs is False
    blocks = [one for one in build_shapes(Design()).modules() if type(one).__name__ == BLOCK]
    assert len(blocks) == 2, "diffusers' name of the class"
    new_accelerator(TrainSettings(fsdp=False, precision=precision), "cpu")
    assert asked["fsdp_plugin"] is None and asked["cpu"] is True


def test_gradients_meet_after_the_last_pass_of_a_step_only():
    calls = []
    accelerator = SimpleNamespace(no_sync=lambda model: calls.append(model) or nullcontext("apart"))
    with synchronised(accelerator, "model", is_last=False) as how:
        assert how == "apart"
    with synchronised(accelerator, "model", is_last=True) as how:
        assert how is None


def test_one_process_that_is_told_to_stop_stops_all():
    alone = SimpleNamespace(num_processes=1)
    assert any_process(alone, True) and not any_process(alone, False)
    for others, stops in ((0.0, False), (1.0, True)):
        pair = SimpleNamespace(
            num_processes=2, device="cpu", reduce=lambda told, how, others=others: told + others
        )
        assert any_process(pair, False) is stops


def test_what_one_process_cannot_read_ends_all_of_them():
    def broken() -> int:
        raise CorruptInputError("a.png is gone")

    pair = {
        others: SimpleNamespace(
            num_processes=2, device="cpu", reduce=lambda told, how, others=others: told + others
        )
        for others in (0.0, 1.0)
    }
    assert read_by_all(pair[0.0], lambda: 7) == 7
    for read, others, said in ((broken, 0.0, "a.png is gone"), (lambda: 7, 1.0, "another process")):
        with pytest.raises(UnreadError) as caught:
            read_by_all(pair[others], read)
        assert said in caught.value.cause.message
