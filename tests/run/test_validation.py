"""A replay of all phases reads no file that is untouched; any touched one is read, and so is all by hand."""

from __future__ import annotations

import json
import os
import random
import shutil

import pytest

from focusgen import cli
from focusgen.base.errors import ExitCode, Interrupted
from focusgen.base.signals import StopFlag
from focusgen.phases import kept_reports, looking, validate
from focusgen.run.console import ConsoleObserver, make_console
from focusgen.run.validation import run_validate
from tests.conftest import Rgbd
from tests.damage import flip_a_bit


@pytest.fixture
def read(rgbd: Rgbd, settled_files, monkeypatch) -> list[str]:
    """Return the list of scenes whose files phases 1 and 6 read from here on; one scene, `a`, is finished."""
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    found: list[str] = []
    examine, compare = validate.examine_scene, looking.changed_files

    def examined(cfg, dataset, scene_id, entry):
        found.append(f"outputs of {scene_id}")
        return examine(cfg, dataset, scene_id, entry)

    def compared(raw, digests):
        found.append(f"raw files of {raw.scene_id}")
        return compare(raw, digests)

    monkeypatch.setattr(validate, "examine_scene", examined)
    monkeypatch.setattr(looking, "changed_files", compared)
    return found


def test_a_replay_reads_nothing_and_has_the_verdict_of_the_run(rgbd, read, capsys):
    before = rgbd.report()
    assert rgbd.run() == 0
    assert read == []
    assert rgbd.report() == {**before, "scenes_not_read_again": 1}
    assert before["verdict"] == "pass"
    assert "--recheck reads them again" in capsys.readouterr().err


def test_by_hand_and_on_request_every_file_is_read(rgbd, read, capsys):
    roots = rgbd.flags("raw_root", "out_root")
    assert rgbd.run("--recheck") == 0
    assert read == ["raw files of a", "outputs of a"]
    read.clear()
    assert cli.phase_main("index", "", [*roots, "--min_frames", "2", "--workers", "1"]) == 0
    report = rgbd.out_root.parent / "[b]" / "report.json"
    assert cli.phase_main("validate", "", [*rgbd.flags("out_root"), "--report", str(report)]) == 0
    assert f"1 of 1 scenes pass, 4 frames; {report}" in capsys.readouterr().err
    assert read == ["raw files of a", "outputs of a"]
    assert json.loads(report.read_text())["scenes_not_read_again"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["depth_maps/depth_0001.npz", "focus_maps/set_01/focus_0003.npz", "bokeh_renders/set_00/bokeh_0000.png"],
)
def test_damage_under_forged_times_fails_the_replay(rgbd, read, name):
    path = rgbd.out_root / "a" / name
    times = path.stat()
    flip_a_bit(path, random.Random(1))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert rgbd.run() == 3
    assert read == ["outputs of a"]
    report = rgbd.report()
    assert report["verdict"] == "fail"
    assert name in " ".join(report["failure_reasons"]["a"])
    read.clear()
    assert rgbd.run() == 3, "a scene that failed is read every time"
    assert read == ["outputs of a"]


@pytest.mark.slow
def test_what_is_kept_does_not_hold_elsewhere_or_for_another_program_or_limit(rgbd, read, monkeypatch):
    assert rgbd.run("--validate.min_spearman", "0.9") == 0
    assert read == ["outputs of a"]
    read.clear()
    monkeypatch.setattr(kept_reports, "program_digest", lambda: "another")
    assert rgbd.run() == 0
    assert read == ["outputs of a"]
    shutil.copytree(rgbd.out_root, rgbd.root / "copy")
    shutil.rmtree(rgbd.out_root)
    (rgbd.root / "copy").rename(rgbd.out_root)
    read.clear()
    assert rgbd.run() == 0
    assert read == ["outputs of a"], "every file of a copy is another one"


@pytest.mark.slow
def test_a_changed_raw_file_is_met_in_every_replay(rgbd, read, capsys):
    flip_a_bit(rgbd.raw_root / "a" / "frame_0002.png", random.Random(1))
    for _ in range(2):
        read.clear()
        rgbd.run("--strict")
        assert "raw files of a" in read
        assert "refused" in capsys.readouterr().err


@pytest.mark.parametrize(("flag", "value"), [("--n_sets", "1"), ("--depth.max_m", "3")])
def test_a_run_that_is_refused_leaves_the_verdict_of_what_lies_there(rgbd, read, flag, value, capsys):
    before = rgbd.report()["records"]
    assert rgbd.run(flag, value) == 3
    assert "no scene is made by these settings" in capsys.readouterr().err
    assert (rgbd.report()["verdict"], rgbd.report()["records"]) == ("pass", before)
    assert rgbd.run() == 0


def test_settings_that_made_a_scene_are_not_covered_by_the_verdict_of_others(rgbd, read):
    rgbd.add_scene("b", seed=1)
    assert rgbd.run("--n_sets", "1") == 3
    report = rgbd.report()
    assert (report["verdict"], report["failed_scenes"]) == ("fail", ["a"])
    assert "render.n_sets" in report["failure_reasons"]["a"][0]


def test_phase_6_alone_says_that_nothing_is_made_as_told_and_judges_what_is(rgbd, read, capsys):
    assert cli.phase_main("validate", "doc", [*rgbd.flags("out_root"), "--render.n_sets", "1"]) == 3
    assert "stale a: phase 5 (render) is stale: render.n_sets: 2 -> 1" in capsys.readouterr().err
    assert rgbd.report()["verdict"] == "pass"


def test_ctrl_c_gives_no_verdict_leaves_that_of_before_and_keeps_what_was_found(rgbd, read):
    before, observer = rgbd.report(), ConsoleObserver(make_console())
    with pytest.raises(Interrupted, match="no verdict is given"):
        run_validate(rgbd.config(), observer, stop=StopFlag(ExitCode.INTERRUPTED))
    assert read == ["outputs of a"] and rgbd.report() == before
    assert rgbd.run() == 0
    assert read == ["outputs of a"]
