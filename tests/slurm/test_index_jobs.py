"""Phase 1 as an array on a real Slurm: the index of one process, whatever became of the tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .harness import ROOT, Campaign, environment_of_jobs


@pytest.fixture(scope="session")
def index_of_one_process(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """scene_index.json of the fifteen scenes by one local run of phase 1."""
    out = tmp_path_factory.mktemp("one_process") / "out"
    words = ["--raw_root", str(raw / "raw"), "--out_root", str(out), "--min_frames", "2"]
    program = ROOT / "scripts" / "01_validate_dataset.py"
    environment = {**os.environ, **environment_of_jobs()}
    subprocess.run([sys.executable, program, *words], env=environment, check=True, stdin=subprocess.DEVNULL)
    return (out / "scene_index.json").read_bytes()


def test_an_array_of_four_and_its_merge_make_the_index_of_one_process(
    campaign: Campaign, index_of_one_process: bytes
):
    campaign.submit("--phases", "1")
    campaign.slurm.wait_until_idle()
    plan = campaign.newest_plan()
    assert [len(share) for share in plan["slots"]] == [4, 4, 4, 3]
    assert (campaign.out / "scene_index.json").read_bytes() == index_of_one_process
    splits = {scene: entry["split"] for scene, entry in json.loads(index_of_one_process).items()}
    for scene, split in splits.items():
        assert (campaign.out / scene / "split.txt").read_text().strip() == split
    logs = sorted(path.name for path in (campaign.out / ".focusgen" / "slurm").glob("*/index*.out"))
    assert len(logs) == 5, logs  # four tasks and the job that merges


def test_a_task_that_never_ran_costs_the_merge_its_share_and_the_index_nothing(
    campaign: Campaign, index_of_one_process: bytes
):
    campaign.submit("--phases", "1", "--hold")
    jobs = [line.split() for line in campaign.slurm.queue("%i %j %T")]
    array = sorted(job for job, *_ in jobs if "_" in job)
    assert len(array) == 4 and len(jobs) == 5
    campaign.slurm.run("scancel", array[2])
    for job in {job.partition("_")[0] for job, *_ in jobs}:
        campaign.slurm.run("scontrol", "release", job)
    campaign.slurm.wait_until_idle()
    assert (campaign.out / "scene_index.json").read_bytes() == index_of_one_process
