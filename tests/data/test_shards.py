"""Streamed windows are the windows of the files, for any number of workers; damage is named."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.data import FocusDataset, FocusShards
from focusgen.tools.export import export

SIZE = {"window": 4, "stride": 3, "crop": 24, "seed": 2}


def key(sample) -> tuple[str, int, int]:
    return sample["scene"], int(sample["frames"][0]), sample["set"]


def is_equal(one, other) -> bool:
    def same(x, y) -> bool:
        return torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y

    return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)


@pytest.fixture
def shards(finished, tmp_path):
    dest = tmp_path / "shards"
    export(finished, dest, "webdataset", shard_mb=1)  # a scene to a shard, about
    return dest


def test_streamed_items_are_those_of_the_files(finished, shards):
    from_files = list(FocusDataset(finished, "train", **SIZE))
    streamed = list(FocusShards(shards, "train", shuffle=False, **SIZE))
    assert [key(sample) for sample in streamed] == [key(sample) for sample in from_files]
    assert all(map(is_equal, streamed, from_files))
    shuffled = FocusShards(shards, "train", recompute_labels=True, **SIZE)
    shuffled.set_epoch(1)
    assert {key(sample) for sample in shuffled} == {key(sample) for sample in from_files}


@pytest.mark.slow
def test_two_spawned_workers_share_the_items_without_repeating_any(shards):
    here = sorted(key(sample) for sample in FocusShards(shards, "train", **SIZE))
    loader = DataLoader(
        FocusShards(shards, "train", **SIZE), batch_size=None, num_workers=2, multiprocessing_context="spawn"
    )
    assert sorted(key(sample) for sample in loader) == here


def test_a_damaged_shard_and_a_missing_label_are_named(finished, shards, tmp_path):
    path = next(iter(sorted(shards.glob("train-*.tar"))))
    data = bytearray(path.read_bytes())
    at = data.index(b"\x89PNG") + 60
    data[at] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(CorruptInputError, match=rf"{path.name}.*sharp\.png"):
        list(FocusShards(shards, "train", **SIZE))
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CorruptInputError, match=path.name):
        list(FocusShards(shards, "train", **SIZE))
    without = tmp_path / "without"
    export(finished, without, "webdataset", with_focus=False)
    with pytest.raises(CorruptInputError, match=r"focus_00\.npz"):
        list(FocusShards(without, "train", **SIZE))
    assert next(iter(FocusShards(without, "train", recompute_labels=True, **SIZE)))["focus"].max() <= 1


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no shards"):
        FocusShards(tmp_path, "train")
