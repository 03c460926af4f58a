"""Scenes into workers by predicted cost, longest first (LPT), so that each worker loads its model once."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError

Seconds = npt.NDArray[np.float64]
GROWTH = 1.1
"""Factor on the number of workers while a pack is still predicted to pass its wall time."""


MAX_REFINED = 2000
"""Scenes up to which a packing is refined; with more of them LPT is close to the bound by itself."""


@dataclass(frozen=True)
class Packing:
    """Which scenes (by position) each worker gets, and the predicted seconds of each worker and phase."""

    members: tuple[npt.NDArray[np.int64], ...]
    load_s: Seconds


def pack(cost_s: Seconds, n_workers: int) -> Packing:
    """Return the scenes of each worker, every scene to the worker that has least to do.

    Args:
        cost_s: (scenes, phases) predicted seconds.
        n_workers: at least 1; fewer are used where there are fewer scenes.
    """
    if not len(cost_s):
        return Packing((), cost_s)
    total_s = cost_s.sum(axis=1)
    n_workers = max(1, min(n_workers, len(total_s)))
    order = np.argsort(-total_s, kind="stable")
    owner = np.empty(len(total_s), np.int64)
    heap: list[tuple[float, int]] = [(0.0, worker) for worker in range(n_workers)]
    for position, seconds in zip(order.tolist(), total_s[order].tolist(), strict=True):
        load_s, worker = heap[0]
        owner[position] = worker
        heapq.heapreplace(heap, (load_s + seconds, worker))
    if len(total_s) <= MAX_REFINED:
        _refine(owner, total_s, n_workers)
    by_owner = np.argsort(owner, kind="stable")  # within a worker scenes stay in index order
    bounds = np.searchsorted(owner[by_owner], np.arange(n_workers + 1))
    members = tuple(by_owner[start:stop] for start, stop in zip(bounds[:-1], bounds[1:], strict=True))
    load_s_of = [np.bincount(owner, cost_s[:, phase], n_workers) for phase in range(cost_s.shape[1])]
    return Packing(members, np.stack(load_s_of, axis=1))


def _refine(owner: npt.NDArray[np.int64], total_s: Seconds, n_workers: int) -> None:
    """Shorten the longest worker by moves and swaps of one scene, in place, as long as one helps.

    LPT alone leaves 7-9 % over the bound where a worker gets only two or three scenes.
    """
    load_s = np.bincount(owner, total_s, n_workers)
    # A swap with a scene of zero cost, one per worker, is a move.
    other_s = np.concatenate([total_s, np.zeros(n_workers)])
    for _ in range(MAX_REFINED):
        worst = int(load_s.argmax())
        mine = np.flatnonzero(owner == worst)
        other_owner = np.concatenate([owner, np.arange(n_workers)])
        change_s = total_s[mine][:, None] - other_s[None, :]
        after_s = np.maximum(load_s[worst] - change_s, load_s[other_owner][None, :] + change_s)
        after_s[:, other_owner == worst] = np.inf
        given, taken = np.unravel_index(int(after_s.argmin()), after_s.shape)
        if after_s[given, taken] >= load_s[worst] * (1 - 1e-9):
            return
        to = int(other_owner[taken])
        owner[mine[given]] = to
        if taken < len(total_s):
            owner[taken] = worst
        load_s = np.bincount(owner, total_s, n_workers)


def pack_within(
    cost_s: Seconds, limits_s: Sequence[float], *, wanted: int, at_most: int | None = None, multiple: int = 1
) -> Packing:
    """Pack into about `wanted` workers, into more where a phase would pass its wall time.

    A scene that passes the limit alone gets a worker of its own: it drains, requeues and goes on.

    Args:
        cost_s: (scenes, phases) predicted seconds.
        limits_s: seconds that a worker may be planned to take, per phase.
        wanted: workers if time allows.
        at_most: workers that the cluster accepts.
        multiple: the number of workers is rounded up to a multiple of this (GPUs of a node).

    Raises:
        ConfigError: more workers are needed than the cluster accepts.
    """
    limits = np.asarray(limits_s)
    needed = np.ceil(cost_s.sum(axis=0) / limits).max(initial=1.0) if len(cost_s) else 1
    n_workers = _rounded_up(max(wanted, int(needed)), multiple)
    while True:
        n_used = min(n_workers, len(cost_s))
        if at_most is not None and n_used > at_most:
            raise ConfigError(
                f"{n_used} workers are needed so that none passes its wall time, {at_most} are accepted",
                "Raise cluster.time_h, or submit part of the scenes or phases.",
            )
        packing = pack(cost_s, n_workers)
        too_long: npt.NDArray[np.bool_] = np.any(packing.load_s > limits, axis=1)
        if not any(too_long[worker] and len(scenes) > 1 for worker, scenes in enumerate(packing.members)):
            return packing
        n_workers = _rounded_up(math.ceil(n_workers * GROWTH), multiple)


def one_each(cost_s: Seconds) -> Packing:
    """Return one scene per worker, in index order."""
    return Packing(tuple(np.arange(len(cost_s))[:, None]), cost_s)


def _rounded_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
