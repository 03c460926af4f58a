"""Batches: step and seed say all, and more stacks come in as training goes on."""

from pathlib import Path

import pytest
import torch

from focusgen.base.errors import ConfigError
from focusgen.focal.kept import PRIORS
from focusgen.focal.learned import batches, guess
from focusgen.focal.learned.batches import Batches, NoLongerAwaited
from focusgen.focal.learned.shards import StackSet
from tests.focal.learned.small import small_settings


def test_a_step_draws_the_same_batch_in_every_process(stacks: StackSet, tmp_path: Path):
    settings = small_settings(stacks.folder, tmp_path)
    first, again = (Batches(stacks, settings).batch(4) for _ in range(2))
    assert torch.equal(first.given.volume, again.given.volume) and torch.equal(
        first.truth.diopters, again.truth.diopters
    )
    assert not torch.equal(first.given.volume, Batches(stacks, settings).batch(5).given.volume)


def test_the_pool_grows_to_all(stacks: StackSet, tmp_path: Path):
    data = small_settings(stacks.folder, tmp_path).data
    assert [data.pool(step) for step in (0, 2, 3, 4, 100)] == [4, 4, 5, 6, 8]


def test_a_stack_that_never_comes_is_named(stacks: StackSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batches, "PATIENCE_S", -1.0)
    empty = StackSet(tmp_path, stacks.recipe)
    with (
        pytest.warns(UserWarning, match="waits up to"),
        pytest.raises(ConfigError, match=r"stack \d is not there"),
    ):
        Batches(empty, small_settings(stacks.folder, tmp_path)).batch(0)


def test_who_is_told_to_stop_does_not_wait_for_stacks(stacks, tmp_path):
    empty = StackSet(tmp_path, stacks.recipe)
    with pytest.raises(NoLongerAwaited), pytest.warns(UserWarning, match="minutes for stack .* --n_stacks"):
        Batches(empty, small_settings(tmp_path, tmp_path), lambda: True).batch(0)


def test_from_a_step_on_a_stack_is_seen_in_all_four_ways_with_its_truth(stacks: StackSet, tmp_path: Path):
    settings = small_settings(stacks.folder, tmp_path)
    only = {"looks": 1, "first": 1, "per_step": 0.0, "mirror_from": 1}
    drawn = Batches(stacks, settings.model_copy(update={"data": settings.data.model_copy(update=only)}))
    plain = drawn.batch(0)
    assert torch.equal(plain.given.classical[0], plain.given.classical[1])
    seen = set()
    for step in range(1, 13):
        given, truth = drawn.batch(step)
        for k in range(2):
            ways = [
                axes
                for axes in ((), (1,), (2,), (1, 2))
                if torch.equal(truth.diopters[k].flip(axes), plain.truth.diopters[0])
            ]
            seen |= set(ways)
            for mine, theirs in zip((*given, truth.sharp), (*plain.given, plain.truth.sharp), strict=True):
                back = mine[k].flip([axis - 3 for axis in ways[0]]) if mine.dim() > 2 else mine[k]
                assert torch.equal(back, theirs[0])
    assert len(seen) == 4


def test_classical_results_are_found_once_for_each_look_and_change_nothing(
    stacks: StackSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = small_settings(stacks.folder, tmp_path)
    only = {"looks": 1, "first": 1, "mirror_from": 2}
    one_look = settings.model_copy(update={"data": settings.data.model_copy(update=only)})
    fresh = Batches(stacks, one_look).batch(0)
    monkeypatch.setattr(guess, "estimate", lambda *given: pytest.fail("it is there"))
    again = Batches(stacks, one_look).batch(1)  # another step draws the only look of the only stack again
    assert torch.equal(fresh.given.guess, again.given.guess)
    assert len(list((tmp_path / PRIORS).iterdir())) == 1
