"""What phase 1 wrote down of a scene is given back as it was, and only as long as it holds."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from focusgen.base.names import MediaError
from focusgen.dataset.findings import Findings, Unchanged, stamp_of
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.decode import DecoderLostError
from focusgen.media.rawcheck import CheckOptions, RawReport, check_raw
from focusgen.media.scenes import RawScene
from focusgen.phases.looking import discover_scenes

pytestmark = pytest.mark.usefixtures("fresh_decoders")

OLD_S = time.time() - 3600


@pytest.fixture
def scene(rgbd, settled_files) -> RawScene:
    rgbd.add_scene("café", n_frames=3, width=24, height=16)
    return discover_scenes(rgbd.config()).scenes[0]


def report_of(scene: RawScene) -> RawReport:
    return check_raw(scene, CheckOptions(2, None, 0.5))


def findings(rgbd) -> Findings:
    return Findings(rgbd.config(), DatasetLayout.of(rgbd.config()))


def test_each_kind_of_finding_is_given_back(rgbd, scene):
    for finding in (report_of(scene), MediaError("a\x1b.png", "is <broken>", "Mend it.")):
        findings(rgbd).keep(scene, stamp_of(scene), finding)
        again = findings(rgbd).recall(scene, None)
        assert repr(again) == repr(finding) and type(again) is type(finding)
    findings(rgbd).forget()
    assert findings(rgbd).recall(scene, None) is None


def test_what_another_process_has_published_meanwhile_is_no_longer_there(rgbd, scene):
    findings(rgbd).keep(scene, stamp_of(scene), report_of(scene))
    folder = DatasetLayout.of(rgbd.config()).found
    (folder / "0.jsonl").symlink_to(folder / "gone")  # as a file that goes between two looks
    before = findings(rgbd)
    assert before.recall(scene, None) is not None
    findings(rgbd).forget()
    assert before.recall(scene, None) is None


def test_a_crash_is_not_a_finding_and_another_scene_of_the_name_is_not_this_one(rgbd, scene):
    findings(rgbd).keep(scene, stamp_of(scene), DecoderLostError("x", "crashed"))
    assert findings(rgbd).recall(scene, None) is None
    findings(rgbd).keep(scene, stamp_of(scene), report_of(scene))
    assert findings(rgbd).recall(replace(scene, files=scene.files[:2]), None) is None
    assert findings(rgbd).recall(scene, None) is not None


def test_unchanged_holds_for_the_line_of_the_index_that_it_was_said_of(rgbd, scene):
    from focusgen.phases.index import index_dataset

    entry = index_dataset(rgbd.config()).index["café"]
    findings(rgbd).keep(scene, stamp_of(scene), Unchanged(entry.ingest_digest))
    assert findings(rgbd).recall(scene, entry) == Unchanged(entry.ingest_digest)
    assert findings(rgbd).recall(scene, replace(entry, ingest_digest="0")) is None
    assert findings(rgbd).recall(scene, None) is None
    os.utime(scene.file_path(1), (OLD_S, OLD_S))
    assert findings(rgbd).recall(scene, entry) is None


def test_times_of_files_that_may_still_change_tell_nothing(rgbd, scene, monkeypatch):
    assert stamp_of(scene) == stamp_of(scene) != ""
    monkeypatch.setattr("focusgen.dataset.file_marks.SETTLED_S", 2.0)
    assert stamp_of(scene) == ""
