"""Hidden files that were not copied, a lost record, a frame too many: said as they are, with a way out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from focusgen import cli
from tests.conftest import Rgbd
from tests.fingerprint import published_digests


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    rgbd = Rgbd(tmp_path_factory.mktemp("finished"))
    rgbd.add_scene("a", n_frames=2)
    assert rgbd.run() == 0
    return rgbd.root


@pytest.fixture
def whole(finished, tmp_path) -> Rgbd:
    shutil.copytree(finished, tmp_path / "copy")
    return Rgbd(tmp_path / "copy")


def validate(rgbd: Rgbd) -> int:
    return cli.phase_main("validate", "doc", rgbd.flags("out_root"))


def status(rgbd: Rgbd, capsys, *more: str) -> str:
    capsys.readouterr()
    assert cli.main(["status", *rgbd.flags("out_root"), *more]) == 0
    return capsys.readouterr().out


def test_without_any_hidden_file_adopt_takes_the_scene(whole, capsys):
    shutil.rmtree(whole.out_root / ".focusgen")
    for done in whole.out_root.rglob(".done"):
        done.unlink()
    before = published_digests(whole.out_root)
    assert "depth partial: record missing" in status(whole, capsys)
    assert whole.run() == 3
    shown = capsys.readouterr().err
    assert "record missing" in shown
    assert "focusgen adopt" in shown
    assert "other settings" not in shown
    assert cli.main(["repair", *whole.flags("out_root")]) == 3
    assert "focusgen adopt" in capsys.readouterr().err
    assert cli.main(["adopt", *whole.flags("out_root", "raw_root"), "--data.min_frames", "2"]) == 0
    assert validate(whole) == 0
    assert published_digests(whole.out_root) == before
    assert status(whole, capsys).count("complete") >= 3


def test_the_phases_before_a_lost_record_keep_theirs(whole, capsys):
    for phase, folder in (("depth", "depth_maps"), ("render", "bokeh_renders")):
        (whole.out_root / "a" / folder / ".done").unlink()
        (whole.out_root / ".focusgen/records/a" / f"{phase}.json").unlink()
    sharp = (whole.out_root / "a/frames_sharp/.done").read_bytes()
    assert cli.main(["adopt", *whole.flags("out_root")]) == 0
    assert "adopted (depth, render)" in capsys.readouterr().out
    assert (whole.out_root / "a/frames_sharp/.done").read_bytes() == sharp
    assert validate(whole) == 0


def test_a_lost_record_comes_back_from_its_copy_and_its_failure_goes(whole, capsys):
    for done in whole.out_root.rglob(".done"):
        done.unlink()
    assert whole.run() == 3
    assert "focusgen repair puts it back" in capsys.readouterr().err
    assert list(whole.out_root.rglob(".failed"))
    assert cli.main(["adopt", *whole.flags("out_root")]) == 3
    assert "focusgen repair puts it back" in capsys.readouterr().out
    assert cli.main(["repair", *whole.flags("out_root")]) == 0
    assert not list(whole.out_root.rglob(".failed"))
    assert whole.run() == 0


def test_stats_json_is_made_from_the_saved_maps_without_the_source(whole, capsys):
    stats = whole.out_root / "a/depth_maps/stats.json"
    before = stats.read_bytes()
    shutil.rmtree(whole.depth_root)
    shutil.rmtree(whole.raw_root)
    for damage in (b"", before[:-3], None):
        stats.unlink() if damage is None else stats.write_bytes(damage)
        assert cli.main(["repair", *whole.flags("out_root")]) == 0
        assert stats.read_bytes() == before
    assert "computed again from the saved maps" in capsys.readouterr().err


def test_status_tells_the_last_verdict_and_whether_it_still_holds(whole, capsys):
    assert "phase 6 pass: 1 of 1 scenes" in status(whole, capsys)
    assert json.loads(status(whole, capsys, "--json"))["validate"]["outdated_by"] == ""
    again = ["--raw_root", str(whole.raw_root), "--resize_long_side", "32", "--on_stale", "redo"]
    assert cli.phase_main("deblur", "doc", [*whole.flags("out_root"), *again]) == 0
    assert "older than the data (a, phase deblur): run phase 6 again" in status(whole, capsys)
    report = whole.out_root / "logs/validation_report.json"
    report.unlink()
    assert "phase 6 never run" in status(whole, capsys)


def test_the_verdict_of_an_older_report_is_judged_by_its_time(whole, capsys):
    report = whole.out_root / "logs/validation_report.json"
    document = json.loads(report.read_text())
    del document["records"]
    report.write_text(json.dumps(document))
    assert "older than the data" not in status(whole, capsys)
    os.utime(report, (1e9, 1e9))
    assert "older than the data (a, phase deblur)" in status(whole, capsys)


@pytest.mark.parametrize(
    "extra",
    [
        "frames_sharp/frame_0002.png",
        "depth_maps/depth_0002.npz",
        "bokeh_renders/set_00/bokeh_0002.png",
        "focus_maps/set_02/focus_0000.npz",
    ],
)
def test_a_frame_too_many_is_an_error_of_the_scene(whole, capsys, extra):
    path = whole.out_root / "a" / extra
    path.parent.mkdir(exist_ok=True)
    shutil.copy(next(path.parent.parent.rglob(f"*{path.suffix}")), path)
    assert validate(whole) == 3
    assert f"{extra}: no record vouches for it" in capsys.readouterr().err


def test_a_note_beside_the_frames_is_only_listed(whole, capsys):
    (whole.out_root / "a/frames_sharp/notes.txt").write_text("mine")
    assert validate(whole) == 0
    assert "notes.txt: unknown file" in capsys.readouterr().err


READERS = """
import os, sys
from focusgen import cli
out, report = sys.argv[1:]
assert not os.access(out, os.W_OK), "this test needs a data set that it may not write"
codes = [cli.main([name, "--out_root", out]) for name in ("status", "explain")]
codes += [cli.main(["explain", "--out_root", out, "--json", "a"])]
for more in ([], ["--report", report]):
    codes.append(cli.phase_main("validate", "doc", ["--out_root", out, *more]))
