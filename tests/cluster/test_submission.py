"""What is told where a cluster's programs are missing or silent, and where there is nothing to do."""

from __future__ import annotations

import pytest

from focusgen import cli
from focusgen.dataset.layout import DatasetLayout
from tests.cluster.conftest import submit


@pytest.fixture
def no_programs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))


def plans(rgbd) -> list[str]:
    return [path.name for path in DatasetLayout.of(rgbd.config()).plans.glob("*")]


def test_without_sbatch_nothing_is_submitted_or_planned_and_another_way_is_named(
    indexed, no_programs, capsys
):
    for command in ("submit", "resubmit"):
        flags = indexed.flags("raw_root", "out_root", "depth_root")
        assert cli.main([command, *flags, "--min_frames", "2"]) == 2
        told = capsys.readouterr().err
        assert "sbatch is not on this machine's PATH" in told and "--cluster local" in told
    assert plans(indexed) == []


def test_without_scancel_nobody_is_told_that_jobs_ended(indexed, no_programs, capsys):
    assert cli.main(["cancel", *indexed.flags("out_root")]) == 2
    told = capsys.readouterr()
    assert "scancel is not on this machine's PATH" in told.err and "asked to end" not in told.out


def test_an_index_without_scenes_is_not_submitted(rgbd, fake_slurm, capsys):
    (rgbd.raw_root / "empty").mkdir(parents=True)
    assert cli.phase_main("index", "doc", rgbd.flags("raw_root", "out_root")) == 3
    assert submit(rgbd, "--phases", "2-4") == 2
    assert "no scene is indexed" in capsys.readouterr().err
    assert fake_slurm.calls("sbatch") == []


def test_a_silent_accounting_is_told(indexed, fake_slurm, monkeypatch, capsys):
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    from focusgen.cluster.attempts import AttemptObserver
    from focusgen.run.console import make_console

    AttemptObserver(make_console(), DatasetLayout.of(indexed.config()), "p", 0, 0).say()
    fake_slurm.fault(sacct=["down"])
    assert cli.main(["status", *indexed.flags("out_root"), "--slurm"]) == 0
    assert "sacct does not answer" in capsys.readouterr().err
    assert cli.main(["status", *indexed.flags("out_root"), "--slurm"]) == 0
    assert "sacct does not answer" not in capsys.readouterr().err
