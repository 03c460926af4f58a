"""The makespan of a packing, and one that nobody can beat."""

from __future__ import annotations

import numpy as np

from focusgen.cluster.packing import Packing, Seconds


def makespan_s(packing: Packing) -> float:
    """Return the predicted time of the longest worker over all phases."""
    return float(packing.load_s.sum(axis=1).max(initial=0.0))


def lower_bound_s(cost_s: Seconds, n_workers: int) -> float:
    """Return a makespan that no packing of these costs into `n_workers` can beat."""
    if not len(cost_s):
        return 0.0
    ordered = np.sort(cost_s)[::-1]
    bounds = [float(cost_s.sum()) / n_workers]
    # Of the k n + 1 longest some worker has k + 1, and those take at least what the k + 1 shortest take.
    for k in range((len(ordered) - 1) // n_workers + 1):
        bounds.append(float(ordered[k * n_workers - k : k * n_workers + 1].sum()))
    return max(bounds)
