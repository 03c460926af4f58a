"""The balanced sampler shows rare labels more often than a walk through the data does."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch.utils.data import ConcatDataset

from focusgen.data import FocusDataset, balanced_sampler, sampling, windows


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


@pytest.mark.parametrize(
    "wrong", [{"n_samples": 0}, {"n_samples": True}, {"seed": 1.5}, {"n_ranks": 2}, {"rank": 2, "n_ranks": 2}]
)
def test_numbers_that_make_no_sense_are_refused_by_name(finished, wrong):
    with pytest.raises(ValueError, match="rank" if "n_ranks" in wrong else next(iter(wrong))):
        balanced_sampler(FocusDataset(finished, "train"), **wrong)


def test_several_data_sets_in_one_are_refused_by_their_type(finished):
    data = FocusDataset(finished, "train", window=2)
    with pytest.raises(ValueError, match="ConcatDataset is no FocusDataset"):
        balanced_sampler(ConcatDataset([data, data]))


def test_more_items_than_torch_draws_from_are_refused_before_depth_is_read(finished, monkeypatch):
    monkeypatch.setattr(sampling, "MAX_ITEMS", 3)
    monkeypatch.setattr(sampling, "read_frame", lambda *_: pytest.fail("read"))
    with pytest.raises(ValueError, match="torch draws from 3 at most: give a larger stride"):
        balanced_sampler(FocusDataset(finished, "train", window=2))


def test_ranks_share_the_draws_of_one_process_and_have_as_many(finished):
    data = FocusDataset(finished, "train", window=2)
    alone = balanced_sampler(data, n_samples=8, seed=1)
    ranks = [balanced_sampler(data, n_samples=7, seed=1, rank=rank, n_ranks=2) for rank in (0, 1)]
    for _ in range(2):  # epochs
        whole, halves = list(alone), [list(one) for one in ranks]
        assert [len(one) for one in ranks] == [len(half) for half in halves] == [4, 4]
        assert halves == [whole[::2], whole[1::2]]


def test_several_ranks_of_which_nobody_says_which_one_this_is_are_warned_of(finished, monkeypatch):
    data = FocusDataset(finished, "train", window=2)
    for name, answer in (("is_initialized", True), ("get_world_size", 2)):
        monkeypatch.setattr(torch.distributed, name, lambda answer=answer: answer)
    with pytest.warns(UserWarning, match=r"the same items: give rank=dist.get_rank\(\), n_ranks="):
        balanced_sampler(data)
    with warnings.catch_warnings(action="error"):
        balanced_sampler(data, rank=0, n_ranks=1)


def test_a_training_that_resumes_goes_on_with_the_draws_of_its_epoch(finished):
    data = FocusDataset(finished, "train", window=2)
    whole, resumed = (
        balanced_sampler(data, n_samples=40, seed=1),
        balanced_sampler(data, n_samples=40, seed=1),
    )
    epochs = []
    for epoch in range(3):
        whole.set_epoch(epoch)
        epochs.append(list(whole))
    assert len({tuple(draws) for draws in epochs}) == 3
    resumed.set_epoch(2)
    assert list(resumed) == epochs[2]
    assert list(balanced_sampler(data, n_samples=40, seed=1)) == epochs[0], "as without a word of epochs"
    with pytest.raises(ValueError, match="epoch 1.5"):
        resumed.set_epoch(1.5)


def test_ranks_draw_alike_in_an_epoch_that_each_is_told(finished):
    data = FocusDataset(finished, "train", window=2)
    ranks = [balanced_sampler(data, n_samples=8, seed=1, rank=rank, n_ranks=2) for rank in (0, 1)]
    alone = balanced_sampler(data, n_samples=8, seed=1)
    next(iter(ranks[0]))  # one of them has drawn before
    for sampler in (alone, *ranks):
        sampler.set_epoch(5)
    whole = list(alone)
    assert [list(one) for one in ranks] == [whole[::2], whole[1::2]]


def test_a_depth_map_is_read_once_for_all_lens_sets(finished, monkeypatch):
    data = FocusDataset(finished, "train", window=2)
    read = []
    monkeypatch.setattr(
        sampling,
        "read_frame",
        lambda scene, k, what, frame: (
            read.append((scene.scene_id, frame)) or windows.read_frame(scene, k, what, frame)
        ),
    )
    balanced_sampler(data)
    assert len(data) > len(read) == len(set(read))
