"""Where scenes stand, counted and as JSON; and whether phase 6's last word still holds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from focusgen.config import SCENE_PHASES
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import read_record
from focusgen.dataset.states import PhaseState, State
from focusgen.run.status import (
    SceneStatus,
    all_status,
    last_verdict,
    status_counts,
    status_document,
)
from tests.small import entry, finish_scene, identity, put_record, write_index


def standing(scene_id: str, *states: State, reason: str = "", **digests: str) -> SceneStatus:
    phases = {p: PhaseState(s, reason) for p, s in zip(SCENE_PHASES, states, strict=True)}
    return SceneStatus(scene_id, "train", 3, phases, digests)


ALL_DONE = (State.COMPLETE,) * 3


def test_states_are_counted_by_phase():
    some = [
        standing("a", *ALL_DONE),
        standing("b", State.COMPLETE, State.FAILED, State.PENDING),
        standing("ü", State.COMPLETE, State.STALE, State.PENDING),
    ]
    assert status_counts(some) == {
        "deblur": {"complete": 3},
        "depth": {"complete": 1, "failed": 1, "stale": 1},
        "render": {"complete": 1, "pending": 2},
    }
    assert status_counts([]) == {"deblur": {}, "depth": {}, "render": {}}


def test_the_document_is_json_and_says_why():
    one = standing("ein 'Bär'", State.COMPLETE, State.FAILED, State.PENDING, reason='oom: "frame 3"')
    document = json.loads(json.dumps(status_document([one])))
    assert document["scenes"]["ein 'Bär'"] == {
        "split": "train",
        "n_frames": 3,
        "deblur": {"state": "complete", "reason": 'oom: "frame 3"'},
        "depth": {"state": "failed", "reason": 'oom: "frame 3"'},
        "render": {"state": "pending", "reason": 'oom: "frame 3"'},
    }
    assert document["counts"]["depth"] == {"failed": 1}


@pytest.fixture
def finished(tmp_path: Path) -> DatasetLayout:
    """Two finished scenes and one that nobody has begun."""
    dataset = DatasetLayout(tmp_path, tmp_path / "scene_index.json")
    scenes = {name: finish_scene(dataset, name) for name in ("a", "ü")}
    return write_index(tmp_path, {**scenes, "new": entry(4, "val")})


def look(dataset: DatasetLayout, name: str) -> SceneStatus:
    return all_status(dataset, read_index(dataset), scenes=[name], expected={})[0]


def states(one: SceneStatus) -> list[str]:
    return [state.state.value for state in one.phases.values()]


def test_a_scene_is_told_from_its_files(finished):
    done, new = look(finished, "a"), look(finished, "new")
    assert states(done) == ["complete"] * 3 and states(new) == ["pending"] * 3
    assert (new.split, new.n_frames) == ("val", 4)
    scene = finished.scene("a")
    assert done.digests == {p: read_record(scene.done(p)).digest for p in SCENE_PHASES}
    assert new.digests == dict.fromkeys(SCENE_PHASES, "missing")
    assert all(state.record is None for state in done.phases.values())  # thousands would fill the memory


def test_a_changed_record_makes_all_that_follows_stale(finished):
    put_record(finished.scene("a"), identity("deblur", n_frames=2, upstream={"index": "other"}))
    assert states(look(finished, "a")) == ["stale"] * 3
    assert states(look(finished, "ü")) == ["complete"] * 3


def test_a_damaged_record_is_no_digest(finished):
    finished.scene("a").done("depth").write_bytes(b"{}")
    assert look(finished, "a").digests["depth"] == "damaged"


def test_of_all_scenes_those_that_were_asked_come_in_the_order_of_the_index(finished):
    index = read_index(finished)
    assert [one.scene_id for one in all_status(finished, index)] == ["a", "ü", "new"]
    assert [one.scene_id for one in all_status(finished, index, scenes=["new", "a"])] == ["a", "new"]
    assert all_status(finished, index, scenes=[]) == []
    assert all_status(finished, {}) == []


# --- the last verdict


def report(dataset: DatasetLayout, **changes: Any) -> None:
    document = {"verdict": "pass", "passing_scenes": 2, "total_scenes": 3, **changes}
    dataset.validation_report_json.parent.mkdir(parents=True, exist_ok=True)
    dataset.validation_report_json.write_text(json.dumps(document))


def test_without_a_report_there_is_no_verdict(tmp_path):
    assert last_verdict(DatasetLayout(tmp_path, tmp_path / "i.json"), []) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"verdict": "pass"}', "[" * 100_000])
def test_a_report_of_another_shape_is_none(tmp_path, text):
    dataset = DatasetLayout(tmp_path, tmp_path / "i.json")
    dataset.logs.mkdir()
    dataset.validation_report_json.write_text(text)
    assert last_verdict(dataset, []) is None


@pytest.mark.parametrize(
    "changes", [{"passing_scenes": None}, {"total_scenes": "many"}, {"records": []}, {"records": {"a": []}}]
)
def test_a_report_with_a_wrong_part_is_none(tmp_path, changes):
    dataset = DatasetLayout(tmp_path, tmp_path / "i.json")
    report(dataset, **changes)
    assert last_verdict(dataset, [standing("a", *ALL_DONE, depth="1")]) is None


def test_a_verdict_holds_while_every_record_is_the_one_that_was_checked(tmp_path):
    dataset = DatasetLayout(tmp_path, tmp_path / "i.json")
    report(dataset, records={"a": {"deblur": "1", "depth": "2"}, "b": {}})
    same = [standing("a", *ALL_DONE, deblur="1", depth="2", render="missing")]
    found = last_verdict(dataset, same)
    assert found is not None and found.outdated_by == ""
    assert (found.verdict, found.passing_scenes, found.total_scenes) == ("pass", 2, 3)
    assert found.made_s == dataset.validation_report_json.stat().st_mtime


@pytest.mark.parametrize(
    ("name", "digests", "by"),
    [
        ("a", {"deblur": "1", "depth": "3"}, "a, phase depth"),
        ("a", {"deblur": "1", "depth": "missing"}, "a, phase depth"),
        ("a", {"deblur": "1", "render": "new"}, "a, phase render"),
    ],
)
def test_what_outdates_it_is_named(tmp_path, name, digests, by):
    dataset = DatasetLayout(tmp_path, tmp_path / "i.json")
    report(dataset, records={"a": {"deblur": "1", "depth": "2"}})
    found = last_verdict(dataset, [standing(name, *ALL_DONE, **digests)])
    assert found is not None and found.doubt == f"older than the data ({by})"


def test_a_scene_that_phase_6_never_saw_makes_no_verdict_older(tmp_path):
    dataset = DatasetLayout(tmp_path, tmp_path / "i.json")
    report(dataset, records={"a": {"deblur": "1"}})
    seen, new = standing("a", *ALL_DONE, deblur="1"), standing("new", *ALL_DONE, deblur="2")
    found = last_verdict(dataset, [new, seen])
    assert found is not None and (found.outdated_by, found.doubt) == ("new", "not about new")
    changed = last_verdict(dataset, [new, standing("a", *ALL_DONE, deblur="3")])
    assert changed is not None and changed.doubt == "older than the data (a, phase deblur)"


def test_a_report_of_0_1_0_tells_by_its_time(finished):
    report(finished)
    one = standing("a", *ALL_DONE, depth="?")
    os.utime(finished.validation_report_json, (4e9, 4e9))
    assert last_verdict(finished, [one]).outdated_by == ""
    os.utime(finished.validation_report_json, (1e9, 1e9))
    assert last_verdict(finished, [one]).outdated_by == "a, phase depth"
