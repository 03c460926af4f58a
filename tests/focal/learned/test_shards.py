"""Files of training stacks: whole, kept, and refused where they are another set's."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focusgen.base.errors import ConfigError, CorruptInputError, ModelMemoryError
from focusgen.focal.learned import shards
from focusgen.focal.learned.shards import StackSet, make_stacks, open_stacks
from focusgen.focal.learned.stacks import training_stack
from tests.focal.learned.small import RECIPE
from tests.small import DEAD_PID


def test_what_was_drawn_is_read_back(stacks: StackSet):
    read, drawn = open_stacks(stacks.folder).read(0)[3], training_stack(RECIPE, 3)
    assert np.array_equal(read.slices, drawn.slices)
    assert np.allclose(read.depth_m, drawn.depth_m, rtol=1e-3)
    assert read.radius_px_m == drawn.radius_px_m and read.notes == drawn.notes


def test_a_second_call_draws_nothing_and_clears_what_a_kill_left(stacks: StackSet):
    before = stacks.shard(0).stat().st_mtime_ns
    drafts = [stacks.folder / f".stacks_00007.npz.{pid}.tmp" for pid in (DEAD_PID, os.getppid())]
    for draft in drafts:
        draft.touch()
    make_stacks(stacks.folder, RECIPE, 8)
    assert stacks.shard(0).stat().st_mtime_ns == before
    assert [draft.exists() for draft in drafts] == [False, True], "of a kill, and of a call beside this one"
    drafts[1].unlink()


def test_another_seed_in_the_same_folder_is_refused(stacks: StackSet):
    with pytest.raises(ConfigError, match="another seed"):
        make_stacks(stacks.folder, replace(RECIPE, seed=6), 8)


def test_a_folder_without_stacks_says_the_command(tmp_path: Path):
    with pytest.raises(ConfigError, match="focal synth"):
        open_stacks(tmp_path)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:1000], lambda data: data[:200] + bytes(64) + data[264:]]
)
def test_a_damaged_file_is_named(stacks: StackSet, tmp_path: Path, damage):
    other = StackSet(tmp_path, RECIPE)
    other.shard(0).write_bytes(damage(stacks.shard(0).read_bytes()))
    with pytest.raises(CorruptInputError, match="stacks_00000"):
        other.read(0)


@pytest.mark.slow
def test_processes_side_by_side_make_the_same_bytes_and_tell_how_far_they_are(tmp_path: Path):
    recipe, told = replace(RECIPE, width=32, height=32), []
    alone = make_stacks(tmp_path / "alone", recipe, 24)
    made = StackSet(tmp_path / "side_by_side", recipe)
    made.folder.mkdir()
    made.shard(1).write_bytes(alone.shard(1).read_bytes())
    make_stacks(made.folder, recipe, 24, lambda done, n: told.append((done, n)), workers=2)
    assert [made.shard(n).read_bytes() for n in range(3)] == [alone.shard(n).read_bytes() for n in range(3)]
    assert told == [(8, 24), (16, 24), (24, 24)]


def test_a_process_that_is_ended_from_outside_is_said_with_the_way_out(tmp_path: Path, monkeypatch):
    class Pool(ThreadPoolExecutor):
        def submit(self, *args: Any) -> Future[Any]:
            ended: Future[Any] = Future()
            ended.set_exception(BrokenProcessPool("a child died"))
            return ended

    monkeypatch.setattr(shards, "ChildPool", lambda n, begin: Pool(n))
    with pytest.raises(ModelMemoryError, match="ended from outside") as caught:
        make_stacks(tmp_path, RECIPE, 16, workers=2)
    assert "--workers" in caught.value.advice


@pytest.mark.parametrize("text", ["{", "{}", '{"recipe": {"seeds": 1}}'])
def test_a_set_that_does_not_say_what_it_is_is_named(tmp_path: Path, text: str):
    (tmp_path / "about.json").write_text(text)
    with pytest.raises(CorruptInputError, match=r"about\.json: does not say"):
        open_stacks(tmp_path)


def test_nothing_is_made_where_nobody_knows_what_is_there(tmp_path: Path):
    (tmp_path / "about.json").write_bytes(b"")
    with pytest.raises(CorruptInputError, match=r"about\.json: does not say"):
        make_stacks(tmp_path, RECIPE, 8)
