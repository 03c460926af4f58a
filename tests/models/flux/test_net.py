"""What both nets share: batch sizes that a resumed scene can rely on, and one ladder per size."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from focusgen.config import Config
from focusgen.models.flux import net as net_module
from focusgen.models.flux.memory import MAX_FRAMES_AT_ONCE
from focusgen.models.flux.net import FluxNet
from focusgen.models.flux.options import FluxOptions, options_of
from focusgen.models.flux.prompts import PromptEmbedding
from focusgen.models.flux.tiling import Tiling
from focusgen.models.flux.tokens import Grid

SMALL, WIDE = Grid(30, 54), Grid(45, 80)


def options(**changes: Any) -> FluxOptions:
    return dataclasses.replace(options_of("deblur", Config().deblur), **changes)


def net_on(device: str, **changes: Any) -> FluxNet:
    sampler: Any = SimpleNamespace(
        weights=SimpleNamespace(device=torch.device(device), width=3072, dtype=torch.bfloat16),
        prompt=PromptEmbedding(torch.zeros(1, 512, 1), torch.zeros(1, 1)),
        notes=("compiled",),
    )
    return FluxNet(sampler, options(**changes))


def test_a_cpu_takes_one_frame_at_a_time_and_a_setting_wins_everywhere(monkeypatch):
    monkeypatch.setattr(net_module, "free_bytes", lambda device: 80 << 30)
    assert net_on("cpu").frames_at_once(SMALL, 2) == 1
    for device in ("cpu", "cuda"):
        assert net_on(device, batch_size=3).frames_at_once(SMALL, 2) == 3


@pytest.mark.parametrize("tiling", [None, Tiling(16, 2)])
def test_a_gpu_takes_what_fits_but_never_more_than_the_limit_nor_less_than_one(monkeypatch, tiling):
    counts = []
    for gib in (1, 8, 24, 80, 1000):
        monkeypatch.setattr(net_module, "free_bytes", lambda device, gib=gib: gib << 30)
        counts.append(net_on("cuda", tiling=tiling, batch_size=None).frames_at_once(SMALL, 1))
    assert counts == sorted(counts) and counts[0] == 1 and counts[-1] == MAX_FRAMES_AT_ONCE


def test_a_batch_size_is_decided_once_for_a_size_although_memory_changes(monkeypatch):
    free = iter([80 << 30, 1 << 30])
    monkeypatch.setattr(net_module, "free_bytes", lambda device: next(free))
    net = net_on("cuda", tiling=None, batch_size=None)
    assert net.frames_at_once(SMALL, 1) == net.frames_at_once(SMALL, 1) > 1
    assert net.frames_at_once(WIDE, 1) == 1


def test_more_conditions_and_larger_frames_take_more_memory(monkeypatch):
    monkeypatch.setattr(net_module, "free_bytes", lambda device: 8 << 30)
    net = net_on("cuda", tiling=None, batch_size=None)
    assert net._samples(SMALL, 0) > net._samples(SMALL, 1) > net._samples(SMALL, 3)
    assert net._samples(WIDE, 1) < net._samples(SMALL, 1)


def test_each_size_climbs_a_ladder_of_its_own_and_all_say_what_they_changed():
    net = net_on("cpu")
    first, second = net._ladder(SMALL), net._ladder(WIDE)
    assert net._ladder(SMALL) is first and second is not first
    first.notes.append("smaller tiles")
    second.notes.extend(["smaller tiles", "one at a time"])
    assert net.approximations == ["compiled", "smaller tiles", "one at a time"]


def test_without_tiling_no_rung_tiles():
    assert {effort.tiling for effort in net_on("cpu", tiling=None)._ladder(WIDE).efforts} == {None}
    assert len({effort.tiling for effort in net_on("cpu", tiling=Tiling(32, 4))._ladder(WIDE).efforts}) > 1
