"""The text of jobs, what they ask for, and what becomes of a refusal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from focusgen import cli
from focusgen.base import interpreter
from tests.cluster.conftest import plain, submit

pytestmark = pytest.mark.slow

GOLDEN = """#!/bin/bash

# Parameters
#SBATCH --array=0-1
#SBATCH --cpus-per-task=8
#SBATCH --dependency=aftercorr:100
#SBATCH --gres=gpu:1
#SBATCH --job-name=focusgen-PLAN-depth-0
#SBATCH --kill-on-invalid-dep=yes
#SBATCH --mem=64G
#SBATCH --nodes=1
#SBATCH --open-mode=append
#SBATCH --output=OUT/.focusgen/slurm/PLAN/depth_%A_%a.out
#SBATCH --partition=gpu
#SBATCH --requeue
#SBATCH --signal=B:USR1@300
#SBATCH --time=360
#SBATCH --wckey=focusgen

# setup
set -euo pipefail

# command
export PYTHONSAFEPATH=1
exec PYTHON -m focusgen.cli task --plan OUT/.focusgen/plans/PLAN.json --phases depth --offset 0 --index \
"$SLURM_ARRAY_TASK_ID"
"""


NETWORKS = ("--depth.backend", "vda", "--deblur.backend", "deblurnet")


def test_the_script_of_an_array_is_exactly_this(indexed, fake_slurm):
    assert submit(indexed, "--phases", "2-4", *NETWORKS) == 0
    assert plain(fake_slurm.scripts()[1], indexed) == GOLDEN


def test_a_backend_without_weights_asks_for_no_gpu_and_goes_where_the_calibration_goes(
    indexed, fake_slurm, capsys
):
    expected = GOLDEN.replace("#SBATCH --gres=gpu:1\n", "").replace("partition=gpu", "partition=cpu")
    assert submit(indexed, "--phases", "2-4") == 0
    assert plain(fake_slurm.scripts()[1], indexed) == expected
    capsys.readouterr()
    assert submit(indexed, "--phases", "2-4", "--dry_run") == 0
    printed = capsys.readouterr().out
    assert "gres" not in printed and "charged   0.00 GPU hours" in printed
    assert "needs no GPU and asks for none; partition cpu" in printed


@pytest.mark.parametrize("gpus", ["{depth: 1}", "{depth: 0}"])
def test_a_number_of_gpus_is_the_users_own_choice(indexed, fake_slurm, gpus):
    assert submit(indexed, "--phases", "3", "--cluster.gpus", gpus) == 0
    (script,) = fake_slurm.scripts()
    assert ("--gres=gpu:1" in script) == (gpus == "{depth: 1}")
    assert "--partition=gpu\n" in script


def test_only_the_phases_with_networks_ask_for_a_gpu(indexed, fake_slurm):
    assert submit(indexed, "--phases", "2-3", "--depth.backend", "vda") == 0
    deblur, depth = fake_slurm.scripts()
    assert "gres" not in deblur and "partition=cpu" in deblur
    assert "--gres=gpu:1" in depth and "partition=gpu" in depth


def test_phases_are_linked_scene_by_scene_and_the_gate_waits_for_the_end_of_all(indexed, fake_slurm):
    assert submit(indexed, "--phases", "2-4") == 0
    deblur, depth, calibrate = fake_slurm.scripts()
    assert "--dependency" not in deblur
    assert "#SBATCH --dependency=aftercorr:100\n" in depth
    assert "#SBATCH --dependency=afterany:100:101\n" in calibrate
    assert "--gres" not in calibrate and "--partition=cpu" in calibrate
    document = json.loads(next((indexed.out_root / ".focusgen/submissions").glob("*.json")).read_text())
    assert [job["job_id"] for job in document["jobs"]] == ["100", "101", "102"]


def test_a_dry_run_prints_the_same_scripts_and_a_forecast_and_changes_nothing(indexed, fake_slurm, capsys):
    before = sorted(path for path in indexed.out_root.rglob("*"))
    capsys.readouterr()
    assert submit(indexed, "--phases", "2-4", "--dry_run", *NETWORKS) == 0
    printed = capsys.readouterr().out
    assert sorted(path for path in indexed.out_root.rglob("*")) == before
    assert fake_slurm.calls("sbatch") == []
    expected = GOLDEN.replace("aftercorr:100", "'aftercorr:<focusgen-PLAN-deblur-0>'")
    assert expected in plain(printed, indexed)
    assert re.search(r"GPU hours, .* node hours", printed) and "GiB free" in printed


def test_sbatch_that_took_the_job_and_answered_nothing_is_not_asked_twice(indexed, fake_slurm):
    fake_slurm.fault(sbatch=["silent"])
    assert submit(indexed, "--phases", "2") == 0
    assert len(fake_slurm.calls("sbatch")) == 1
    document = json.loads(next((indexed.out_root / ".focusgen/submissions").glob("*.json")).read_text())
    assert document["jobs"][0]["job_id"] == "100"


def test_a_request_that_got_lost_is_made_again_and_a_refusal_is_told(indexed, fake_slurm, capsys):
    fake_slurm.fault(sbatch=["lost"])
    assert submit(indexed, "--phases", "2") == 0
    assert len(fake_slurm.calls("sbatch")) == 2
    fake_slurm.fault(sbatch=["refuse", "refuse"])
    assert submit(indexed, "--phases", "2") == 2
    told = capsys.readouterr().err
    assert "Invalid account" in told and "cluster.account" in told


def test_a_chain_whose_second_job_is_refused_is_taken_back(indexed, fake_slurm, capsys):
    fake_slurm.fault(sbatch=["", "refuse", "refuse"])
    assert submit(indexed, "--phases", "2-4") == 2
    (call,) = fake_slurm.calls("scancel")
    assert call["argv"][1] == "100" and "-deblur-" in call["argv"][0]
    told = capsys.readouterr().err
    assert "-depth-0: error: Batch job submission failed: Invalid account" in told
    assert "1 jobs submitted before it were cancelled again: 100" in told
    assert not list((indexed.out_root / ".focusgen/submissions").glob("*.json")), "nothing is left of it"
    assert submit(indexed, "--phases", "2-4") == 0, "and the same command works once the cause is mended"


def test_a_half_chain_that_cannot_be_taken_back_is_named_with_the_way_out(indexed, fake_slurm, capsys):
    fake_slurm.fault(sbatch=["", "refuse", "refuse"], scancel=["refuse"])
    assert submit(indexed, "--phases", "2-4") == 2
    told = capsys.readouterr().err
    words = re.search(r"Still submitted: jobs 100; focusgen (cancel --plan \S+ --out_root \S+) ends", told)
    assert words, told
    assert cli.main(words.group(1).split()) == 0
    assert [call["argv"][1] for call in fake_slurm.calls("scancel")] == ["100", "100"]


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("QOSMaxSubmitJobPerUserLimit", "Wait until some of your jobs have ended"),
        (
            "Batch job submission failed: Socket timed out on send/recv operation",
            "start the same command again",
        ),
        ("Batch job submission failed: Invalid job array specification", "Lower cluster.tasks"),
        ("invalid partition specified: gpu", "cluster.partition"),
        ("Requested time limit is invalid (missing or exceeds some limit)", "cluster.time_h"),
        ("Requested node configuration is not available", "cluster.memory_gb"),
        ("Invalid qos specification", "cluster.qos"),
        ("Invalid generic resource (gres) specification", "gpus"),
    ],
)
def test_what_sbatch_says_is_shown_with_a_way_out(indexed, fake_slurm, capsys, said, advice):
    fake_slurm.fault(sbatch=[f"say {said}"] * 2)
    assert submit(indexed, "--phases", "2") == 2
    told = capsys.readouterr().err
    assert said in told and advice in told and "Traceback" not in told


def test_without_sbatch_the_way_out_is_another_cluster(indexed, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert submit(indexed, "--phases", "2") == 2
    assert "--cluster local" in capsys.readouterr().err


SHADOWS = ("random", "types", "select", "queue", "numpy", "yaml", "tempfile", "focusgen", "config")


@pytest.fixture
def shadowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder whose modules would end any Python that imports them."""
    folder = tmp_path / "my scripts"
    folder.mkdir()
    for name in SHADOWS:
        (folder / f"{name}.py").write_text(f"raise SystemExit('shadowed {name}')")
    monkeypatch.chdir(folder)
    monkeypatch.delenv(interpreter.SAFE_PATH_VARIABLE, raising=False)
    return folder


