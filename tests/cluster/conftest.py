"""A small data set after phase 1, and a scheduler that only answers."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from focusgen import cli
from tests.conftest import Rgbd
from tests.fake_slurm import FakeSlurm


@pytest.fixture
def fake_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    return FakeSlurm.install(tmp_path / "slurm", monkeypatch)


@pytest.fixture
def indexed(rgbd: Rgbd) -> Rgbd:
    """Three small scenes after phase 1."""
    for seed, name in enumerate("abc"):
        rgbd.add_scene(name, seed=seed, n_frames=3 + seed)
    assert cli.phase_main("index", "doc", [*rgbd.flags("raw_root", "out_root"), "--min_frames", "2"]) == 0
    return rgbd


def submit(rgbd: Rgbd, *words: str) -> int:
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2", "--n_sets", "1"]
    return cli.main(["submit", *flags, "--tasks", "2", *words])


def plain(script: str, rgbd: Rgbd) -> str:
    text = script.replace(str(rgbd.out_root), "OUT").replace(sys.executable, "PYTHON")
    return re.sub(r"\d{8}T\d{6}-\d{6}-[0-9a-f]{4}", "PLAN", text)
