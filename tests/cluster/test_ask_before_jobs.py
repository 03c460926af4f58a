"""What every task of an array would miss is said once, before there are tasks."""

from __future__ import annotations

import shutil

import pytest

from focusgen import cli
from focusgen.dataset.layout import DatasetLayout
from tests.cluster.conftest import submit


def plans(rgbd) -> list[str]:
    return [path.name for path in DatasetLayout.of(rgbd.config()).plans.glob("*")]


@pytest.mark.parametrize("command", ["submit", "resubmit"])
def test_a_missing_depth_folder_and_weights_are_said_before_a_job_is_handed_in(
    indexed, fake_slurm, capsys, command
):
    shutil.rmtree(indexed.depth_root)
    flags = [*indexed.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2"]
    words = [
        command,
        *flags,
        "--deblur.backend",
        "deblurnet",
        "--deblur.model_id",
        str(indexed.root / "flux"),
    ]
    words += ["--phases", "2-4"] if command == "submit" else []
    assert cli.main(words) == 2
    told = capsys.readouterr().err
    assert f"--depth_root {indexed.depth_root}: no such folder" in told
    assert "focusgen weights fetch deblurnet" in told
    assert "things are missing; nothing was submitted (--force submits all the same" in told
    assert "GPU" not in told, "that is the nodes'"
    assert plans(indexed) == []
    assert fake_slurm.calls("sbatch") == []


def test_what_only_the_nodes_see_can_be_forced_and_is_said(indexed, fake_slurm, capsys):
    hidden = indexed.depth_root.rename(indexed.root / "on the nodes")
    assert submit(indexed, "--phases", "2-4", "--force") == 0
    assert "warning: missing here: --depth_root" in capsys.readouterr().err
    assert len(plans(indexed)) == 2
    assert hidden.is_dir()


def test_held_jobs_may_wait_for_what_is_missing(indexed, fake_slurm, capsys):
    shutil.rmtree(indexed.depth_root)
    assert submit(indexed, "--phases", "3", "--hold") == 0
    assert "warning: missing here: --depth_root" in capsys.readouterr().err
    assert len(fake_slurm.scripts()) == 1


def test_weights_that_a_node_may_have_are_only_warned_of(indexed, fake_slurm, capsys):
    assert submit(indexed, "--phases", "2-3", "--depth.backend", "vda") == 0
    assert "warning: missing here: depth: vda: " in capsys.readouterr().err
    assert len(fake_slurm.scripts()) == 2


def test_a_max_coc_of_another_unit_is_told_before_every_task_takes_it(indexed, fake_slurm, capsys):
    assert submit(indexed, "--phases", "5", "--max_coc", "0.8", "--dry_run") == 0
    assert "warning: max_coc is 800.00 mm, wider than a tenth" in capsys.readouterr().err


def test_a_dry_run_warns_and_shows_its_scripts(indexed, fake_slurm, capsys):
    shutil.rmtree(indexed.depth_root)
    assert submit(indexed, "--phases", "2-4", "--dry_run") == 0
    told = capsys.readouterr()
    assert "no such folder" in told.err
    assert "#!/bin/bash" in told.out


def test_a_forced_submission_of_phase_1_hands_the_flag_on_to_that_of_the_later_phases(
    rgbd, fake_slurm, capsys
):
    rgbd.add_scene("a")
    shutil.rmtree(rgbd.depth_root)
    assert submit(rgbd, "--phases", "1-4", "--force") == 0
    assert any("--force" in script for script in fake_slurm.scripts())


def test_a_task_that_cannot_start_names_all_that_is_missing(indexed, capsys):
    shutil.rmtree(indexed.depth_root)
    lacking = [
        "--depth.backend",
        "vda",
        "--depth.checkpoint",
        str(indexed.root / "none.pth"),
        "--device",
        "cuda",
    ]
    flags = [*indexed.flags("raw_root", "out_root"), "--min_frames", "2"]
    assert cli.main(["task", *flags, "--phases", "2"]) == 0
    capsys.readouterr()
    assert cli.main(["task", *flags, "--phases", "3", *lacking]) == 2
    told = capsys.readouterr().err
    assert "2 things are missing" in told
    assert "none.pth" in told and "cuda" in told.lower()
