"""Tiny networks and stacks for the tests of this room."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from focusgen.focal.sd3 import feed
from focusgen.focal.sd3.build import build
from focusgen.focal.sd3.design import Design
from focusgen.focal.sd3.network import FocalSd3, StackInput


def stack_input(n: int = 3, batch: int = 2, side: int = 32, seed: int = 0) -> StackInput:
    draw = torch.Generator().manual_seed(seed)
    rand = lambda *shape: torch.rand(*shape, generator=draw)  # noqa: E731
    return StackInput(
        2.0 * rand(batch, n, 3, side, side) - 1.0,
        torch.ones(batch, n, dtype=torch.bool),
        torch.linspace(2.0, 0.3, n).expand(batch, n) + 0.1 * rand(batch, 1),
        torch.full((batch,), 5.0),
        2.0 * rand(batch, 3, side, side) - 1.0,
        0.3 + 1.7 * rand(batch, 1, side, side),
        rand(batch, 1, side, side),
    )


def awake(design: Design) -> FocalSd3:
    """Return a network all of whose parts matter: gates open, no zeros."""
    net = build(design)
    draw = torch.Generator().manual_seed(7)
    with torch.no_grad():
        net.gate.fill_(0.5)
        for parameter in net.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=draw))
    return net.eval()


def in_threads(workers: int, begin: Callable[..., object], arguments: tuple[Any, ...]) -> ThreadPoolExecutor:
    """Be the feed's pool with threads of this process: the same calls, without seconds of imports."""
    feed._pool[:] = arguments
    return ThreadPoolExecutor(workers)
