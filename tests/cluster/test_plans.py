"""Plans: written once, found by phase, refused when damaged."""

from __future__ import annotations

import json

import pytest

from focusgen.base.errors import ConfigError
from focusgen.cluster.plans import find_plan, new_plan_id, read_plan, write_plan
from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout


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


def test_names_of_plans_order_by_time():
    ids = [new_plan_id() for _ in range(50)]
    assert ids == sorted(ids) and len(set(ids)) == 50


def test_the_last_index_of_a_plan_may_have_fewer_workers(tmp_path):
    cfg = Config.model_validate({"data": {"out_root": tmp_path}, "cluster": {"workers_per_task": 2}})
    plan = write_plan(cfg, "submit", ["depth"], [["a"], ["b"], ["c"]], "20260101T000000-000000-aaaa")
    assert plan.n_tasks == 2
    assert [list(plan.slots_of(index)) for index in range(2)] == [[0, 1], [2]]
