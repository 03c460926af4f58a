"""A training under way: its parts, and how it is saved and taken up again."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from focusgen.base.names import display
from focusgen.focal.sd3.batches import Batches
from focusgen.focal.sd3.feed import Feed
from focusgen.focal.sd3.network import FocalSd3
from focusgen.focal.sd3.settings import Sd3Settings
from focusgen.focal.sd3.sharding import gathered, gathered_optimizer, share_out_optimizer, shared_out
from focusgen.focal.sd3.state import FOLDER, Average, best_step, save_state

WORST = math.inf
"""Error on validation before anything was judged."""


@dataclass
class Run:
    """One training under way.

    Attributes:
        net: the network itself.
        model: the same, as it is called: wrapped for several processes.
        average: its averaged weights; None with decay 0.
        train: what is learned from, pass by pass.
        step: steps that are done.
        saved: those of them that the newest checkpoint holds.
        own_steps: those of them that were done in this folder, whose log has them.
        best: smallest error on validation so far.
        stacks: split -> digest of what is learned from, and judged on.
    """

    net: FocalSd3
    model: nn.Module
    optimizer: Any
    accelerator: Any
    average: Average | None
    batches: Batches
    train: Feed
    val: Batches | None
    n_val: int
    n_train: int
    step: int = 0
    saved: int = 0
    own_steps: int = 0
    best: float = WORST
    rows: list[dict[str, float]] = field(default_factory=list)
    stacks: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the network have its averaged weights; afterwards, whatever happens, its own."""
        if self.average is not None:
            self.average.exchange(trained_of(self.net))
        try:
            yield
        finally:
            if self.average is not None:
                self.average.exchange(trained_of(self.net))

    def save(self, settings: Sd3Settings, *, is_best: bool) -> None:
        """Write a checkpoint of this step; all processes come here."""
        is_main = self.accelerator.is_main_process
        weights = gathered(trained_of(self.net), keeps=is_main)
        average = None if self.average is None else gathered(self.average.values, keeps=is_main)
        optimizer = gathered_optimizer(self.optimizer, keeps=is_main)
        if is_main:
            state = {
                "step": self.step,
                "best": self.best,
                "weights": weights,
                "average": average,
                "optimizer": optimizer,
                "rows": self.rows,
                "stacks": self.stacks,
            }
            save_state(settings.output_dir, state, settings, is_best=is_best)
        self.saved = self.step
        self.accelerator.wait_for_everyone()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a checkpoint."""
        with torch.no_grad():
            for name, value in trained_of(self.net).items():
                value.copy_(shared_out(state["weights"][name], value))
        share_out_optimizer(self.optimizer, state["optimizer"])
        if self.average is not None:
            before = (
                state["average"] or state["weights"]
            )  # a run that begins to average begins with its weights
            for name, mean in self.average.values.items():
                mean.copy_(shared_out(before[name].to(mean.dtype), mean))
        self.step = self.saved = int(state["step"])
        self.best, self.rows = float(state["best"]), list(state["rows"])

    def compare_stacks(self, state: Mapping[str, Any], path: Path, folder: Path) -> None:
        """Say that other stacks are learned from now; what was best on others, or elsewhere, does not count.

        Neither does what was best where the kept best is of steps that are done anew: it is given up.

        Checkpoints of older versions do not say what they learned from.
        """
        before = state.get("stacks", self.stacks)
        is_own = path.parent.resolve() == (folder / FOLDER).resolve()
        self.own_steps = self.step if is_own else 0
        if before["val"] != self.stacks["val"] or not is_own or best_step(folder) > self.step:
            self.best = WORST
        if before["train"] != self.stacks["train"] and self.accelerator.is_main_process:
            warnings.warn(
                f"{display(str(path))} learned from other stacks (the list or folder has changed): training "
                "goes on with those of now; --resume none begins anew",
                stacklevel=2,
            )


def trained_of(net: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights that are learned, by name."""
    return {name: value for name, value in net.named_parameters() if value.requires_grad}
