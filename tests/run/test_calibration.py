"""One scene never takes the calibration of all others with it, be it stale or run alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from focusgen import cli
from focusgen.base.errors import CorruptInputError, ExitCode
from focusgen.run.calibration import _asked
from tests.finished import SETTINGS


class DataSet:
    """A finished data set of four scenes with its raw frames and depth, which a test may change."""

    def __init__(self, root: Path) -> None:
        self.root, self.out = root, root / "out"
        self.names = list(json.loads((self.out / "scene_index.json").read_bytes()))

    def run(self, *more: str, settings: list[str] = SETTINGS) -> int:
        roots = [
            word for name in ("raw", "depth", "out") for word in (f"--{name}_root", str(self.root / name))
        ]
        return cli.main(["run", "--no_pictures", *roots, *settings, *more])

    def edit_depth(self, name: str) -> None:
        path = sorted((self.root / "depth" / name).iterdir())[0]
        np.save(path, np.load(path) * 1.5)

    def add_copy(self, name: str) -> None:
        """Add a scene with pictures and depth of its own."""
        for kind in ("raw", "depth"):
            shutil.copytree(self.root / kind / self.names[0], self.root / kind / name)
        for path in (self.root / "depth" / name).iterdir():
            np.save(path, np.load(path) * 3.0)

    def log(self, name: str) -> dict:
        return json.loads((self.out / "logs" / name).read_bytes())

    def max_coc_of(self, name: str) -> float:
        return json.loads((self.out / name / "metadata.json").read_bytes())["sets"][0]["max_coc"]

    def states(self, capsys) -> dict[str, set[str]]:
        capsys.readouterr()
        assert cli.main(["status", "--json", "--out_root", str(self.out)]) == 0
        scenes = json.loads(capsys.readouterr().out)["scenes"]
        return {
            name: {scene[phase]["state"] for phase in ("deblur", "depth", "render")}
            for name, scene in scenes.items()
        }


@pytest.fixture
def made(_finished, tmp_path) -> DataSet:
    return DataSet(Path(shutil.copytree(_finished, tmp_path / "made")))


@pytest.mark.slow
def test_a_stale_scene_is_named_and_all_others_are_made(made, capsys):
    stale, *others = made.names
    stats, approval = made.log("coc_stats.json"), made.log("coc_approval.json")
    made.edit_depth(stale)
    for folder in ("bokeh_renders", "focus_maps"):
        shutil.rmtree(made.out / others[0] / folder)
    assert made.run() == ExitCode.INCOMPLETE
    said = capsys.readouterr().err
    assert f"left out: scene {stale!r}: phase 3 (depth) is stale: weights.provided_depth" in said
    report = made.log("validation_report.json")
    assert report["failed_scenes"] == [stale] and report["passing_scenes"] == len(others)
    assert "--on_stale redo" in report["failure_reasons"][stale][0]
    assert (made.out / others[0] / "bokeh_renders" / ".done").exists()
    assert (made.log("coc_stats.json"), made.log("coc_approval.json")) == (stats, approval)


@pytest.mark.slow
def test_a_scene_that_is_run_alone_takes_the_approved_calibration(made, capsys):
    stats, approval = made.log("coc_stats.json"), made.log("coc_approval.json")
    made.add_copy("new")
    assert made.run("--scenes", "new") == 0
    assert "kept: the approved calibration, though 1 scenes have other depth" in capsys.readouterr().err
    made.edit_depth(made.names[1])
    assert made.run("--scenes", made.names[1], "--on_stale", "redo") == 0
    assert (made.log("coc_stats.json"), made.log("coc_approval.json")) == (stats, approval)
    assert made.max_coc_of("new") == approval["max_coc"]
    assert made.states(capsys) == {name: {"complete"} for name in [*made.names, "new"]}
    assert made.run() == 0, "nor does a run of all that nobody watches change it"
    assert made.log("coc_stats.json") == stats


def test_a_run_of_all_that_has_depth_is_one_of_all_scenes():
    assert _asked({"a"}, ["a"]) == _asked((), ["a"]) == _asked({"a"}, ["a", "b"]) == "all"
    assert _asked({"a", "b"}, ["a"]) == _asked({"a"}, ["b"]) == "some"


@pytest.mark.slow
def test_a_scene_that_was_added_asks_a_person_and_says_how_the_others_stay(made, capsys):
    before = made.log("coc_approval.json")["max_coc"]
    watched = [word for word in SETTINGS if word != "--auto_approve"]
    shutil.rmtree(made.out / made.names[0] / "depth_maps")
    made.edit_depth(made.names[0])
    assert made.run(settings=watched) == ExitCode.INCOMPLETE, "its renders are of the depth that is gone"
    assert made.log("coc_approval.json")["max_coc"] == before and "void" not in capsys.readouterr().err
    made.add_copy("new")
    assert made.run(settings=watched) == ExitCode.NOT_APPROVED
    assert f"(--max_coc {before} keeps the scenes that are finished with it)" in capsys.readouterr().err
    assert cli.main(["approve", "--out_root", str(made.out), "--max_coc", str(before)]) == 0
    assert made.run("--scenes", "new", settings=watched) == 0
    states = made.states(capsys)
    assert [states[name] for name in [*made.names[1:], "new"]] == [{"complete"}] * 4
    made.edit_depth(made.names[0])
    assert made.run("--on_stale", "redo") == 0, "who says redo of all gets another calibration"
    assert made.log("coc_approval.json")["max_coc"] != before


@pytest.mark.slow
def test_a_damaged_file_of_one_scene_leaves_the_approved_calibration_to_the_others(made, capsys, monkeypatch):
    def fail(*given: object, **named: object) -> dict:
        raise CorruptInputError("depth_0001.npz: damaged", "focusgen repair")

    monkeypatch.setattr("focusgen.run.calibration.standing", lambda *given: "measure")
    monkeypatch.setattr("focusgen.phases.calibrate.calibrate", fail)
    assert made.run() == ExitCode.INCOMPLETE
    assert "not calibrated anew: depth_0001.npz: damaged. focusgen repair" in capsys.readouterr().err
    assert made.log("validation_report.json")["verdict"] == "pass"
    (made.out / "logs" / "coc_approval.json").unlink()
    assert made.run() == ExitCode.INCOMPLETE
    assert "not calibrated anew" not in capsys.readouterr().err, "there is none to go on with"


def test_where_every_scene_is_stale_nothing_is_measured(made, capsys):
    (made.out / "logs" / "coc_stats.json").unlink()
    for name in made.names:
        made.edit_depth(name)
    assert made.run() == ExitCode.INCOMPLETE
    assert "phase 3 (depth) is stale" in capsys.readouterr().err
    assert not (made.out / "logs" / "coc_stats.json").exists()


@pytest.mark.slow
def test_where_a_person_gave_max_coc_each_stale_scene_is_a_line_of_its_own(made, capsys):
    for name in made.names:
        made.edit_depth(name)
    (made.out / "logs" / "coc_stats.json").unlink()
    assert made.run("--max_coc", "0.002") == ExitCode.INCOMPLETE
    told = [line for line in capsys.readouterr().err.splitlines() if "--max_coc is used" in line]
    assert len(told) == len(made.names) and not any("\\n" in line for line in told)


@pytest.mark.slow
def test_a_scene_that_was_made_otherwise_is_stale_in_the_next_run_and_no_other(made, capsys):
    otherwise, *others = made.names
    words = ["--deblur.backend", "classical", "--render.max_coc", "0.002", "--on_stale", "redo"]
    assert made.run("--scenes", otherwise, *words) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "-> 0.002: scenes that were finished before are stale until they are made anew too" in said
    assert "left out" not in said, "nothing is measured, and nobody asked for the others"
    assert made.run("--max_coc", str(made.max_coc_of(others[0]))) == ExitCode.INCOMPLETE
    said = capsys.readouterr().err
    assert f"scene {otherwise!r}: phase 2 (deblur) is stale: backend" in said
    assert not any(f"scene {name!r}" in said for name in others)
    assert made.log("validation_report.json")["failed_scenes"] == [otherwise]
