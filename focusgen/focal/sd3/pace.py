"""How training goes forward: which samples a step takes, and how far its weights move."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from focusgen.focal.sd3.settings import TrainSettings

LEAST_RATE = 0.01
"""Of the learning rate, at the last step."""


def positions_of(step: int, t: TrainSettings, n_processes: int, process: int) -> Iterator[list[int]]:
    """Yield, for each pass of a step, the places of this process' samples in the endless sequence."""
    per_pass = t.batch * n_processes
    for part in range(t.accumulation):
        first = (step * t.accumulation + part) * per_pass + process * t.batch
        yield list(range(first, first + t.batch))


def rate_at(step: int, t: TrainSettings) -> float:
    """Return the learning rate: up from nothing, then down along a cosine."""
    if step < t.warm_up:
        return t.learning_rate * (step + 1) / t.warm_up
    part = (step - t.warm_up) / max(t.steps - t.warm_up, 1)
    return t.learning_rate * (LEAST_RATE + (1.0 - LEAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * part)))


def groups_of(trained: Mapping[str, nn.Parameter], t: TrainSettings) -> list[dict[str, Any]]:
    """Return what is trained; gates begin closed, and open at a rate of their own."""
    gates = [value for name, value in trained.items() if name == "gate"]
    others = [value for name, value in trained.items() if name != "gate"]
    return [
        {"params": others, "factor": 1.0, "lr": t.learning_rate},
        {"params": gates, "factor": t.gate_rate / t.learning_rate, "weight_decay": 0.0, "lr": t.gate_rate},
    ]
