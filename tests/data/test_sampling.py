"""The balanced sampler shows rare labels more often than a walk through the data does."""

from __future__ import annotations

import pytest
import torch

from focusgen.data import FocusDataset, balanced_sampler


def entropy_of_labels(data: FocusDataset, indices: list[int]) -> float:
    counts = torch.stack([torch.histc(data[i]["focus"], bins=10, min=0, max=1) for i in indices]).sum(0)
    share = counts / counts.sum()
    return float(-(share[share > 0] * share[share > 0].log()).sum())


def test_rare_labels_are_seen_more_often_and_the_draws_are_seeded(finished):
    data = FocusDataset(finished, "train", window=2)
    drawn = list(balanced_sampler(data, n_samples=200, seed=1))
    assert drawn == list(balanced_sampler(data, n_samples=200, seed=1))
    assert len(drawn) == 200 and max(drawn) < len(data)
    with pytest.raises(ValueError, match="no item to draw"):
        balanced_sampler(FocusDataset(finished, "train", window=99))
    assert entropy_of_labels(data, drawn) > entropy_of_labels(data, list(range(len(data))))
