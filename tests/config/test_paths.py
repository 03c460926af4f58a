"""A data set may move together with what it is made from; what it keeps of paths finds it again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from focusgen import config
from focusgen.config.paths import KEPT_OUT_ROOT, find_paths, found, keep_paths, kept, with_paths

ROOT = Path("/disk/project/out")


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/disk/project/raw", "../raw"),
        ("/disk/project/out", "."),
        ("/disk/project/out/scene_index.json", "scene_index.json"),
        ("/disk/other", "../../other"),
        ("/disk/project/raw/../depth", "../depth"),
        ("/disk/project/raw videos/für 'Ada'", "../raw videos/für 'Ada'"),
        ("/elsewhere/raw", "/elsewhere/raw"),  # nothing but / in common: it will not move along
        ("/", "/"),
    ],
)
def test_what_may_move_along_is_kept_relative_and_the_rest_as_it_is(path, written):
    assert kept(Path(path), ROOT) == Path(written)


def test_a_relative_path_counts_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kept(Path("raw"), tmp_path / "out") == Path("../raw")


NAMES = st.lists(st.sampled_from(["a", "b b", "ü", "c.d", "-e"]), min_size=1, max_size=4)


@given(NAMES, NAMES)
def test_what_was_kept_is_found_again(path_names, root_names):
    path, root = Path("/", *path_names), Path("/", *root_names)
    assert found(kept(path, root), root) == path


@given(NAMES, NAMES, st.sampled_from(["raw", "../raw", "../../raw"]))
def test_a_kept_path_moves_with_its_data_set(path_names, root_names, written):
    here, there = Path("/h", *path_names, "out"), Path("/t", *root_names, "out")
    moved = os.path.relpath(found(Path(written), there), there)
    assert moved == os.path.relpath(found(Path(written), here), here)


def settings(root: Path, **more: object) -> config.Config:
    values = {
        "data.raw_root": root / "raw",
        "data.out_root": root / "out",
        "depth.depth_root": root / "depth",
        "data.split_file": (root / "train.txt", root / "val.txt"),
        "optics.footage_focal_px": root / "focal.csv",
        "validate.report": root / "out" / "logs" / "mine.json",
    }
    return config.load(None, values | {key.replace("__", "."): value for key, value in more.items()})


def test_every_path_of_the_settings_moves_and_nothing_else_changes(tmp_path):
    cfg = settings(tmp_path / "before")
    (tmp_path / "before" / "out").mkdir(parents=True)
    moved = find_paths(keep_paths(cfg), tmp_path / "after" / "out")
    assert moved.data == settings(tmp_path / "after").data
    assert moved.depth.depth_root == tmp_path / "after" / "depth"
    assert moved.optics.footage_focal_px == tmp_path / "after" / "focal.csv"
    assert moved.validate_.report == tmp_path / "after" / "out" / "logs" / "mine.json"
    assert moved.render.model_dump(exclude={"lora_path", "prompt_cache"}) == cfg.render.model_dump(
        exclude={"lora_path", "prompt_cache"}
    )


def test_where_nothing_moved_the_settings_are_the_same(tmp_path):
    cfg = settings(tmp_path)
    again = find_paths(keep_paths(cfg), tmp_path / "out")
    assert again.data == cfg.data and again.depth.depth_root == cfg.depth.depth_root
    assert find_paths(keep_paths(again), tmp_path / "out") == again


def test_kept_settings_name_no_place_of_the_machine(tmp_path):
    document = keep_paths(settings(tmp_path)).model_dump_json()
    assert str(tmp_path) not in document
    assert keep_paths(settings(tmp_path)).data.out_root == KEPT_OUT_ROOT


def test_words_and_numbers_in_the_place_of_a_path_stay(tmp_path):
    for value in ("exif", 1234.5, None):
        cfg = settings(tmp_path, optics__footage_focal_px=value)
        changed = with_paths(cfg, lambda path: Path("/gone"))
        assert changed.optics.footage_focal_px == (Path("/gone") if value is None else value) or value is None
        assert changed.data.raw_root == Path("/gone")
        assert changed.data.split_file == (Path("/gone"), Path("/gone"))


class TestOlderDataSets:
    """Release 0.1.0 kept paths as they were given."""

    @staticmethod
    def read(tmp_path: Path, raw_root: Path, out_root: Path, now: Path) -> Path:
        cfg = config.load(None, {"data.raw_root": raw_root, "data.out_root": out_root})
        located = find_paths(cfg, now)
        assert located.data.out_root == now
        return located.data.raw_root

    def test_footage_that_still_lies_there_is_taken_where_it_was(self, tmp_path):
        raw = tmp_path / "raw"
        raw.mkdir()
        assert self.read(tmp_path, raw, tmp_path / "out", tmp_path / "new" / "out") == raw

    def test_footage_that_moved_along_is_found(self, tmp_path):
        moved = tmp_path / "new" / "raw"
        moved.mkdir(parents=True)
        assert self.read(tmp_path, tmp_path / "raw", tmp_path / "out", tmp_path / "new" / "out") == moved

    def test_footage_that_is_nowhere_is_named_where_it_was(self, tmp_path):
        gone = tmp_path / "raw"
        assert self.read(tmp_path, gone, tmp_path / "out", tmp_path / "new" / "out") == gone

    def test_relative_paths_are_looked_for_beside_the_data_set_first(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        beside = tmp_path / "there" / "raw"
        beside.mkdir(parents=True)
        (tmp_path / "raw").mkdir()  # another one, where the command is started today
        assert self.read(tmp_path, Path("raw"), Path("out"), tmp_path / "there" / "out") == beside

    def test_a_relative_path_is_believed_where_nothing_lies_beside_the_data_set(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "raw").mkdir()
        assert self.read(tmp_path, Path("raw"), Path("out"), tmp_path / "there" / "out") == Path("raw")

    def test_an_absolute_path_says_nothing_about_a_relative_data_set(self, tmp_path):
        absolute = tmp_path / "raw"
        assert self.read(tmp_path, absolute, Path("out"), tmp_path / "there" / "out") == absolute
