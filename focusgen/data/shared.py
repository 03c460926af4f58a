"""A number that a data set and its workers see alike."""

from __future__ import annotations

from typing import Any

import torch


class SharedNumber:
    """A whole number that worker processes share, also those that persist over epochs.

    A copy, or what any pickle but torch's own makes of it (submitit's, ray's), has a number of its own, and
    shares it with workers of its own.
    """

    def __init__(self) -> None:
        self._cell = _shared(torch.zeros(1, dtype=torch.int64))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._cell = _shared(state["_cell"])

    def __int__(self) -> int:
        return int(self._cell)

    def set(self, number: int) -> None:
        """Let it be `number` from now on, in all workers."""
        self._cell[0] = number

    def count(self) -> None:
        """Let it be one more."""
        self._cell += 1


def _shared(cell: torch.Tensor) -> torch.Tensor:
    """Return a tensor in memory that workers see too; one that is there already stays where it is."""
    return cell.share_memory_()  # type: ignore[no-any-return,no-untyped-call]