def in_job(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SLURM_ARRAY_TASK_ID": "0"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_a_job_runs_whatever_modules_lie_in_the_folder_of_its_submission(indexed, fake_slurm, shadowed):
    assert submit(indexed, "--phases", "2-4") == 0
    for number, script in enumerate(fake_slurm.scripts()):
        (indexed.root / f"{number}.sh").write_text(script)
        done = in_job(["bash", str(indexed.root / f"{number}.sh")])
        assert "shadowed" not in done.stdout + done.stderr
        assert done.returncode in (0, 3), done.stderr  # 3: phase 4 misses the scenes of index 1
    assert (indexed.out_root / "logs" / "coc_stats.json").exists()


def test_the_wrappers_do_the_same(indexed, fake_slurm, shadowed, monkeypatch):
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("OUT_ROOT", str(indexed.out_root))
    monkeypatch.setenv("RAW_ROOT", str(indexed.raw_root))
    jobs = Path(__file__).resolve().parent.parent.parent / "jobs"
    for name in ("run_validate_dataset.sh", "run_deblur.sh"):
        done = in_job(["bash", str(jobs / name)])
        assert done.returncode == 0, done.stderr
    assert (indexed.out_root / "a" / "frames_sharp" / ".done").exists()


def test_tasks_side_by_side_on_this_machine_do_the_same(indexed, shadowed):
    flags = [*indexed.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2", "--tasks", "2"]
    command = [*interpreter.module_command("focusgen.cli"), "submit", "--cluster", "local", "--phases", "2-3"]
    done = in_job([*command, *flags])
    assert done.returncode == 0, done.stderr
    assert len(list(indexed.out_root.glob("*/depth_maps/.done"))) == 3


def test_a_python_too_old_for_a_safe_path_runs_the_console_script(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 14))
    (command,) = interpreter.focusgen_command()
    done = subprocess.run([command, "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("focusgen "), done.stderr
    assert interpreter.focusgen_command("apptainer-python") == ["apptainer-python", "-m", "focusgen.cli"]
