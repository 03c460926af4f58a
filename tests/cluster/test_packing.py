"""Packing, plans and arrays: numbers and files, no scheduler."""

from __future__ import annotations

import json

import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.cluster.packing import one_each, pack, pack_within
from focusgen.cluster.plans import find_plan, read_plan, write_plan
from focusgen.cluster.submit import array_text, chunks_of
from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout
from tests.packing_bound import lower_bound_s


def davis_like_frames(n: int, seed: int = 0) -> np.ndarray:
    """Scene lengths as in DAVIS 2017: 25 to 104 frames, mean 69."""
    return np.clip(np.random.default_rng(seed).normal(69, 20, n), 25, 104).round()


@pytest.mark.parametrize(("n_scenes", "n_workers"), [(90, 8), (90, 16), (90, 32), (10_000, 100)])
def test_the_longest_worker_is_within_5_percent_of_the_lower_bound(n_scenes, n_workers):
    cost_s = davis_like_frames(n_scenes)[:, None] * np.array([[8.0, 1.0]])
    packing = pack(cost_s, n_workers)
    assert packing.makespan_s <= 1.05 * lower_bound_s(cost_s.sum(axis=1), n_workers)
    assert sorted(np.concatenate(packing.members).tolist()) == list(range(n_scenes)), "each scene once"


def test_longest_first_beats_index_order_on_a_hand_made_case():
    cost_s = np.array([[1.0], [1.0], [1.0], [1.0], [4.0]])
    assert pack(cost_s, 2).makespan_s == 4.0


def test_no_worker_is_planned_to_pass_a_wall_time():
    cost_s = davis_like_frames(200)[:, None] * np.array([[10.0, 40.0]])
    packing = pack_within(cost_s, [4 * 3600, 6 * 3600], wanted=2)
    assert (packing.load_s <= [4 * 3600, 6 * 3600]).all()
    assert len(packing.members) < 60, "and not many more workers than needed"


def test_a_scene_longer_than_the_wall_time_gets_a_worker_of_its_own():
    packing = pack_within(np.array([[100.0], [10.0], [10.0]]), [50.0], wanted=1)
    assert packing.members[0].tolist() == [0]


def test_workers_fill_whole_nodes_where_a_task_has_several_gpus():
    assert len(pack_within(np.ones((50, 1)), [20.0], wanted=1, multiple=4).members) == 4


def test_more_workers_than_the_cluster_accepts_are_refused():
    with pytest.raises(ConfigError, match="10 workers are needed.*4 are accepted"):
        pack_within(np.full((10, 1), 10.0), [10.0], wanted=1, at_most=4)


def test_without_packing_the_index_is_that_of_the_scene():
    assert [members.tolist() for members in one_each(np.ones((3, 1))).members] == [[0], [1], [2]]


def config_of(tmp_path) -> Config:
    return Config.model_validate({"data": {"out_root": tmp_path / "out"}})


def test_a_plan_never_changes_and_is_read_back_the_same(tmp_path):
    cfg = config_of(tmp_path)
    plan = write_plan(cfg, "submit", ["deblur", "depth"], [["a", "b"], ["c"]], "20260101T000000-000000-aaaa")
    dataset = DatasetLayout.of(cfg)
    assert read_plan(dataset.plans / "20260101T000000-000000-aaaa.json") == plan
    assert plan.slots == (("a", "b"), ("c",)) and plan.n_tasks == 2
    assert list(plan.slots_of(1)) == [1]
    with pytest.raises(ConfigError, match="never changed"):
        write_plan(cfg, "submit", ["deblur"], [["x"]], "20260101T000000-000000-aaaa")


def test_the_newest_whole_submission_with_the_phase_is_found_a_resubmission_only_by_name(tmp_path):
    cfg = config_of(tmp_path)
    write_plan(cfg, "submit", ["deblur", "depth"], [["a"], ["b"]], "20260101T000000-000000-aaaa")
    write_plan(cfg, "submit", ["render"], [["a", "b"]], "20260102T000000-000000-aaaa")
    again = write_plan(cfg, "resubmit", ["depth"], [["b"]], "20260103T000000-000000-aaaa")
    dataset = DatasetLayout.of(cfg)
    newest = find_plan(dataset, None, ["depth"])
    assert newest is not None and newest.plan_id.startswith("20260101")
    assert find_plan(dataset, again.plan_id) == again
    for name in ("../../etc/passwd", "20260109T000000-000000-aaaa"):
        with pytest.raises(ConfigError):
            find_plan(dataset, name)


def test_a_damaged_plan_is_named(tmp_path):
    cfg = config_of(tmp_path)
    plan = write_plan(cfg, "submit", ["depth"], [["a"]], "20260101T000000-000000-aaaa")
    path = plan.settings_yaml.with_suffix(".json")
    for text in ("", "{}", "[]", json.dumps({"plan_version": 9})):
        path.write_text(text)
        with pytest.raises(ConfigError, match="20260101T000000-000000-aaaa"):
            read_plan(path)


def test_an_index_beyond_the_plan_is_refused(tmp_path):
    plan = write_plan(config_of(tmp_path), "submit", ["depth"], [["a"]], "20260101T000000-000000-aaaa")
    with pytest.raises(ConfigError, match=r"indices 0\.\.0, not 1"):
        plan.slots_of(1)


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
