"""Settings that a data set keeps find their files again from elsewhere, and after it moved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from focusgen import cli, config
from focusgen.config import Config
from focusgen.config.paths import find_paths, keep_paths, kept
from focusgen.dataset.layout import DatasetLayout
from focusgen.run.settings import saved_config
from tests.conftest import Rgbd
from tests.small import entry, write_index


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    rgbd = Rgbd(tmp_path_factory.mktemp("finished") / "site_a")
    rgbd.add_scene("a", n_frames=2)
    assert rgbd.run() == 0
    return rgbd.root


@pytest.fixture
def moved(finished, tmp_path) -> Rgbd:
    """The data set and all that it was made from in another place; the old place is another's by now."""
    shutil.copytree(finished, tmp_path / "site_b")
    return Rgbd(tmp_path / "site_b")


def test_no_file_of_a_data_set_names_the_place_where_it_was_made(moved, finished):
    texts = [p for p in moved.out_root.rglob("*") if p.is_file() and p.suffix not in (".png", ".npz")]
    assert len(texts) > 10
    assert [p for p in texts if str(finished).encode() in p.read_bytes()] == []


def test_a_lost_map_is_made_again_after_the_move_without_a_word_about_paths(moved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    victim = moved.out_root / "a/depth_maps/depth_0001.npz"
    before = victim.read_bytes()
    victim.unlink()
    (moved.out_root / "a/frames_sharp/frame_0000.png").unlink()
    assert cli.main(["repair", "--out_root", "site_b/out"]) == 0
    assert victim.read_bytes() == before


def test_only_the_data_set_moved_and_the_roots_are_said(moved, tmp_path, capsys):
    (moved.root / "depth").rename(tmp_path / "elsewhere")
    victim = moved.out_root / "a/depth_maps/depth_0001.npz"
    before = victim.read_bytes()
    victim.unlink()
    assert cli.main(["repair", *moved.flags("out_root")]) == 3
    assert "--depth_root" in capsys.readouterr().err
    assert cli.main(["repair", *moved.flags("out_root"), "--depth_root", str(tmp_path / "elsewhere")]) == 0
    assert victim.read_bytes() == before


@pytest.mark.parametrize("is_absolute", [True, False])
def test_paths_of_an_older_data_set_are_found_where_they_were_and_where_they_moved(
    moved, finished, monkeypatch, is_absolute
):
    """Release 0.1.0 kept them as given: absolute, or relative to the folder of the command."""
    for phase in ("index", "deblur", "depth", "render"):
        root = finished if is_absolute else Path("somewhere")
        cfg = config.load(None, {"data.raw_root": root / "raw", "depth.depth_root": root / "depth"})
        older = cfg.model_copy(update={"data": cfg.data.model_copy(update={"out_root": root / "out"})})
        DatasetLayout(moved.out_root, moved.out_root).config_yaml(phase).write_text(config.dump(older))
    dataset = DatasetLayout(moved.out_root, moved.out_root / "scene_index.json")
    expected = finished if is_absolute else moved.root
    assert saved_config(dataset, "depth").depth.depth_root == expected / "depth"
    if is_absolute:
        monkeypatch.setattr(Path, "exists", lambda self: not str(self).startswith(str(finished)))
        assert saved_config(dataset, "depth").depth.depth_root == moved.root / "depth"


def test_phase_1_in_a_folder_of_none_of_the_scenes_is_not_where_repair_looks(tmp_path, capsys):
    """A mistyped --raw_root leaves the index as it is; repair looks for raw files where they are."""
    dataset = write_index(tmp_path / "out", {"a": entry(2)})
    (tmp_path / "empty").mkdir()
    words = ["--raw_root", str(tmp_path / "empty"), "--out_root", str(dataset.root), "--min_frames", "2"]
    assert cli.phase_main("index", "doc", words) == 0
    assert "indexed, but not found" in capsys.readouterr().err
    assert saved_config(dataset, "index") is None


def test_settings_of_a_data_set_can_be_given_again_from_anywhere(moved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = config.load(moved.out_root / ".focusgen/config/depth.yaml", {"render.n_sets": 3})
    assert loaded.data.raw_root == moved.raw_root
    assert loaded.data.out_root == moved.out_root
    assert loaded.render.n_sets == 3


def test_kept_paths_come_back_and_what_shares_no_folder_stays_absolute(tmp_path):
    out = tmp_path / "out"
    cfg = Config(data={"out_root": out, "raw_root": tmp_path / "raw"}, depth={"depth_root": "/elsewhere/d"})
    kept_cfg = keep_paths(cfg)
    assert (kept_cfg.data.out_root, kept_cfg.data.raw_root) == (Path("."), Path("../raw"))
    assert kept_cfg.depth.depth_root == Path("/elsewhere/d")
    assert find_paths(kept_cfg, out).data.raw_root == tmp_path / "raw"
    link = tmp_path / "scratch" / "link"
    link.parent.mkdir()
    out.mkdir()
    link.symlink_to(out)
    assert kept(tmp_path / "raw", link) == Path("../raw"), "a linked data set is where it really lies"
