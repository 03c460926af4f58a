"""Phase 4: where its counts of depth come from."""

from __future__ import annotations

import errno
import json
import os
import warnings

import numpy as np
import pytest

from focusgen import cli
from focusgen.base.errors import CalibrationError
from focusgen.media.codecs import encode_npz
from focusgen.phases import calibrate as calibrate_module
from focusgen.phases.approval import warning_about
from focusgen.phases.calibrate import calibrate, sample_scene_ids
from tests.conftest import Rgbd


@pytest.mark.parametrize("damage", ["none", "lost", "cut", "of another scene", "not an array"])
def test_statistics_do_not_depend_on_the_counts_that_phase_3_kept(rgbd, monkeypatch, damage):
    rgbd.add_scene("a", width=96)
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2", "--workers", "1"]
    assert cli.main(["run", "--no_pictures", *flags]) == 4
    stats = rgbd.out_root / "logs" / "coc_stats.json"
    before = stats.read_bytes()
    kept = rgbd.out_root / ".focusgen" / "counts" / "a.npz"
    n_pixels = sum(np.load(p)["depth"].size for p in (rgbd.out_root / "a" / "depth_maps").glob("*.npz"))
    assert np.load(kept)["counts"].sum() == n_pixels
    n_read = 0

    def counting_read(scene, frame):
        nonlocal n_read
        n_read += 1
        return read_depth(scene, frame)

    from focusgen.phases import scene_depth

    read_depth = scene_depth.read_depth
    monkeypatch.setattr(scene_depth, "read_depth", counting_read)
    if damage == "lost":
        kept.unlink()
    elif damage == "cut":
        kept.write_bytes(kept.read_bytes()[:-9])
    elif damage == "of another scene":
        kept.write_bytes(encode_npz("counts", np.ones((1, 65536), np.int64)))
    elif damage == "not an array":
        kept.write_bytes(encode_npz("counts", np.ones(3, np.float16)))
    stats.unlink()  # a replay would not even look
    left_by_a_kill = set[str]()
    monkeypatch.setattr(
        calibrate_module.CocHistogram,
        "add",
        lambda *given, add=calibrate_module.CocHistogram.add: (
            left_by_a_kill.update(path.name for path in kept.parents[1].glob("*.tmp")),
            add(*given),
        ),
    )
    assert cli.main(["run", "--no_pictures", *flags]) == 4
    assert stats.read_bytes() == before
    assert n_read == (0 if damage == "none" else 4)
    assert not left_by_a_kill, "half a megabyte for each scene of the sample"
    assert json.loads(before)["n_values"] == 8 * n_pixels


