"""Indices into arrays: below MaxArraySize, written as sbatch takes them."""

from __future__ import annotations

import pytest

from focusgen.base.errors import ConfigError
from focusgen.cluster.submit import array_text, chunks_of, workers_for
from focusgen.config import Config
from focusgen.run.forecast import SceneWork


def test_arrays_are_split_below_max_array_size_with_an_offset():
    chunks = chunks_of(1500, 1001)
    assert [(chunk.offset, len(chunk.indices), max(chunk.indices)) for chunk in chunks] == [
        (0, 1001, 1000),
        (1001, 499, 498),
    ]
    again = chunks_of(1500, 1001, [7, 3, 1003])
    assert [(chunk.offset, chunk.indices) for chunk in again] == [(0, (3, 7)), (1001, (2,))]
    with pytest.raises(ConfigError, match="index 1500"):
        chunks_of(1500, 1001, [1500])


def test_indices_are_written_as_sbatch_takes_them():
    assert array_text([0, 1, 2, 5, 7, 8], 3) == "0-2,5,7-8%3"
    assert array_text([4], 32) == "4"


@pytest.mark.parametrize(("tasks", "is_told"), [(2, True), (None, False)])
def test_a_number_of_tasks_that_packs_nothing_is_said(tasks, is_told, capsys):
    cfg = Config.model_validate({"cluster": {"one_scene_per_task": True, "tasks": tasks}})
    works = [SceneWork(name, 16, 48, 32) for name in "abc"]
    assert len(workers_for(cfg, ["deblur"], works).members) == 3
    assert ("cluster.tasks 2 packs no scenes" in capsys.readouterr().err) is is_told
