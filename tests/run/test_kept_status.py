"""Status of very many scenes: what did not change is not read again, and what changed is never overlooked."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

from focusgen import cli
from focusgen.dataset import file_marks, index_writing
from focusgen.dataset import index as index_module
from focusgen.dataset.index import read_index
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.scene_table import SceneTable
from focusgen.run import kept_status, status
from focusgen.run.settings import expected_by_status
from focusgen.run.status import SceneStatus, all_status
from tests.conftest import Rgbd


@pytest.fixture
def many(rgbd: Rgbd, settled_files, monkeypatch) -> Rgbd:
    """Three scenes that are very many: a and b sharpened, a with depth."""
    for module in (index_module, index_writing):
        monkeypatch.setattr(module, "TABLE_FROM_SCENES", 1)
    monkeypatch.setattr(status, "MAX_WITH_INPUTS", 0)
    for seed, name in enumerate("abc"):
        rgbd.add_scene(name, n_frames=2, width=24, height=16, seed=seed)
    flags = rgbd.flags("raw_root", "out_root")
    assert cli.phase_main("index", "", [*flags, "--min_frames", "2"]) == 0
    for scene in "01":
        assert cli.phase_main("deblur", "", [*flags, "--scene_idx", scene, "--backend", "passthrough"]) == 0
    assert cli.phase_main("depth", "", [*rgbd.flags("out_root", "depth_root"), "--scene_idx", "0"]) == 0
    return rgbd


@pytest.fixture
def looked(monkeypatch) -> list[str]:
    """The scenes whose files were read."""
    scenes: list[str] = []
    standing = status._standing

    def spied(dataset, index, scene_id, expected, **how):
        scenes.append(scene_id)
        return standing(dataset, index, scene_id, expected, **how)

    monkeypatch.setattr(status, "_standing", spied)
    return scenes


def check(rgbd: Rgbd, looked: list[str], cfg=None) -> tuple[list[str], dict[str, SceneStatus]]:
    """Ask for all states, which must be those of the files; return the scenes that were read, and states."""
    dataset = DatasetLayout.of(rgbd.config())
    index = read_index(dataset)
    assert isinstance(index, SceneTable)
    del looked[:]
    found = all_status(dataset, index, cfg)
    read = list(looked)
    expected = expected_by_status(dataset, cfg)
    assert found == all_status(dataset, dict(index), expected=expected)
    return read, {item.scene_id: item for item in found}


def test_only_scenes_that_changed_are_read_again(many, looked):
    assert check(many, looked)[0] == ["a", "b", "c"]
    assert check(many, looked)[0] == []
    assert cli.phase_main("depth", "", [*many.flags("out_root", "depth_root"), "--scene_idx", "1"]) == 0
    read, states = check(many, looked)
    assert read == ["b"] and states["b"].phases["depth"].state.value == "complete"
    assert check(many, looked, many.config(deblur__backend="classical"))[0] == ["a", "b", "c"]
    assert check(many, looked)[0] == [], "what holds under other settings is kept beside it"


def test_what_is_asked_for_again_stays_however_many_others_come(many, looked):
    assert check(many, looked)[0] == ["a", "b", "c"]
    folder = DatasetLayout.of(many.config()).kept_status
    for seed in range(2 * kept_status.KEPT_FOLDERS):
        assert check(many, looked, many.config(seed=seed))[0] == ["a", "b", "c"]
        assert check(many, looked)[0] == []
        assert len(list(folder.iterdir())) <= kept_status.KEPT_FOLDERS
    assert check(many, looked, many.config(seed=seed - 1))[0] == [], "the last few are there too"


def test_a_record_that_changed_in_place_is_seen_whatever_its_time_and_size(many, looked):
    check(many, looked)
    done = many.out_root / "a" / "depth_maps" / ".done"
    facts, folder_facts = done.stat(), done.parent.stat()
    time.sleep(0.02)  # two ticks of the file system's clock
    data = bytearray(done.read_bytes())
    data[len(data) // 2] ^= 1
    with done.open("r+b") as file:
        file.write(data)
    os.utime(done, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert done.parent.stat().st_mtime_ns == folder_facts.st_mtime_ns
    read, states = check(many, looked)
    assert read == ["a"] and states["a"].phases["depth"].state.value == "stale"


def test_failures_lost_folders_and_begun_phases_are_seen(many, looked):
    check(many, looked)
    (many.out_root / "b" / "depth_maps").mkdir(exist_ok=True)
    failed = many.out_root / "b" / "depth_maps" / ".failed"
    failed.write_text('{"class": "oom", "message": "m", "advice": "", "attempt": 1}')
    assert check(many, looked)[0] == ["b"]
    failed.write_text('{"class": "bug", "message": "m", "advice": "", "attempt": 1}')
    assert check(many, looked)[1]["b"].phases["depth"].reason.startswith("bug")
    shutil.rmtree(many.out_root / "a" / "frames_sharp")
    assert check(many, looked)[0] == ["a"]
    journal = many.out_root / ".focusgen" / "progress" / "c" / "deblur.json"
    journal.parent.mkdir(parents=True)
    journal.write_text("{}")
    assert check(many, looked)[0] == ["c"]
    journal.unlink()
    assert check(many, looked)[0] == ["c"]


def test_a_new_scene_and_a_changed_line_of_the_index_are_seen(many, looked):
    check(many, looked)
    many.add_scene("d", n_frames=2, width=24, height=16)
    assert cli.phase_main("index", "", [*many.flags("raw_root", "out_root"), "--min_frames", "2"]) == 0
    read, states = check(many, looked)
    assert read == ["a", "b", "c"] and "d" in states, "their block is another; c and d are alike"


def test_what_changed_just_now_and_damaged_files_are_not_relied_on(many, looked, monkeypatch):
    check(many, looked)
    (kept,) = (many.out_root / ".focusgen" / "status").glob("*/*.json")
    kept.write_bytes(kept.read_bytes().replace(b"complete", b"pending "))
    assert check(many, looked)[0] == ["a", "b", "c"]
    monkeypatch.setattr(file_marks, "SETTLED_S", 3600.0)
    assert check(many, looked)[0] == ["a", "b"]


def test_of_scenes_that_nobody_has_begun_one_is_read(many, looked):
    for seed in range(5):
        many.add_scene(f"x{seed}", n_frames=2, width=24, height=16, seed=seed)
    assert cli.phase_main("index", "", [*many.flags("raw_root", "out_root"), "--min_frames", "2"]) == 0
    assert check(many, looked)[0] == ["a", "b", "c"], "c stands for all that lie untouched"


def test_status_where_one_may_only_read_is_the_same(many, looked):
    (many.out_root / ".focusgen" / "status").write_text("in the way")
    assert check(many, looked)[0] == check(many, looked)[0] == ["a", "b", "c"]


def test_finished_scenes_of_one_kind_are_read_once_however_many_there_are(many, looked, monkeypatch):
    """The first status after the work reads one scene of each kind, and everything that is not as noted."""
    monkeypatch.setattr(kept_status, "LOOKED_AT_FIRST", 0)
    assert cli.phase_main("depth", "", many.flags("out_root", "depth_root") + ["--scene_idx", "1"]) == 0
    read, states = check(many, looked)
    assert read == ["a", "c"], "b has records of the same kind as a's; c is untouched"
    assert states["b"].digests != states["a"].digests
    status_folder = many.out_root / ".focusgen" / "status"
    shutil.rmtree(status_folder)
    assert check(many, looked, many.config(deblur__backend="classical"))[0] == ["a", "c"], "stale alike"
    shutil.rmtree(status_folder)
    done = many.out_root / "b" / "depth_maps" / ".done"
    done.write_bytes(done.read_bytes().replace(b'"n_frames": 2', b'"n_frames": 3'))
    read, states = check(many, looked)
    assert read == ["a", "b", "c"] and states["b"].phases["depth"].state.value == "stale"


def test_a_note_does_not_hold_for_other_raw_frames_or_a_torn_line(many, looked, monkeypatch):
    monkeypatch.setattr(kept_status, "LOOKED_AT_FIRST", 0)
    assert cli.phase_main("depth", "", many.flags("out_root", "depth_root") + ["--scene_idx", "1"]) == 0
    (notes,) = (many.out_root / ".focusgen" / "finished").glob("*.jsonl")
    whole = notes.read_bytes()
    notes.write_bytes(whole[:-9])
    assert check(many, looked)[0] == ["a", "b", "c"], "the last line was b's"
    shutil.rmtree(many.out_root / ".focusgen" / "status")
    notes.write_bytes(whole)
    index = json.loads((many.out_root / "scene_index.json").read_text())
    index["b"]["ingest_digest"] = "0" * 32
    (many.out_root / "scene_index.json").write_text(json.dumps(index))
    (many.out_root / ".focusgen" / "index_checksum.json").unlink()
    read, states = check(many, looked)
    assert read == ["a", "b", "c"] and states["b"].phases["depth"].state.value == "stale"
