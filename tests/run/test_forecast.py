"""The forecast: counted work, rates of the data set's own records, room on the disk."""

from __future__ import annotations

import json

import numpy as np
import pytest

from focusgen import cli
from focusgen.config.backends import CLASSICAL, DEBLURNET, THIN_LENS
from focusgen.dataset.records import seal
from focusgen.run.forecast import cost_s, forecast, rate_of, survey
from tests.clips import moving_texture, write_video
from tests.conftest import Rgbd


def test_before_phase_1_scenes_are_counted_from_file_headers(rgbd: Rgbd):
    rgbd.add_scene("a", n_frames=5, width=50, height=30)
    rgbd.add_scene("b", n_frames=3)
    rgbd.add_scene("short", n_frames=1)
    works = survey(rgbd.config())
    assert [(w.scene_id, w.n_frames, w.width, w.height) for w in works] == [
        ("a", 5, 64, 32),
        ("b", 3, 48, 32),
    ]
    assert not rgbd.out_root.exists(), "nothing is written"


@pytest.mark.slow
def test_a_video_is_counted_from_its_header(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    write_video(raw / "clip.mp4", moving_texture(20))
    (raw / "not_a_video.mp4").write_text("ffconcat version 1.0")
    cfg = Rgbd(tmp_path).config()
    works = survey(cfg)
    assert [(work.scene_id, work.n_frames, work.is_guess) for work in works] == [("clip", 20, False)]


def test_cost_is_frames_times_pixels_times_steps_times_sets(rgbd: Rgbd):
    rgbd.add_scene("a", n_frames=4)
    cfg = rgbd.config(deblur__backend="deblurnet", deblur__steps=8, render__n_sets=3)
    cost = cost_s(cfg, ["deblur", "render"], survey(cfg))
    mpx = 4 * 48 * 32 * 1e-6
    assert cost[0, 0] == pytest.approx(mpx * 8 * DEBLURNET.rate.seconds_per_mpx)
    assert cost[0, 1] == pytest.approx(mpx * 3 * THIN_LENS.rate.seconds_per_mpx)
    double = rgbd.config(deblur__backend="deblurnet", deblur__steps=16)
    assert np.allclose(cost_s(double, ["deblur"], survey(double)), 2 * cost[:, :1])


@pytest.mark.slow
def test_files_and_bytes_agree_with_what_a_run_publishes(rgbd: Rgbd):
    rgbd.add_scene("a", n_frames=12, width=96, height=64)
    cfg = rgbd.config()
    expected = forecast(cfg, survey(cfg), ["index", "deblur", "depth", "calibrate", "render", "validate"])
    assert rgbd.run() == 0
    scene = rgbd.out_root / "a"
    found = [path for path in scene.rglob("*") if path.suffix in (".png", ".npz")]
    n_published = 12 * (2 + 2 * 2)
    assert len(found) == n_published
    assert n_published <= expected.n_files <= n_published + 30
    assert 0.2 < sum(path.stat().st_size for path in found) / expected.n_bytes < 2.5


def test_a_rate_follows_from_the_records_of_finished_scenes(rgbd: Rgbd):
    rgbd.add_scene("a")
    cfg = rgbd.config(deblur__backend="classical")
    assert rate_of(cfg, "deblur", survey(cfg)) == CLASSICAL.rate
    flags = [*rgbd.flags("raw_root", "out_root"), "--backend", "classical"]
    assert cli.phase_main("index", "doc", [*rgbd.flags("raw_root", "out_root"), "--min_frames", "2"]) == 0
    assert cli.phase_main("deblur", "doc", flags) == 0
    measured = rate_of(cfg, "deblur", survey(cfg))
    path = rgbd.out_root / "a" / "frames_sharp" / ".done"
    record = json.loads(path.read_text())
    assert measured.seconds_per_mpx == pytest.approx(record["run"]["elapsed_s"] / (4 * 48 * 32 * 1e-6))
    document = {key: value for key, value in record.items() if key not in ("digest", "run")}
    path.write_bytes(seal(document, {"started": "2025-01-01T00:00:00Z"}))
    assert rate_of(cfg, "deblur", survey(cfg)) == CLASSICAL.rate, "a record need not say how long it took"
    other = rgbd.config(deblur__backend="deblurnet")
    assert rate_of(other, "deblur", survey(other)) == DEBLURNET.rate, "another backend's time says nothing"


def test_plan_prints_bytes_files_hours_and_ends_3_where_it_does_not_fit(rgbd: Rgbd, capsys, monkeypatch):
    rgbd.add_scene("a")
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2"]
    assert cli.main(["plan", *flags]) == 0
    printed = capsys.readouterr().out
    for text in ("1 scenes, 4 frames", "GPU hours", "node hours", "GiB free", "files and folders"):
        assert text in printed
    assert cli.main(["plan", *flags, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_frames"] == 4
    monkeypatch.setattr("focusgen.run.forecast.BYTES_PER_FRAME", 10**18)
    assert cli.main(["plan", *flags]) == 3
    assert "does not fit" in capsys.readouterr().out
    assert not rgbd.out_root.exists(), "a forecast writes nothing"


def test_estimates_are_called_estimates(rgbd: Rgbd, capsys):
    rgbd.add_scene("a")
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2"]
    assert cli.main(["plan", *flags, "--backend", "deblurnet", "--phases", "2"]) == 0
    assert "estimate" in capsys.readouterr().out
