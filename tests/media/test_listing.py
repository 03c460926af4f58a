"""What stands in one folder is sorted by what it is, in the order in which people count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from focusgen.media.listing import Rejection, how_to_convert, link_problem, list_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("10.png", "9.PNG", "clip.mp4", "old.wmv", "notes.txt", ".hidden.png", "a\nb.png"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    for name in ("bear", "__MACOSX", ".git"):
        (root / name).mkdir()
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    return root


def test_names_are_sorted_by_kind_and_counted_as_people_count(root):
    found = list_folder(root, None)
    assert (found.images, found.videos, found.unread) == (["9.PNG", "10.png"], ["clip.mp4"], ["old.wmv"])
    assert found.folders == ["bear", "link"]
    assert [problem.file for problem in found.problems] == [r"a\nb.png"]


def test_how_to_convert_names_a_command_that_keeps_every_frame():
    """A copy of bare H.264 has no times, one of a DVD lacks frames, one of wmv a codec that is read here."""
    for name, flag in (
        ("a.MTS", "-c copy"),
        ("a.dv", "-c copy"),
        ("a.h264", "-c:v ffv1"),
        ("a.vob", "-c:v ffv1"),
        ("a.mpg", "-c:v ffv1"),
    ):
        assert f"ffmpeg -i INPUT {flag} " in how_to_convert(name), name
    assert how_to_convert("a.heic").endswith("convert it")


def test_a_fence_holds_links_and_nothing_else(root):
    found = list_folder(root, root)
    assert found.folders == ["bear"]
    assert [problem.file for problem in found.problems] == [r"a\nb.png", "link"]
    assert "--follow_links" in found.problems[1].reason


@pytest.mark.parametrize(
    ("target", "said"), [("gone", "gone"), ("loop", "loop|symbolic links"), ("bear", None), ("x\0y", "NUL")]
)
def test_why_a_link_may_not_be_followed_is_said(root, target, said):
    if "\0" in target:
        assert said in link_problem(root / target, root)
        return
    (root / "loop").symlink_to(root / target)
    problem = link_problem(root / "loop", root)
    assert problem is None if said is None else any(word in problem for word in said.split("|"))


def test_what_is_no_file_is_refused_by_its_name(root):
    os.mkfifo(root / "11.png")
    assert Rejection("11.png", "not a regular file") in list_folder(root, None).problems
