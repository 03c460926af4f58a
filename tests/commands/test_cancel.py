"""`focusgen cancel`: ends the jobs of ours that submissions name, by id and name, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from focusgen import cli
from focusgen.cluster import slurm
from focusgen.dataset.layout import DatasetLayout


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetLayout:
    """Two submissions: jobs 1 and 2 of plan p, job 3 of plan q."""
    made = DatasetLayout(tmp_path, tmp_path / "scene_index.json")
    made.submissions.mkdir(parents=True)
    for plan, numbers in (("p", (1, 2)), ("q", (3,))):
        jobs = [{"job_id": str(n), "name": f"focusgen-{n}", "phase": "depth"} for n in numbers]
        (made.submissions / f"{plan}.json").write_text(json.dumps({"plan_id": plan, "jobs": jobs}))
    return made


@pytest.fixture
def ended(monkeypatch) -> list[tuple[str, str]]:
    """What Slurm was asked to end; of job 2 it knows nothing any more."""
    asked: list[tuple[str, str]] = []

    def cancel(job_id: str, name: str) -> bool:
        asked.append((job_id, name))
        return job_id != "2"

    monkeypatch.setattr(slurm, "cancel", cancel)
    monkeypatch.setattr(slurm, "require_scancel", lambda: None)
    return asked


def cancel(dataset: DatasetLayout, *words: str) -> int:
    return cli.main(["cancel", "--out_root", str(dataset.root), *words])


def test_all_jobs_are_ended_by_id_and_name_and_a_silent_one_is_told(dataset, ended, capsys):
    assert cancel(dataset) == 0
    assert ended == [(str(n), f"focusgen-{n}") for n in (1, 2, 3)]
    said = capsys.readouterr().out
    assert "scancel 2 (depth) did not answer" in said and "3 jobs asked to end" in said
    assert "focusgen resubmit --missing" in said


def test_a_plan_chooses_its_own_jobs_and_an_unknown_one_none(dataset, ended, capsys):
    assert cancel(dataset, "--plan", "q") == 0 and ended == [("3", "focusgen-3")]
    assert cancel(dataset, "--plan", "r") == 0 and len(ended) == 1
    assert "no job was submitted by plan r" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{", "[]", '{"plan_id": "a"}', '{"plan_id": "a", "jobs": [{}]}'])
def test_a_submission_that_cannot_be_read_is_named_and_the_others_end(dataset, ended, capsys, content):
    (dataset.submissions / "a.json").write_text(content)
    assert cancel(dataset) == 3 and len(ended) == 3
    told = capsys.readouterr().err
    assert "a.json: damaged" in told and "squeue lists them" in told


def test_without_scancel_or_a_data_set_nothing_is_asked(dataset, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(dataset.root))
    assert cancel(dataset) == 2
    assert "scancel is not on this machine's PATH" in capsys.readouterr().err
    monkeypatch.setattr(slurm, "require_scancel", lambda: None)
    assert cli.main(["cancel", "--out_root", str(dataset.root / "none")]) == 2
    assert "none: no such data set" in capsys.readouterr().err
