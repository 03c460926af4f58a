"""Paths in files: `~` and variables are read as a shell reads them, and stay what they are elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen import config
from focusgen.base.errors import ConfigError


@pytest.fixture
def load_text(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SCRATCH", "/scratch")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.chdir(tmp_path)

    def load(text: str) -> config.Config:
        (tmp_path / "own.yaml").write_text(text)
        return config.load(tmp_path / "own.yaml")

    return load


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("$SCRATCH/raw", "/scratch/raw"),
        ("${SCRATCH}raw", "/scratchraw"),
        ("/data/$SCRATCH/$HOME", "/data//scratch//home/me"),
        ("'~'", "/home/me"),
        ("~/raw", "/home/me/raw"),
        ("a~b", "a~b"),
        ("5$", "5$"),
    ],
)
def test_a_path_of_a_file_is_read_as_a_shell_reads_it(load_text, given, meant):
    assert load_text(f"data:\n  raw_root: {given}\n").data.raw_root == Path(meant)


def test_so_are_several_paths_and_one_that_may_be_a_word(load_text):
    cfg = load_text("data: {split_file: [$SCRATCH/a, ~/b]}\noptics: {footage_focal_px: $SCRATCH/f.csv}")
    assert cfg.data.split_file == (Path("/scratch/a"), Path("/home/me/b"))
    assert cfg.optics.footage_focal_px == Path("/scratch/f.csv")
    assert load_text("optics: {footage_focal_px: exif}").optics.footage_focal_px == "exif"


@pytest.mark.parametrize("name", ["EMPTY", "NOT_SET_ANYWHERE"])
def test_a_variable_that_is_not_set_is_refused_by_line(load_text, tmp_path, name):
    with pytest.raises(
        ConfigError, match=rf"own\.yaml, line 2: data\.out_root: the variable {name} is not set"
    ):
        load_text(f"data:\n  out_root: ${name}/out\n")
    (tmp_path / f"${name}").mkdir()  # a folder that is really called so
    assert load_text(f"data:\n  out_root: ${name}\n").data.out_root == Path(f"${name}")


def test_what_is_no_path_keeps_its_dollars(load_text):
    cfg = load_text("cluster: {setup: ['module load $CUDA'], account: $A}\ndata: {glob: '$X/*'}")
    assert (cfg.cluster.setup, cfg.cluster.account, cfg.data.glob) == (("module load $CUDA",), "$A", "$X/*")


def test_what_a_data_set_keeps_is_no_shell_s_business(load_text, tmp_path):
    kept = tmp_path / "$NOT_SET" / ".focusgen" / "config" / "index.yaml"
    kept.parent.mkdir(parents=True)
    kept.write_text("data: {out_root: ., raw_root: ../$GONE}\n")
    assert config.load(kept).data.raw_root == tmp_path / "$GONE"
