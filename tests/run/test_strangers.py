"""Situations that strangers bring: each ends with the right status, says why, and writes no wrong verdict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from focusgen import cli
from focusgen.run import inputs
from tests.conftest import Rgbd, copy_of


@pytest.fixture(scope="module")
def _two(tmp_path_factory: pytest.TempPathFactory) -> Rgbd:
    rgbd = Rgbd(tmp_path_factory.mktemp("two"))
    for seed, name in enumerate("ab"):
        rgbd.add_scene(name, seed=seed)
    assert rgbd.run() == 0
    return rgbd


@pytest.fixture
def two(_two: Rgbd, tmp_path: Path) -> Rgbd:
    """Two finished scenes, of this test alone."""
    return copy_of(_two, tmp_path / "set")


def verdict(rgbd: Rgbd) -> str:
    return rgbd.report()["verdict"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--split", "tain"], "--split tain: no such split\nChoose from train, val, test"),
        (["--split", "val"], "--split val: none of 2 scenes is in it"),
        (["--scenes", ""], "--scenes '' names no scene\nLeave --scenes away to mean all"),
        (["--scenes", "a,zebra"], "no scene 'zebra' in the index"),
    ],
)
def test_a_choice_that_chooses_nothing_is_refused_and_leaves_the_verdict(two, capsys, words, said):
    assert two.run(*words) == 2
    assert said in capsys.readouterr().err
    assert verdict(two) == "pass"


def test_blanks_between_names_of_scenes_are_none_of_the_names(two):
    assert two.run("--scenes", " a, b ,") == 0


def test_an_empty_raw_root_is_said_and_no_later_phase_is_advised(rgbd, capsys):
    rgbd.raw_root.mkdir()
    rgbd.depth_root.mkdir()
    assert rgbd.run() == 3
    told = capsys.readouterr().err
    assert f"no video and no folder of images in {rgbd.raw_root}" in told
    assert "Run phases 2 and 3" not in told


@pytest.mark.slow
def test_depth_that_was_edited_after_phase_3_fails_the_verdict_too(two, capsys):
    path = sorted((two.depth_root / "a").iterdir())[0]
    np.save(path, np.load(path) * 1.5)
    assert two.run() == 3
    assert verdict(two) == "fail"
    assert cli.phase_main("validate", "", two.flags("out_root")) == 3
    assert "weights.provided_depth" in capsys.readouterr().err
    assert two.run("--on_stale", "redo") == 0
    assert verdict(two) == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("by_link", [False, True], ids=["renamed", "another target of a link"])
def test_another_folder_of_depth_in_the_place_of_the_first_is_noticed_though_it_is_older(
    rgbd, capsys, settled_files, monkeypatch, by_link
):
    monkeypatch.setattr(inputs, "CLOCK_SLACK_S", -1.0)  # all files here are older than all records
    rgbd.add_scene("a")
    other, first = rgbd.root / "other", rgbd.root / "first"
    shutil.copytree(rgbd.depth_root, other)
    for path in (other / "a").iterdir():
        np.save(path, np.load(path) * 1.5)
    if by_link:
        rgbd.depth_root.rename(first)
        rgbd.depth_root.symlink_to(first)
    assert rgbd.run() == 0
    assert rgbd.run() == 0, "the same files are the same"
    if by_link:
        rgbd.depth_root.unlink()
        rgbd.depth_root.symlink_to(other)
    else:
        rgbd.depth_root.rename(first)
        other.rename(rgbd.depth_root)
    assert rgbd.run() == 3
    assert "weights.provided_depth" in capsys.readouterr().err


def test_raw_files_that_are_gone_are_said_and_what_is_finished_stays(two, capsys):
    (two.raw_root / "b").rename(two.root / "elsewhere")
    assert two.run() == 0
    assert f"indexed, but not found in {two.raw_root}: b;" in capsys.readouterr().err


def test_a_folder_in_the_place_of_a_record_is_one_scenes_failure(two, capsys):
    record = two.out_root / "a" / "depth_maps" / ".done"
    record.unlink()
    record.mkdir()
    assert cli.main(["status", *two.flags("out_root")]) == 0
    assert "stale" in capsys.readouterr().out
    assert two.run() == 3
    told = capsys.readouterr().err
    assert f"{record}: cannot be read: Is a directory" in told
    assert "1 of 2 scenes pass" in told


def test_an_empty_record_of_ours_is_restored_by_the_command_that_is_named(two, capsys):
    record = two.out_root / "a" / "depth_maps" / ".done"
    before = record.read_bytes()
    record.write_bytes(b"")
    assert two.run() == 3
    assert "focusgen repair" in capsys.readouterr().err
    assert cli.main(["repair", *two.flags("raw_root", "out_root", "depth_root")]) == 0
    assert record.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("text", ["[]", "{}", "3", "{", "null"])
def test_reports_of_another_shape_are_named_and_made_again(two, capsys, text):
    logs = two.out_root / "logs"
    (logs / "coc_stats.json").write_text(text)
    assert cli.main(["approve", *two.flags("out_root")]) == 2
    assert "coc_stats.json: " in capsys.readouterr().err
    (logs / "validation_report.json").write_text(text)
    assert cli.main(["report", *two.flags("out_root")]) == 2
    assert "not a validation report" in capsys.readouterr().err
    assert two.run() == 0
    assert json.loads((logs / "coc_stats.json").read_text())["recommended_max_coc"] > 0
    assert cli.main(["report", *two.flags("out_root")]) == 0


def test_damaged_settings_of_the_last_run_are_named_with_the_way_out(two, capsys):
    kept = two.out_root / ".focusgen" / "config" / "depth.yaml"
    kept.write_text("a: [")
    assert cli.main(["status", *two.flags("out_root")]) == 2
    told = capsys.readouterr().err
    assert str(kept) in told and "delete it" in told
    kept.unlink()
    assert two.run() == 0


@pytest.mark.slow
def test_a_max_coc_that_no_sensor_could_show_is_warned_about(rgbd, capsys):
    rgbd.add_scene("a")
    rgbd.max_coc = 1e-30
    rgbd.run()
    assert "less than a pixel of any sensor" in capsys.readouterr().err
    capsys.readouterr()


def test_there_is_nothing_to_cancel_where_nothing_was_submitted(two, capsys, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "scancel"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    assert cli.main(["cancel", *two.flags("out_root")]) == 0
    assert "nothing to cancel" in capsys.readouterr().out
    assert cli.main(["cancel", "--out_root", str(tmp_path / "none")]) == 2
    assert "no such data set" in capsys.readouterr().err


def test_the_verdict_of_some_scenes_says_that_it_holds_for_no_other(two, capsys):
    path = two.out_root / "logs" / "validation_report.json"
    assert json.loads(path.read_text())["scenes_in_index"] == 2
    assert two.run("--scenes", "a") == 0
    report = json.loads(path.read_text())
    assert (report["total_scenes"], report["scenes_in_index"]) == (1, 2)
    said = "1 of 2 scenes were asked for: the verdict holds for no other"
    assert said in report["warnings"] and said in " ".join("".join(capsys.readouterr()).split())


def test_a_split_that_somebody_wrote_by_hand_is_said_before_the_index_overrules_it(two, capsys):
    (two.out_root / "a" / "split.txt").write_text("test\n")
    assert two.run() == 0
    told = " ".join("".join(capsys.readouterr()).split())
    assert "split.txt said otherwise than the index and is written anew: a ('test', now train)" in told
    assert two.run() == 0 and "split.txt said" not in "".join(capsys.readouterr())


@pytest.mark.slow
@pytest.mark.parametrize("value", ["NaN", "-1", "Infinity"])
def test_a_max_coc_of_finished_scenes_that_is_no_length_is_damage(two, capsys, value):
    two.add_scene("c")
    (two.out_root / ".focusgen" / "max_coc.json").write_text(f'{{"max_coc": {value}}}')
    assert two.run() == 2
    assert "max_coc.json: damaged" in "".join(capsys.readouterr())


def test_depth_that_was_edited_shows_in_status_and_explain(two, capsys):
    path = two.depth_root / "a" / "depth_0000.npy"
    np.save(path, np.load(path) * 1.5)
    assert cli.main(["status", "--json", *two.flags("out_root")]) == 0
    scenes = json.loads(capsys.readouterr().out)["scenes"]
    assert [scenes["a"][phase]["state"] for phase in ("deblur", "depth", "render")] == [
        "complete",
        "stale",
        "stale",
    ]
    assert "weights.provided_depth" in scenes["a"]["render"]["reason"]
    assert scenes["b"]["render"]["state"] == "complete"
    assert cli.main(["explain", "a", *two.flags("out_root")]) == 0
    assert "phase 3 depth: stale: weights.provided_depth" in capsys.readouterr().out
