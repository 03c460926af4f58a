"""A mark changes with whatever anybody does to a file, and is none where it could not tell."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from focusgen.dataset import file_marks
from focusgen.dataset.file_marks import mark_of_files


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


def test_a_file_beside_that_comes_changes_the_mark(folder, tmp_path):
    before = mark_of_files([folder], [tmp_path / "copy.json"])
    (tmp_path / "copy.json").touch()
    assert mark_of_files([folder], [tmp_path / "copy.json"]) != before != ""


def test_what_changed_just_now_or_lies_elsewhere_has_no_mark(folder, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (folder / "maps" / "link").symlink_to(tmp_path / "elsewhere")
    assert mark_of_files([folder], []) == ""
    (folder / "maps" / "link").unlink()
    assert mark_of_files([folder], []) != ""
    monkeypatch.setattr(file_marks, "SETTLED_S", 2.0)
    assert mark_of_files([folder], []) == ""