codes += [cli.main(["preview", "--out_root", out, "--output", os.path.dirname(report)])]
print(codes, file=sys.stderr)
sys.exit(max(codes))
"""


@pytest.mark.slow
def test_readers_work_on_a_data_set_that_may_only_be_read(whole, tmp_path):
    drop = shutil.which("setpriv")
    if os.geteuid() == 0 and drop is None:
        pytest.skip("root may write everywhere, and setpriv is not here")
    rights = (
        [drop, "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"] if os.geteuid() == 0 else []
    )
    before = {p: p.stat().st_mtime_ns for p in whole.out_root.rglob("*")}
    for path in (whole.out_root, *whole.out_root.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    command = [*rights, sys.executable, "-c", READERS, str(whole.out_root), str(tmp_path / "report.json")]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    finally:
        for path in (whole.out_root, *whole.out_root.rglob("*")):
            path.chmod(path.stat().st_mode | 0o700)
    assert done.returncode == 0, done.stderr
    assert "the report is not written: say --validate.report FILE" in done.stderr
    assert "frames; no report" in done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == "pass"
    assert {p: p.stat().st_mtime_ns for p in whole.out_root.rglob("*")} == before


def test_labels_that_somebody_deleted_are_missed_by_status_and_repair_makes_them_anew(whole, capsys):
    before = published_digests(whole.out_root)
    assert "partial" not in status(whole, capsys)
    shutil.rmtree(whole.out_root / "a/focus_maps")
    assert "a: render partial: focus_maps/ is gone: focusgen repair makes it anew" in status(whole, capsys)
    assert cli.phase_main("render", "doc", [*whole.flags("out_root", "max_coc"), "--n_sets", "2"]) == 3
    assert "damaged a focus_maps/ is gone" in " ".join(capsys.readouterr().err.split())
    assert cli.main(["explain", "a", *whole.flags("out_root")]) == 0
    assert "advice: focusgen repair." in capsys.readouterr().out
    assert cli.main(["repair", *whole.flags("out_root")]) == 0
    assert published_digests(whole.out_root) == before
    assert "partial" not in status(whole, capsys)
