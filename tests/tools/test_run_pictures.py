"""A run ends with pictures and the line that opens them, and no picture changes how it ended."""

from __future__ import annotations

import cv2
import pytest

from focusgen import cli
from focusgen.tools import run_pictures
from focusgen.tools.run_pictures import chosen_scenes, opening_line
from tests.conftest import Rgbd


def run(rgbd: Rgbd, *more: str) -> int:
    roots = rgbd.flags("raw_root", "out_root", "depth_root")
    return cli.main(["run", *roots, "--min_frames", "2", "--n_sets", "1", "--workers", "1", *more])


def pictures(rgbd: Rgbd) -> dict[str, int]:
    files = [*(rgbd.out_root / "previews").iterdir(), rgbd.out_root / "logs" / "report.html"]
    return {path.name: path.stat().st_mtime_ns for path in files}


@pytest.mark.slow
def test_a_run_ends_with_previews_and_the_line_that_opens_the_report(rgbd, capsys):
    rgbd.add_scene("a")
    given = rgbd.flags("max_coc")
    assert run(rgbd, *given) == 0
    said = capsys.readouterr()
    page = rgbd.out_root / "logs" / "report.html"
    assert said.out.splitlines()[-1] == opening_line(page)
    assert str(rgbd.out_root / "previews") in said.err
    before = pictures(rgbd)
    assert set(before) == {"a_set_00.png", "a_set_00.mp4", "report.html"}
    assert "verdict: pass" in page.read_text()
    assert run(rgbd, *given) == 0
    assert pictures(rgbd) == before, "what is up to date is not drawn again"
    assert capsys.readouterr().out.splitlines()[-1] == opening_line(page)
    assert run(rgbd, *given, "--n_sets", "2", "--on_stale", "redo") == 0
    after = pictures(rgbd)
    assert all(after[name] > before[name] for name in before), "other records, other pictures"


@pytest.mark.slow
def test_a_calibration_that_waits_for_a_person_is_the_thing_to_look_at(rgbd, capsys):
    rgbd.add_scene("a", width=96)
    assert run(rgbd) == 4
    plot = rgbd.out_root / "logs" / "coc_histogram.png"
    assert capsys.readouterr().out.splitlines()[-1] == opening_line(plot)
    sheet = cv2.imread(str(rgbd.out_root / "previews" / "a_set_00.png"))
    assert sheet.shape[0] > 200, "sharp frames and depth are there to be judged"
    assert not (rgbd.out_root / "logs" / "report.html").exists()


@pytest.mark.slow
def test_a_picture_that_fails_is_said_and_changes_no_exit_status(rgbd, capsys, monkeypatch):
    rgbd.add_scene("a")

    def broken(*args: object, **options: object) -> None:
        raise ZeroDivisionError("no paper")

    monkeypatch.setattr(run_pictures, "write_report", broken)
    rgbd.out_root.mkdir()
    (rgbd.out_root / "previews").write_text("in the way")
    assert run(rgbd, *rgbd.flags("max_coc")) == 0
    said = capsys.readouterr().err
    assert "preview of a: not drawn" in said
    assert "the report: not drawn: ZeroDivisionError('no paper')" in said


def test_a_run_without_a_scene_complains_of_no_report(rgbd, capsys):
    rgbd.raw_root.mkdir(exist_ok=True)
    assert run(rgbd) == 3
    said = capsys.readouterr()
    assert "no usable scene" in said.err and "not drawn" not in said.err and "look at it" not in said.out


def test_a_run_that_refuses_every_scene_names_the_file_that_says_why(rgbd, capsys):
    rgbd.add_scene("a")
    assert cli.main(["run", *rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "99"]) == 3
    rejected = rgbd.out_root / "logs" / "rejected_scenes.json"
    assert f"no usable scene: {rejected} says why" in capsys.readouterr().err.replace("\n", "")
    assert "99" in rejected.read_text()


def test_no_pictures_draws_none(rgbd, capsys):
    rgbd.add_scene("a")
    assert run(rgbd, *rgbd.flags("max_coc"), "--no_pictures") == 0
    assert not (rgbd.out_root / "previews").exists()
    assert "look at it" not in capsys.readouterr().out


def test_six_scenes_are_shown_first_those_that_failed_then_some_from_everywhere():
    names = [f"s{i:03d}" for i in range(600)]
    shown = chosen_scenes(names, {"s599", "gone"}, lambda name: name != "s100")
    assert shown == ["s599", "s000", "s200", "s300", "s400", "s500"]
    assert chosen_scenes(names[:2], (), lambda name: True) == names[:2]
