"""Phase 1 as an array and the job that makes the index of what its tasks have found out."""

from __future__ import annotations

import json
import re

import pytest

from focusgen import cli
from focusgen.cluster.index_jobs import shares_of
from focusgen.cluster.plans import find_plan
from focusgen.cluster.slurm import Limits
from focusgen.dataset.layout import DatasetLayout
from tests.cluster.conftest import submit


@pytest.mark.slow
def test_the_tasks_of_an_array_and_the_merge_make_the_index_of_one_process(rgbd, fake_slurm, capsys):
    for seed, name in enumerate("abcde"):
        rgbd.add_scene(name, n_frames=3, width=24, height=16, seed=seed)
    assert cli.phase_main("index", "doc", [*rgbd.flags("raw_root", "out_root"), "--min_frames", "2"]) == 0
    rgbd.out_root.rename(rgbd.root / "whole")
    assert submit(rgbd, "--phases", "1-3") == 0
    array, merge = fake_slurm.scripts()
    assert "#SBATCH --array=0-1" in array and "--phases index" in array
    assert "#SBATCH --dependency=afterany:100" in merge
    assert "submit --phases deblur,depth" in merge.splitlines()[-1]
    (plan_path,) = (rgbd.out_root / ".focusgen" / "plans").glob("*.json")
    assert json.loads(plan_path.read_text())["slots"] == [["a", "c", "e"], ["b", "d"]]
    for index in "01":
        assert cli.main(["task", "--plan", str(plan_path), "--phases", "index", "--index", index]) == 0
    assert not (rgbd.out_root / "scene_index.json").exists()
    capsys.readouterr()
    assert cli.main(["task", "--phases", "index", "--config", str(plan_path.with_suffix(".yaml"))]) == 0
    assert "5 scenes indexed (5 new)" in capsys.readouterr().err
    for name in ("scene_index.json", *(f"{scene}/split.txt" for scene in "abcde")):
        assert (rgbd.out_root / name).read_bytes() == (rgbd.root / "whole" / name).read_bytes()
    assert find_plan(DatasetLayout.of(rgbd.config()), None) is None, (
        "no array of later phases has its indices"
    )


def test_few_scenes_and_scenes_that_are_all_indexed_are_one_job(rgbd, indexed):
    limits = Limits()
    assert shares_of(indexed.config(), limits) == []
    indexed.add_scene("d", n_frames=3, width=24, height=16)
    assert shares_of(indexed.config(), limits) == []
    assert shares_of(indexed.config(cluster__tasks=9), limits) == [["a"], ["b"], ["c"], ["d"]]
    assert len(shares_of(indexed.config(cluster__tasks=9), Limits(max_jobs=3))) == 2
    assert shares_of(indexed.config(cluster__tasks=9, data__raw_root=indexed.root / "no"), limits) == []


def test_a_dry_run_shows_array_and_merge_and_writes_nothing(rgbd, fake_slurm, capsys):
    for name in "abc":
        rgbd.add_scene(name, n_frames=2, width=24, height=16)
    assert submit(rgbd, "--phases", "1", "--dry_run") == 0
    shown = capsys.readouterr().out
    assert re.findall(r"--array=(\S+)", shown) == ["0-1"]
    assert re.findall(r"--dependency='?(afterany:\S+?)'?\n", shown)
    assert not rgbd.out_root.exists()
