"""Raw files are believed unread only while every sign is that of the bytes that are indexed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from focusgen.base.errors import StorageError
from focusgen.dataset import file_marks, raw_marks
from focusgen.dataset.raw_marks import RawMarks
from focusgen.media.scenes import RawScene

pytestmark = pytest.mark.usefixtures("settled_files")

ASKED, DIGEST = "how", "d" * 32


@pytest.fixture
def raw(tmp_path: Path) -> RawScene:
    folder = tmp_path / "raw" / "ein Bär"
    folder.mkdir(parents=True)
    for name in ("1.png", "2.png"):
        (folder / name).write_bytes(b"frame " + name.encode())
    return RawScene("ein Bär", "images", folder, ("1.png", "2.png"))


def marks(tmp_path: Path, *, may_take_over: bool = True) -> RawMarks:
    return RawMarks(tmp_path / "out" / "raw_marks.jsonl", may_take_over=may_take_over)


def remember(tmp_path: Path, raw: RawScene) -> None:
    kept = marks(tmp_path)
    assert not kept.hold(raw, ASKED, DIGEST)  # nothing is known yet
    kept.publish({raw.scene_id: DIGEST})


def test_untouched_files_are_believed(tmp_path, raw):
    remember(tmp_path, raw)
    assert marks(tmp_path).hold(raw, ASKED, DIGEST)


def replace_by_a_copy(raw: RawScene) -> None:
    path = raw.file_path(1)
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    stat = path.stat()
    os.utime(copy, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as cp -p leaves it
    os.replace(copy, path)


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.file_path(1).write_bytes(b"frame 2.pnG"),  # as long as before
        lambda raw: raw.file_path(0).unlink(),
        replace_by_a_copy,
    ],
)
def test_other_files_are_not(tmp_path, raw, change):
    remember(tmp_path, raw)
    change(raw)
    assert not marks(tmp_path).hold(raw, ASKED, DIGEST)


def test_a_file_more_or_less_is_another_scene(tmp_path, raw):
    remember(tmp_path, raw)
    fewer = RawScene(raw.scene_id, "images", raw.path, raw.files[:1])
    assert not marks(tmp_path).hold(fewer, ASKED, DIGEST)


@pytest.mark.parametrize(("asked", "digest"), [("another way", DIGEST), (ASKED, "e" * 32), (ASKED, None)])
def test_what_is_read_otherwise_or_indexed_otherwise_is_read_again(tmp_path, raw, asked, digest):
    remember(tmp_path, raw)
    assert not marks(tmp_path).hold(raw, asked, digest)


def test_a_phase_by_itself_believes_nothing_but_takes_marks(tmp_path, raw):
    remember(tmp_path, raw)
    careful = marks(tmp_path, may_take_over=False)
    assert not careful.hold(raw, ASKED, DIGEST)
    careful.publish({raw.scene_id: DIGEST})
    assert marks(tmp_path).hold(raw, ASKED, DIGEST)


def test_a_scene_whose_bytes_were_not_found_to_be_indexed_loses_its_mark(tmp_path, raw):
    remember(tmp_path, raw)
    second = marks(tmp_path)
    assert second.hold(raw, ASKED, DIGEST)
    second.publish({})
    assert not marks(tmp_path).hold(raw, ASKED, DIGEST)


def test_files_that_changed_a_moment_ago_have_no_mark(tmp_path, raw, monkeypatch):
    monkeypatch.setattr(file_marks, "SETTLED_S", 3600.0)
    remember(tmp_path, raw)
    assert not marks(tmp_path).hold(raw, ASKED, DIGEST)


def test_a_torn_line_costs_its_own_scene_only(tmp_path, raw):
    remember(tmp_path, raw)
    path = tmp_path / "out" / "raw_marks.jsonl"
    line = path.read_bytes()
    path.write_bytes(b"half a li" + b"\n" + line + line[:20])
    assert marks(tmp_path).hold(raw, ASKED, DIGEST)
    path.write_bytes(line.replace(b"B", b"C", 1))
    assert not marks(tmp_path).hold(raw, ASKED, DIGEST)


def test_nothing_is_written_where_nothing_changed(tmp_path, raw, monkeypatch):
    remember(tmp_path, raw)
    again = marks(tmp_path)
    again.hold(raw, ASKED, DIGEST)

    def refuse(*_: object) -> None:
        raise AssertionError("written")

    monkeypatch.setattr(raw_marks, "publish_pieces", refuse)
    again.publish({raw.scene_id: DIGEST})


def test_where_marks_cannot_be_written_it_costs_time_only(tmp_path, raw, monkeypatch):
    def refuse(*_: object) -> None:
        raise StorageError("read-only")

    monkeypatch.setattr(raw_marks, "publish_pieces", refuse)
    remember(tmp_path, raw)
    assert not marks(tmp_path).hold(raw, ASKED, DIGEST)


def test_a_video_is_one_file(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"v")
    video = RawScene("clip", "video", path, ("clip.mp4",))
    remember(tmp_path, video)
    assert marks(tmp_path).hold(video, ASKED, DIGEST)
    path.write_bytes(b"w")
    assert not marks(tmp_path).hold(video, ASKED, DIGEST)
