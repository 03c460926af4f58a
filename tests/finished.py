"""A small finished data set of two lens sets, as phases 1 to 6 leave it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from focusgen import cli

SETTINGS = ["--min_frames", "10", "--n_sets", "2", "--auto_approve"]


@pytest.fixture(scope="session")
def _finished(tmp_path_factory) -> Path:
    work = tmp_path_factory.mktemp("finished")
    raw, depth, out = (str(work / name) for name in ("raw", "depth", "out"))
    size = ["--width", "96", "--height", "64", "--n_frames", "10", "--n_scenes", "4"]
    assert cli.main(["synth", "--raw_root", raw, "--depth_root", depth, *size]) == 0
    assert (
        cli.main(
            ["run", "--no_pictures", "--raw_root", raw, "--depth_root", depth, "--out_root", out, *SETTINGS]
        )
        == 0
    )
    return work


@pytest.fixture
def finished(_finished, tmp_path) -> Path:
    """The data set's folder, of this test alone."""
    return Path(shutil.copytree(_finished / "out", tmp_path / "out"))
