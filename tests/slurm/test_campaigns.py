"""Whole campaigns on a real Slurm: packed, one per index, with a failing scene, by hand, 1,500 at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from focusgen.dataset.index import IndexEntry
from tests.fingerprint import published_digests

from .harness import ROOT, Campaign, Slurm, states_of


def run_to_the_end(campaign: Campaign, *words: str) -> None:
    """Phases 1-4, the approval, phases 5-6, each submission left to itself."""
    campaign.submit("--phases", "1-4", *words)
    campaign.slurm.wait_until_idle()
    campaign.focusgen("approve")
    campaign.submit("--phases", "5-6", *words)
    campaign.slurm.wait_until_idle()


@pytest.mark.parametrize("how", ["packed", "one per index"])
def test_fifteen_scenes_go_through_all_phases_with_the_bytes_of_a_local_run(
    campaign: Campaign, undisturbed: dict[str, str], how: str
):
    if how == "one per index":
        campaign.settings = {"one_scene_per_task": True}
    run_to_the_end(campaign)
    assert campaign.report()["verdict"] == "pass"
    assert campaign.report()["passing_scenes"] == 15
    assert len(campaign.newest_plan()["slots"]) == (15 if how == "one per index" else 4)
    assert published_digests(campaign.out) == undisturbed
    loads = [attempt["model_loads"] for attempt in campaign.attempts()]
    assert set(loads) == {1}, "one model load per task and phase"
    if how == "packed":
        redo_one_index_by_hand(campaign, undisturbed)


def redo_one_index_by_hand(campaign: Campaign, undisturbed: dict[str, str]) -> None:
    """Lose the depth of one index, and redo only that with sbatch and a wrapper of jobs/."""
    plans = [json.loads(path.read_text()) for path in (campaign.out / ".focusgen/plans").glob("*.json")]
    plan = next(plan for plan in plans if "depth" in plan["phases"])
    index = 2
    for scene in plan["slots"][index]:
        shutil.rmtree(campaign.out / scene / "depth_maps")
    kept = {path: path.stat().st_mtime_ns for path in campaign.out.glob("*/depth_maps/*.npz")}
    log = campaign.root.parent / "by_hand_%A_%a.out"
    campaign.slurm.run(
        *("sbatch", f"--array={index}", f"--output={log}", ROOT / "jobs" / "run_depth.sh"),
        OUT_ROOT=str(campaign.out),
    )
    campaign.slurm.wait_until_idle()
    text = next(campaign.root.parent.glob("by_hand_*.out")).read_text()
    assert f"{plan['plan_id']} index {index}" in text
    assert published_digests(campaign.out) == undisturbed
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "nothing published is made again"


def test_one_failed_scene_stops_only_itself_and_a_resubmission_completes_it(
    campaign: Campaign, undisturbed: dict[str, str]
):
    victim = sorted(path.name for path in (campaign.root / "depth").iterdir())[4]
    away = campaign.root / "away"
    shutil.move(campaign.root / "depth" / victim, away)
    run_to_the_end(campaign)
    status = campaign.status()
    others = set(status["scenes"]) - {victim}
    assert len(others) == 14
    for phase in ("deblur", "depth", "render"):
        assert states_of(status, phase, others) == {"complete"}
    assert status["scenes"][victim]["depth"]["state"] == "failed"
    assert campaign.report()["failed_scenes"] == [victim]
    gate = next((campaign.out / ".focusgen" / "slurm").glob("*/calibrate_*.out")).read_text()
    assert f"missing: {victim}" in gate, "the gate says what is missing instead of hanging"
    shutil.move(away, campaign.root / "depth" / victim)
    campaign.focusgen("resubmit", "--failed")
    campaign.slurm.wait_until_idle()
    assert campaign.report()["verdict"] == "pass"
    assert campaign.newest_plan()["slots"] == [[victim]]
    # The calibration was approved without that scene: its value, and so the labels, are others.
    sharp = {path: digest for path, digest in undisturbed.items() if "frames_sharp" in path}
    assert sharp.items() <= published_digests(campaign.out).items()


def test_1500_scenes_are_submitted_held_counted_and_cancelled(slurm: Slurm, tmp_path: Path):
    campaign = Campaign(slurm, tmp_path, {"one_scene_per_task": True})
    campaign.out.mkdir()
    entry = IndexEntry(("f0", "f1"), 16, 16, "train", {"path": "x", "kind": "images"}, (), "0").document()
    index = {f"scene_{i:04d}": entry for i in range(1500)}
    (campaign.out / "scene_index.json").write_text(json.dumps(index))
    campaign.submit("--phases", "3", "--hold")
    lines = slurm.queue("%i %T %r")
    assert len(lines) == 1500
    assert {line.split(" ", 1)[1] for line in lines} == {"PENDING JobHeldUser"}
    submission = json.loads(next((campaign.out / ".focusgen" / "submissions").glob("*.json")).read_text())
    assert [job["n_tasks"] for job in submission["jobs"]] == [1001, 499]
    assert all(int(line.split()[0].partition("_")[2]) <= 1000 for line in lines)
    campaign.focusgen("cancel")
    slurm.wait_until_idle(60)
