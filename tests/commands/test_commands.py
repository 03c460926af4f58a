"""Commands beside the phases: what they print, write and refuse."""

from __future__ import annotations

import csv
import json

import cv2
import numpy as np
import pytest

from focusgen import cli
from tests.conftest import Rgbd, copy_of


@pytest.fixture(scope="module")
def _finished(tmp_path_factory):
    rgbd = Rgbd(tmp_path_factory.mktemp("finished"))
    rgbd.add_scene("a", n_frames=6, width=96, height=64)
    assert rgbd.run() == 0
    return rgbd


@pytest.fixture
def finished(_finished, tmp_path):
    """Return a data set of one finished scene, of this test alone."""
    return copy_of(_finished, tmp_path / "set")


@pytest.mark.slow
def test_ablate_temporal_has_a_row_per_strategy_with_its_columns(finished, tmp_path, capsys):
    table = tmp_path / "table.csv"
    words = ["ablate", "temporal", "a", *finished.flags("out_root"), "--csv", str(table)]
    assert cli.main([*words, "--backend", "classical", "--json", str(tmp_path / "t.json")]) == 0
    rows = list(csv.DictReader(table.open()))
    names = [next(iter(row.values())) for row in rows]
    assert {"none", "flow", "draws", "cached_window"} <= set(names)
    assert {"e_warp", "sharpness_ratio", "tof", "psnr_db", "seconds"} <= set(rows[0])
    printed = capsys.readouterr().out
    assert any(line.strip().startswith("flow") for line in printed.splitlines())
    assert json.loads((tmp_path / "t.json").read_text())["rows"]
    assert (finished.out_root / "logs" / "ablate_temporal_a.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["steps", "window", "sets"])
def test_the_other_ablations_run_on_the_data_set_as_it_was_made(finished, what, capsys):
    words = ["ablate", what, "a", *finished.flags("out_root"), "--n_frames", "3"]
    values = ["--values", "1,2"] if what != "window" else []
    assert cli.main([*words, *values]) == 0
    assert "seconds" in capsys.readouterr().out


def test_ablate_refuses_a_scene_that_is_not_there(finished, capsys):
    assert cli.main(["ablate", "temporal", "zebra", *finished.flags("out_root")]) == 2
    assert "zebra" in capsys.readouterr().err


def test_render_blurs_what_is_out_of_focus_and_nothing_else(finished, tmp_path, capsys):
    scene = finished.out_root / "a"
    words = [
        *("render", "--image", str(scene / "frames_sharp/frame_0000.png")),
        *("--depth", str(scene / "depth_maps/depth_0000.npz")),
        *("--focal_mm", "100", "--f_number", "1.4", "--focus", "1.0", "-o", str(tmp_path / "out.png")),
    ]
    assert cli.main(words) == 0
    assert "focused at 1 m" in capsys.readouterr().out
    before = cv2.imread(str(scene / "frames_sharp/frame_0000.png")).astype(int)
    after = cv2.imread(str(tmp_path / "out.png")).astype(int)
    assert after.shape == before.shape
    texture = [np.abs(np.diff(picture[:, 48:], axis=1)).mean() for picture in (before, after)]
    assert texture[1] < 0.8 * texture[0], "the wall behind the focus plane is blurred"


def test_render_without_depth_says_what_to_choose(finished, tmp_path, capsys):
    picture = finished.out_root / "a" / "frames_sharp/frame_0000.png"
    lens = ["--focal_mm", "50", "--f_number", "2", "--focus", "2"]
    assert cli.main(["render", "--image", str(picture), *lens, "-o", str(tmp_path / "o.png")]) == 2
    assert "depth" in capsys.readouterr().err
    assert not (tmp_path / "o.png").exists()


@pytest.mark.slow
def test_preview_writes_a_sheet_and_a_video_of_what_was_published(finished, capsys):
    assert cli.main(["preview", "a", *finished.flags("out_root")]) == 0
    paths = capsys.readouterr().out.split()
    assert [path.rsplit(".")[-1] for path in paths] == ["png", "mp4"]
    assert cv2.imread(paths[0]).shape[1] > 300
    video = cv2.VideoCapture(paths[1])
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == 6


def test_status_as_json_counts_the_states(finished, capsys):
    assert cli.main(["status", *finished.flags("out_root"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["counts"]["render"] == {"complete": 1}
    assert document["scenes"]["a"]["n_frames"] == 6


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["stauts"], "did you mean status"),
        (["run", "--depth.backnd", "vda"], "depth.backend"),
        (["run", "--raw_root", "/nonexistent/x", "--out_root", "/tmp/never"], "/nonexistent/x"),
        (["weights", "check", "--path", "/nonexistent"], "needs one name"),
        (["status", "--watch", "inf"], "--watch inf: seconds"),
        (["status", "--watch", "nan"], "--watch nan: seconds"),
    ],
)
def test_wrong_usage_ends_with_status_2_and_the_way_out(words, hint, capsys):
    assert cli.main(words) == 2
    assert hint in capsys.readouterr().err