def test_a_disk_without_room_for_the_counts_is_named(rgbd, monkeypatch, capsys):
    rgbd.add_scene("a")
    assert rgbd.run() == 0

    def refuse(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    assert cli.phase_main("calibrate", "doc", [*rgbd.flags("out_root"), "--on_stale", "redo"]) == 3
    assert f"{rgbd.out_root / '.focusgen'}: No space left on device" in capsys.readouterr().err


def test_constant_depth_gives_a_reason_a_picture_and_no_warning_of_the_plotting(rgbd, drawn, capsys):
    rgbd.add_scene("a")
    for path in (rgbd.depth_root / "a").glob("*.npy"):
        np.save(path, np.full((32, 48), 3.0, np.float32))
    flags = [*rgbd.flags("raw_root", "out_root", "depth_root"), "--min_frames", "2", "--workers", "1"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cli.main(["run", "--no_pictures", *flags]) == 3
    assert "p95 is 0: nearly all depth is constant" in " ".join(capsys.readouterr().err.split())
    assert (rgbd.out_root / "logs" / "coc_histogram.png").stat().st_size > 1000


def calibrated(rgbd: Rgbd, **overrides) -> dict:
    """Return coc_stats.json of a data set whose phases 1 to 3 are done."""
    assert rgbd.run("--n_sets", "1") == 0
    return calibrate(rgbd.config(**overrides), ["a"])


@pytest.mark.parametrize("sensor_width_mm", [36.0, 18.0])
def test_what_is_recommended_is_p95_of_every_pixel_through_every_lens(rgbd: Rgbd, sensor_width_mm: float):
    rgbd.add_scene("a", width=320)
    stats = calibrated(rgbd, optics__sensor_width_mm=sensor_width_mm)
    folder = rgbd.out_root / "a" / "depth_maps"
    depth = np.stack([np.load(p)["depth"] for p in sorted(folder.glob("*.npz"))]).astype(np.float32)
    coc = [
        (s["f"] * s["f"] / (s["N"] * s["S_focus"])) * np.abs(depth - s["S_focus"]) / depth
        for s in stats["lenses"]
    ]
    assert len(coc) == 8 and stats["n_values"] == 8 * depth.size
    p90, p95 = np.percentile(np.stack(coc).astype(np.float64), [90, 95])
    assert stats["recommended_max_coc"] == stats["p95"] == pytest.approx(p95, rel=1e-9) != pytest.approx(p90)
    assert stats["in_px_at_width"] == 320
    assert stats["in_px"]["p95"] == pytest.approx(p95 * 320 / (sensor_width_mm / 1000))


def test_a_p95_wider_than_a_tenth_of_the_sensor_is_written_and_not_recommended(rgbd: Rgbd):
    rgbd.add_scene("a", width=320)
    p95 = calibrated(rgbd)["p95"]
    path = rgbd.out_root / "logs" / "coc_stats.json"
    calibrate(rgbd.config(optics__sensor_width_mm=10_100 * p95), ["a"])
    assert json.loads(path.read_text())["recommended_max_coc"] == pytest.approx(p95)
    with pytest.raises(CalibrationError, match="(?s)wider than a tenth of the sensor.*longer ones blur more"):
        calibrate(rgbd.config(optics__sensor_width_mm=9_900 * p95), ["a"])
    stats = json.loads(path.read_text())
    assert stats["recommended_max_coc"] is None and stats["p95"] == pytest.approx(p95)


def test_a_persons_own_value_is_warned_about_beyond_a_tenth_of_the_sensor(rgbd: Rgbd):
    cfg = rgbd.config()
    assert warning_about(3.59e-3, cfg) is None
    assert "wider than a tenth" in str(warning_about(3.61e-3, cfg))
    assert warning_about(float("nan"), cfg) and warning_about(0.0, cfg)


def test_the_sample_is_rounded_up_and_never_below_its_least_number(rgbd: Rgbd):
    names = [f"s{number:02d}" for number in range(31)]
    cfg = rgbd.config(calibrate__sample_fraction=0.2, calibrate__min_scenes=5)
    assert [len(sample_scene_ids(cfg, names[:n])) for n in (3, 5, 12, 25, 26, 30, 31)] == [
        3,
        5,
        5,
        5,
        6,
        6,
        7,
    ]
    chosen = sample_scene_ids(cfg, names)
    assert chosen == sorted(chosen) and sample_scene_ids(cfg, names[::-1]) == chosen[::-1]
    assert sample_scene_ids(rgbd.config(seed=43), names) != chosen


@pytest.mark.parametrize("law", ["random", "balanced"])
def test_the_law_itself_recommends_the_same_under_any_name(rgbd, law, tmp_path):
    rgbd.add_scene("a", width=96)
    flags = ["--min_frames", "2", "--workers", "1", "--lens.law", law, "--calibrate.lenses", "law"]
    recommended = []
    for name in ("a", "b"):
        if name == "b":
            for root in (rgbd.raw_root, rgbd.depth_root):
                (root / "a").rename(root / "b")
        roots = ["--raw_root", rgbd.raw_root, "--depth_root", rgbd.depth_root, "--out_root", tmp_path / name]
        assert cli.main(["run", "--no_pictures", *map(str, roots), *flags]) == 4
        document = json.loads((tmp_path / name / "logs" / "coc_stats.json").read_text())
        recommended.append(document["recommended_max_coc"] or document["p95"])
        assert document["lenses"] == []
    assert recommended[0] == pytest.approx(recommended[1], rel=0.02)
