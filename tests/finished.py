"""A small finished data set of two lens sets, as phases 1 to 6 leave it; made once, for all rooms."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from focusgen import cli
from focusgen.commands import synth

SETTINGS = ["--min_frames", "10", "--n_sets", "2", "--auto_approve", "--workers", "1"]


@pytest.fixture(scope="session")
def _finished(tmp_path_factory) -> Path:
    work = tmp_path_factory.mktemp("finished")
    raw, depth, out = (str(work / name) for name in ("raw", "depth", "out"))
    size = ["--width", "96", "--height", "64", "--n_frames", "10", "--n_scenes", "4"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synth, "usable_cores", lambda: 1)  # a process more costs longer than its 20 frames
        assert cli.main(["synth", "--raw_root", raw, "--depth_root", depth, *size]) == 0
    roots = ["--raw_root", raw, "--depth_root", depth, "--out_root", out]
    assert cli.main(["run", "--no_pictures", *roots, *SETTINGS]) == 0
    return work


@pytest.fixture
def finished(_finished, tmp_path) -> Path:
    """The data set's folder, of this test alone."""
    return Path(shutil.copytree(_finished / "out", tmp_path / "out"))
