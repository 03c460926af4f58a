"""A small data set after phase 1, and a scheduler that only answers."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from focusgen import cli
from focusgen.cluster.attempts import Attempt
from focusgen.config import SCENE_PHASES
from focusgen.dataset.states import PhaseState, State
from focusgen.run.status import SceneStatus
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
    words = [*rgbd.flags("raw_root", "out_root"), "--min_frames", "2", "--run.workers", "1"]
    assert cli.phase_main("index", "doc", words) == 0
    return rgbd


def submit(rgbd: Rgbd, *words: str) -> int:
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2", "--n_sets", "1"]
    return cli.main(["submit", *flags, "--tasks", "2", *words])


def plain(script: str, rgbd: Rgbd) -> str:
    text = script.replace(str(rgbd.out_root), "OUT").replace(sys.executable, "PYTHON")
    return re.sub(r"\d{8}T\d{6}-\d{6}-[0-9a-f]{4}", "PLAN", text)


def attempt(**changes: Any) -> Attempt:
    """Return a task's word of itself: running, heard of just now."""
    now_s = time.time()
    plain = Attempt(
        plan_id="plan",
        phase="depth",
        slot=0,
        index=0,
        job_id="7_0",
        host="n1",
        pid=1,
        started_s=now_s,
        updated_s=now_s,
        restarts=0,
        state="running",
        scene_id="a",
        n_done=0,
        n_frames=10,
        n_scenes=1,
    )
    return replace(plain, **changes)


def status(scene_id: str, n_frames: int = 10, reason: str = "", **states: State) -> SceneStatus:
    """Return where a scene stands; phases that are not named are pending."""
    phases = {phase: PhaseState(states.get(phase, State.PENDING), reason) for phase in SCENE_PHASES}
    return SceneStatus(scene_id, "train", n_frames, phases)
