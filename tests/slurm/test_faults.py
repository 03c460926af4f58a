"""A dozen faults on a real Slurm, and the time limit by itself."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.slurm_chaos import run_chaos
from focusgen.synth.write import synth_dataset

from .harness import Campaign, Slurm, states_of

N_KINDS = 8


def test_twelve_faults_of_every_kind_leave_the_bytes_of_a_local_run(slurm: Slurm, tmp_path: Path):
    chaos = run_chaos(slurm, tmp_path, 12, seed=1)
    assert sum(chaos.counts.values()) >= 12
    assert len(chaos.counts) == N_KINDS, f"one of each kind: {dict(chaos.counts)}"
    assert not chaos.redone


def test_a_signal_ends_the_frame_in_hand_and_only_that_task_comes_back(slurm: Slurm, tmp_path: Path):
    campaign = Campaign(slurm, tmp_path, {"tasks": 2})
    for n_frames, seed in ((40, 0), (3, 1)):
        synth_dataset(
            *(tmp_path / "raw", tmp_path / "depth"),
            families=["bars"],
            seed=seed,
            n_scenes=1,
            n_frames=n_frames,
            width=48,
            height=32,
        )
    campaign.focusgen("task", "--phases", "1")
    campaign.focusgen("submit", "--phases", "2", "--cluster", "debug")
    campaign.frame_s = 0.7
    campaign.submit("--phases", "3")
    task = wait_for_frames(campaign, 12)
    slurm.run("scancel", "--batch", "--signal=USR1", task)  # what --signal=B:USR1@300 sends at the limit
    slurm.wait_until_idle()
    assert states_of(campaign.status(), "depth") == {"complete"}
    plan = campaign.newest_plan()
    folder = campaign.out / ".focusgen" / "slurm" / plan["plan_id"]
    long_log, short_log = sorted((path.read_text() for path in folder.glob("*.out")), key=len, reverse=True)
    assert "requeued as" in long_log and "start 2" in long_log, "one log, appended"
    assert "requeued" not in short_log and "start 2" not in short_log
    attempts = [attempt for attempt in campaign.attempts() if attempt["phase"] == "depth"]
    assert sorted(attempt["restarts"] for attempt in attempts)[0] == 0
    assert 0 < min(attempt["n_done"] for attempt in attempts if attempt["restarts"]) < 30, (
        "not from the start"
    )


def wait_for_frames(campaign: Campaign, n_frames: int) -> str:
    """Return the job of a task that has handed over so many frames."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        for attempt in campaign.attempts():
            if attempt["phase"] == "depth" and attempt["n_done"] >= n_frames:
                return str(attempt["job_id"])
        time.sleep(0.2)
    raise AssertionError(f"no task got that far: {campaign.attempts()}")
