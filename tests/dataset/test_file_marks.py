"""A mark changes with whatever anybody does to a file, and is none where it could not tell."""

from __future__ import annotations

import os
import shutil
import time
from functools import partial
from types import SimpleNamespace

import pytest

from focusgen.dataset import file_marks
from focusgen.dataset.file_marks import facts_of_change, mark_of_files


@pytest.fixture
def folder(tmp_path, settled_files):
    folder = tmp_path / "scene"
    (folder / "maps").mkdir(parents=True)
    for name in ("one", "maps/two", "maps/.done"):
        (folder / name).write_bytes(b"12345678")
    return folder


def forged(path):
    """Write other bytes of the same size, and put the old times back as far as anybody can."""
    before = path.stat()
    time.sleep(0.02)
    path.write_bytes(b"87654321")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path):
    shutil.copy2(path, path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)


CHANGES = {
    "written over, old times put back": lambda folder: forged(folder / "maps/two"),
    "replaced by a copy": lambda folder: replaced(folder / "maps/.done"),
    "gone": lambda folder: (folder / "one").unlink(),
    "renamed": lambda folder: (folder / "one").rename(folder / "eins"),
    "one more": lambda folder: (folder / "maps" / "three").touch(),
    "a hidden one more": lambda folder: (folder / "maps" / ".failed").touch(),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_of_a_file_changes_the_mark(folder, what):
    before = mark_of_files([folder], [])
    assert before == mark_of_files([folder], []) != ""
    CHANGES[what](folder)
    assert mark_of_files([folder], []) != before


def test_a_file_beside_changes_the_mark_when_it_is_asked_for_and_when_it_comes(folder, tmp_path):
    beside = tmp_path / "copy.json"
    marks = [mark_of_files([folder], []), mark_of_files([folder], [beside])]
    beside.touch()
    marks.append(mark_of_files([folder], [beside]))
    assert len({*marks, ""}) == 4


def test_each_fact_counts_by_itself():
    same = {"st_size": 8, "st_mtime_ns": 5, "st_ctime_ns": 6, "st_ino": 7}
    for fact in same:
        other = facts_of_change(SimpleNamespace(**{**same, fact: 9}))
        assert other != facts_of_change(SimpleNamespace(**same)), fact


def test_where_a_folder_lies_counts_only_without_a_base(folder, tmp_path):
    marks = [mark_of_files([folder], []), mark_of_files([folder], [], folder)]
    moved = folder.rename(tmp_path / "moved")
    assert mark_of_files([moved], [], moved) == marks[1] != ""
    assert mark_of_files([moved], []) != marks[0]


def test_the_order_in_which_a_disk_lists_names_is_none_of_a_mark(folder, monkeypatch):
    for name in "bac":
        (folder / name).mkdir()
        (folder / name / "x").touch()
    before, walk = mark_of_files([folder], []), os.walk

    def walked(*words, turned: bool, **named):
        for root, names, files in walk(*words, **named):
            for listed in (names, files):
                listed.sort(reverse=turned)
            yield root, names, files

    for turned in (False, True):
        monkeypatch.setattr(os, "walk", partial(walked, turned=turned))
        assert mark_of_files([folder], []) == before != ""


def test_the_newest_change_of_any_file_has_to_have_settled(folder, monkeypatch):
    path = folder / "maps/.done"  # the first of its folder
    time.sleep(0.02)
    os.utime(path, ns=(1, 1))
    asked = []
    monkeypatch.setattr(file_marks, "has_settled", lambda newest_ns: asked.append(newest_ns) or True)
    mark_of_files([folder], [])
    assert asked == [path.stat().st_ctime_ns]


def test_what_cannot_be_looked_at_has_no_mark(folder, tmp_path):
    assert mark_of_files([folder / "nowhere"], []) == ""
    assert mark_of_files([folder], [folder / "one" / "below a file"]) == ""


def test_what_changed_just_now_or_lies_elsewhere_has_no_mark(folder, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (folder / "maps" / "link").symlink_to(tmp_path / "elsewhere")
    assert mark_of_files([folder], []) == ""
    (folder / "maps" / "link").unlink()
    assert mark_of_files([folder], []) != ""
    monkeypatch.setattr(file_marks, "SETTLED_S", 2.0)
    assert mark_of_files([folder], []) == ""
