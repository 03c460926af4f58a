"""Scenes into workers: even, within wall times, and no more than the cluster takes."""

from __future__ import annotations

import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.cluster.packing import one_each, pack, pack_within
from tests.packing_bound import lower_bound_s, makespan_s


def davis_like_frames(n: int, seed: int = 0) -> np.ndarray:
    """Scene lengths as in DAVIS 2017: 25 to 104 frames, mean 69."""
    return np.clip(np.random.default_rng(seed).normal(69, 20, n), 25, 104).round()


@pytest.mark.parametrize(("n_scenes", "n_workers"), [(90, 8), (90, 16), (90, 32), (10_000, 100)])
def test_the_longest_worker_is_within_5_percent_of_the_lower_bound(n_scenes, n_workers):
    cost_s = davis_like_frames(n_scenes)[:, None] * np.array([[8.0, 1.0]])
    packing = pack(cost_s, n_workers)
    assert makespan_s(packing) <= 1.05 * lower_bound_s(cost_s.sum(axis=1), n_workers)
    assert sorted(np.concatenate(packing.members).tolist()) == list(range(n_scenes)), "each scene once"


def test_longest_first_beats_index_order_on_a_hand_made_case():
    cost_s = np.array([[1.0], [1.0], [1.0], [1.0], [4.0]])
    assert makespan_s(pack(cost_s, 2)) == 4.0


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
