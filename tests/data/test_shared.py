"""Workers see the epoch of their own data set, wherever that came from."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from focusgen.data import FocusDataset
from focusgen.data.shared import SharedNumber


class Numbers(Dataset):
    """One item: the number as it is known there."""

    def __init__(self) -> None:
        self.number = SharedNumber()

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        self.number.count()
        return int(self.number)


def test_workers_that_persist_see_the_number_and_count_it():
    loader = DataLoader(Numbers(), num_workers=1, persistent_workers=True)
    seen = []
    for number in (0, 6):
        loader.dataset.number.set(number)
        seen += [int(item) for item in loader]
    assert seen == [1, 7] and int(loader.dataset.number) == 7


def pickled(data: FocusDataset) -> FocusDataset:
    return pickle.loads(pickle.dumps(data))  # noqa: S301 - made in this very line


@pytest.mark.parametrize("again", [copy.deepcopy, pickled])
def test_a_data_set_that_was_copied_or_pickled_draws_other_crops_in_the_next_epoch(finished, again):
    """As submitit, ray and trainers hand it on; its workers persist and are never sent the epoch."""
    original = FocusDataset(finished, "train", window=2, crop=(16, 16), modalities=("depth",))
    data = again(original)
    loader = DataLoader(data, batch_size=None, num_workers=1, persistent_workers=True)
    crops = []
    for epoch in range(2):
        data.set_epoch(epoch)
        crops.append(torch.stack([sample["crop"] for sample in loader]))
    assert not torch.equal(*crops)
    assert torch.equal(crops[0], torch.stack([original[i]["crop"] for i in range(len(original))]))
