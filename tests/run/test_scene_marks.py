"""A mark is the same while nothing of a scene's state has changed, and another after every kind of change."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from focusgen.dataset import file_marks
from focusgen.dataset.layout import SceneLayout
from focusgen.run.scene_marks import UNTOUCHED, digest_of, facts_of, mark_of
from tests.small import identity, put_record

pytestmark = pytest.mark.usefixtures("settled_files")


@pytest.fixture
def scene(tmp_path: Path) -> SceneLayout:
    scene = SceneLayout(tmp_path, "ein Bär")
    for phase in ("deblur", "depth"):
        put_record(scene, identity(phase, scene.scene_id))
    return scene


def test_a_scene_that_nobody_has_begun_has_a_mark_of_its_own(tmp_path):
    empty = SceneLayout(tmp_path, "a")
    assert mark_of(empty) == UNTOUCHED
    assert not any(facts_of(empty))


def test_looking_changes_nothing(scene):
    first = mark_of(scene)
    scene.done("depth").read_bytes()
    assert mark_of(scene) == first != UNTOUCHED


def touch(path: Path, data: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def rewrite_with_its_times(path: Path) -> None:
    stat = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


CHANGES = {
    "a record is gone": lambda s: s.done("depth").unlink(),
    "a record of the same bytes and times": lambda s: rewrite_with_its_times(s.done("depth")),
    "a failure": lambda s: touch(s.failed("render")),
    "a rehearsal": lambda s: touch(s.partial("render")),
    "begun": lambda s: touch(s.journal("render")),
    "an earlier record is gone": lambda s: s.done("deblur").unlink(),
    "renders were begun": lambda s: touch(s.bokeh(0, 0)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_of_state_is_seen(scene, change):
    before = mark_of(scene)
    change(scene)
    assert mark_of(scene) != before


def test_a_record_says_more_than_what_lies_beside_it(scene):
    """Where a record is, a failure of an earlier try is not looked at: fewer questions to a file server."""
    n_facts = len(facts_of(scene))
    touch(scene.failed("depth"))
    assert len(facts_of(scene)) == n_facts


def test_what_changed_a_moment_ago_has_no_mark(scene, monkeypatch):
    assert mark_of(scene) != ""
    monkeypatch.setattr(file_marks, "SETTLED_S", 3600.0)
    assert mark_of(scene) == ""


def test_facts_of_two_scenes_differ_though_their_records_are_equal(scene):
    other = SceneLayout(scene.dataset_root, "another")
    for phase in ("deblur", "depth"):
        put_record(other, identity(phase, scene.scene_id))
    assert digest_of(facts_of(other)) != digest_of(facts_of(scene))


def test_a_mark_is_short_and_of_the_facts_alone(scene):
    facts = facts_of(scene)
    assert digest_of(list(facts)) == digest_of(facts) and len(digest_of(facts)) == 16
    assert digest_of([None, None]) == digest_of([]) == UNTOUCHED
    assert time.time_ns() >= max(fact[2] for fact in facts if fact is not None)
