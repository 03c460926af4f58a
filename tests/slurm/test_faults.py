"""A dozen faults on a real Slurm, and the time limit by itself."""

from __future__ import annotations

from pathlib import Path

from benchmarks.slurm_chaos import run_chaos

from .harness import Campaign, Slurm

N_KINDS = 8


def test_twelve_faults_of_every_kind_leave_the_bytes_of_a_local_run(slurm: Slurm, tmp_path: Path):
    chaos = run_chaos(slurm, tmp_path, 12, seed=1)
    assert sum(chaos.counts.values()) >= 12
    assert len(chaos.counts) == N_KINDS, f"one of each kind: {dict(chaos.counts)}"
    assert not chaos.redone


def test_at_the_time_limit_the_frame_is_finished_and_only_that_task_comes_back(campaign: Campaign):
    scenes = sorted(path.name for path in (campaign.root / "raw").iterdir())[:2]
    campaign.settings = {"time_h": {"depth": 1 / 60}, "drain_s": 50, "tasks": 2}
    campaign.focusgen("task", "--phases", "1")
    campaign.submit("--phases", "2", "--scenes", ",".join(scenes))
    campaign.slurm.wait_until_idle()
    campaign.frame_s = 8.0
    campaign.submit("--phases", "3", "--scenes", ",".join(scenes))
    campaign.slurm.wait_until_idle()
    status = campaign.status()
    assert [status["scenes"][scene]["depth"]["state"] for scene in scenes] == ["complete"] * 2
    plan = campaign.newest_plan()
    folder = campaign.out / ".focusgen" / "slurm" / plan["plan_id"]
    logs = [path.read_text() for path in sorted(folder.glob("*.out"))]
    requeued = [text for text in logs if "requeued as" in text]
    assert requeued, "a minute is too short for both"
    assert all(text.count("start 1\n") == 1 and "start 2" in text for text in requeued), "one log, appended"
    attempts = [attempt for attempt in campaign.attempts() if attempt["phase"] == "depth"]
    assert max(attempt["restarts"] for attempt in attempts) >= 1
