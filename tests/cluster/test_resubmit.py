"""Which scenes are submitted again, from which phase on, and which not."""

from __future__ import annotations

import json
import time

import pytest

from focusgen import config
from focusgen.base.files import publish
from focusgen.cluster.attempts import SILENT_S
from focusgen.cluster.causes import Loss
from focusgen.cluster.plans import write_plan
from focusgen.cluster.resubmit import busy_scenes, due_phases, select_again, with_work_left
from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.states import State
from tests.cluster.conftest import attempt, status

ALL = ("deblur", "depth", "render")
MISSING = {State.PENDING, State.PARTIAL}


@pytest.fixture
def cfg(tmp_path) -> Config:
    return Config.model_validate({"data": {"out_root": tmp_path / "out"}})


def choose(cfg: Config, *statuses, kinds=MISSING, busy=None, lost=()):
    return select_again(cfg, statuses, ALL, kinds, busy or {}, lost)


def test_a_scene_starts_at_its_first_unfinished_phase_and_the_phases_at_the_earliest(cfg):
    chosen = choose(
        cfg,
        status("a", deblur=State.COMPLETE, depth=State.PARTIAL),
        status("b", deblur=State.COMPLETE, depth=State.COMPLETE, render=State.PENDING),
        status("done", deblur=State.COMPLETE, depth=State.COMPLETE, render=State.COMPLETE),
    )
    assert chosen.first == {"a": "depth", "b": "render"}
    assert chosen.phases(ALL) == ["depth", "render"]
    assert choose(cfg).phases(ALL) == []


def test_only_the_state_of_the_first_unfinished_phase_counts(cfg):
    scene = status("a", deblur=State.FAILED, depth=State.PENDING)
    assert choose(cfg, scene).first == {}
    assert choose(cfg, scene, kinds={State.FAILED}).first == {"a": "deblur"}


def test_a_scene_in_work_is_left_to_its_task(cfg):
    chosen = choose(cfg, status("a"), busy={"a": "job 7_0"})
    assert chosen.first == {} and chosen.refused == {"a": "job 7_0 works on it"}


def test_a_stale_scene_needs_a_word(cfg):
    scene = status("a", deblur=State.STALE, reason="deblur.radius: 1 -> 2")
    unasked = choose(cfg, scene)
    assert (unasked.stale, unasked.first, unasked.refused) == (["a"], {}, {})
    refused = choose(cfg, scene, kinds={State.STALE}).refused["a"]
    assert "deblur.radius: 1 -> 2" in refused and "--on_stale redo" in refused
    run = cfg.run.model_copy(update={"on_stale": "redo"})
    assert choose(cfg.model_copy(update={"run": run}), scene, kinds={State.STALE}).first == {"a": "deblur"}


def out_of_memory(cfg: Config) -> None:
    path = DatasetLayout.of(cfg).scene("a").failed("depth")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"class": "oom", "message": "", "advice": "", "traceback": "", "attempt": 1}))
    saved = DatasetLayout.of(cfg).config_yaml("depth")
    saved.parent.mkdir(parents=True)
    publish(saved, config.dump(cfg).encode())


@pytest.mark.parametrize(
    ("change", "is_chosen"),
    [
        ({}, False),
        ({"cluster.memory_gb": {"deblur": 999}}, False),
        ({"cluster.memory_gb": {"depth": 128}}, True),
        ({"depth.input_size": 392}, True),
        ({"deblur.radius": 2}, False),
    ],
)
def test_out_of_memory_is_tried_again_only_with_something_that_changes_it(cfg, change, is_chosen):
    out_of_memory(cfg)
    scene = status("a", deblur=State.COMPLETE, depth=State.FAILED, reason="oom: x")
    changed = config.load(None, {"data.out_root": cfg.data.out_root, **change})
    chosen = choose(changed, scene, kinds={State.FAILED})
    assert ("a" in chosen.first) == is_chosen
    assert is_chosen or "change depth.* or cluster.memory_gb" in chosen.refused["a"]


def test_a_task_killed_for_memory_counts_as_out_of_memory_of_its_scene_alone(cfg):
    out_of_memory(cfg)
    DatasetLayout.of(cfg).scene("a").failed("depth").unlink()
    killed = Loss(attempt(scene_id="a", phase="depth"), "oom", "n3")
    scenes = [status(name, deblur=State.COMPLETE, depth=State.PARTIAL) for name in "ab"]
    chosen = choose(cfg, *scenes, lost=[killed])
    assert list(chosen.first) == ["b"] and list(chosen.refused) == ["a"]


def test_nodes_that_failed_are_left_out_and_no_others(cfg):
    lost = [Loss(attempt(), cause, node) for cause, node in (("node_failure", "n3"), ("killed", "n4"))]
    assert choose(cfg, status("a"), lost=lost).bad_nodes == {"n3"}


def test_renders_are_due_only_once_they_were_begun_or_a_max_coc_is_given(cfg):
    pending = [status("a", deblur=State.COMPLETE)]
    assert due_phases(cfg, pending) == ["deblur", "depth"]
    assert due_phases(cfg, [status("a", render=State.FAILED)]) == list(ALL)
    assert due_phases(config.load(None, {"render.max_coc": 0.001}), pending) == list(ALL)


def test_all_scenes_of_a_running_slot_are_busy_and_none_of_a_silent_or_lost_one(cfg):
    plan = write_plan(cfg, "submit", ["depth"], [["a", "b"], ["c"], ["d"]], "20260101T000000-000000-aaaa")
    tasks = [attempt(plan_id=plan.plan_id, slot=slot, job_id=f"7_{slot}", scene_id="") for slot in range(3)]
    tasks[1] = attempt(plan_id=plan.plan_id, slot=1, updated_s=time.time() - SILENT_S - 9)
    by_hand = attempt(plan_id="by-hand", slot=5, job_id="", pid=77, scene_id="e")
    busy = busy_scenes(DatasetLayout.of(cfg), [*tasks, by_hand], [Loss(tasks[2], "killed", "n1")])
    assert busy == {"a": "job 7_0", "b": "job 7_0", "e": "job 77"}


def test_a_lost_task_is_told_of_as_long_as_a_scene_of_it_is_not_complete(cfg):
    plan = write_plan(cfg, "submit", ["depth"], [["a", "b"], ["c"]], "20260101T000000-000000-aaaa")
    lost = [
        Loss(attempt(plan_id=plan.plan_id, slot=0, scene_id=""), "cancelled", "n1"),
        Loss(attempt(plan_id=plan.plan_id, slot=1, scene_id=""), "cancelled", "n1"),
        Loss(attempt(plan_id="by-hand", slot=5, scene_id="d"), "killed", "n1"),
        Loss(attempt(plan_id=plan.plan_id, slot=1, phase="index", scene_id=""), "killed", "n1"),
        Loss(attempt(plan_id="gone", slot=0, scene_id=""), "killed", "n1"),
    ]
    done = {scene: status(scene, depth=State.COMPLETE) for scene in "abcd"}
    dataset = DatasetLayout.of(cfg)
    assert with_work_left(dataset, lost, list(done.values())) == lost[3:], "nobody knows what those left"
    half = {**done, "b": status("b", depth=State.PARTIAL), "d": status("d")}
    assert with_work_left(dataset, lost, list(half.values())) == [lost[0], *lost[2:]]
