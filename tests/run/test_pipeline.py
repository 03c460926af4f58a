"""All phases through the published commands, on small real files."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.base.signals import StopFlag
from focusgen.dataset.records import read_record
from focusgen.media.codecs import encode_npz
from focusgen.models.protocols import DepthModel
from focusgen.phases.index import index_dataset
from focusgen.run.phase_run import PhaseRun
from focusgen.run.progress import Observer
from focusgen.run.table import PHASES
from tests.fingerprint import published_digests

SCRIPTS = Path(__file__).parents[2] / "scripts"
PHASE_SCRIPTS = sorted(SCRIPTS.glob("0[1-6]_*.py"))


def test_labels_are_recomputed_by_a_stranger_with_numpy_alone(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    scene = rgbd.out_root / "a"
    metadata = json.loads((scene / "metadata.json").read_text())
    assert len(metadata["sets"]) == 2
    for number, lens_set in enumerate(metadata["sets"]):
        f, N, S, max_coc = (lens_set[key] for key in ("f", "N", "S_focus", "max_coc"))
        for frame in range(4):
            d = np.load(scene / f"depth_maps/depth_{frame:04d}.npz")["depth"].astype(np.float32)
            coc = (f * f / (N * S)) * np.abs(d - S) / d
            expected = (1.0 - np.clip(coc / max_coc, 0.0, 1.0)).astype(np.float16)
            path = scene / f"focus_maps/set_{number:02d}/focus_{frame:04d}.npz"
            label = np.load(path)["focus_map"]
            assert label.dtype == np.float16
            assert np.array_equal(label.view(np.uint16), expected.view(np.uint16))
            picture = cv2.imread(str(scene / f"bokeh_renders/set_{number:02d}/bokeh_{frame:04d}.png"))
            assert picture.shape == (*label.shape, 3)
    assert rgbd.report()["verdict"] == "pass"


@pytest.mark.slow
def test_scripts_one_by_one_give_the_bytes_of_run(rgbd, tmp_path):
    rgbd.add_scene("a")
    rgbd.add_scene("b", seed=1)
    assert rgbd.run() == 0
    by_run = published_digests(rgbd.out_root)
    rgbd.root.joinpath("out").rename(tmp_path / "by_run")
    common = ["--out_root", str(rgbd.out_root), "--data.min_frames", "2", "--run.workers", "1"]
    raw = ["--raw_root", str(rgbd.raw_root)]
    for salt, script in enumerate(PHASE_SCRIPTS):
        phase = script.name[:2]
        more = {
            "01": raw,
            "02": raw,
            "03": ["--depth-root", str(rgbd.depth_root)],
            "05": ["--max-coc", str(rgbd.max_coc), "--n_sets", "2"],
        }.get(phase, [])
        last = ["--scene_idx", "1"] if phase in ("02", "03", "05") else []
        environment = {**os.environ, "PYTHONHASHSEED": str(salt + 1)}
        command = [sys.executable, str(script), *common, *more, *last]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        if last:  # the other scene without the start of a process
            name = {"02": "deblur", "03": "depth", "05": "render"}[phase]
            assert cli.phase_main(name, "", [*common, *more, "--scene_idx", "0"]) == 0
    assert published_digests(rgbd.out_root) == by_run


def test_a_second_run_does_no_work(rgbd, capsys):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    before = {path: path.stat().st_mtime_ns for path in (rgbd.out_root / "a").rglob("*") if path.is_file()}
    assert rgbd.run() == 0
    after = {path: path.stat().st_mtime_ns for path in (rgbd.out_root / "a").rglob("*") if path.is_file()}
    assert after == before
    assert "1 scenes need none" in capsys.readouterr().err


def test_phase_5_waits_for_an_approval_bound_to_the_statistics(rgbd, capsys):
    rgbd.add_scene("a", width=96)
    roots = ["--no_pictures", *rgbd.flags("raw_root", "out_root", "depth_root")]
    flags = [*roots, "--min_frames", "2", "--n_sets", "1"]
    assert cli.main(["run", *flags]) == 4
    assert "not approved" in capsys.readouterr().err
    assert not (rgbd.out_root / "a" / "metadata.json").exists()
    assert cli.main(["approve", *rgbd.flags("out_root")]) == 0
    assert cli.main(["run", *flags]) == 0
    stats = json.loads((rgbd.out_root / "logs" / "coc_stats.json").read_text())
    metadata = json.loads((rgbd.out_root / "a" / "metadata.json").read_text())
    assert metadata["sets"][0]["max_coc"] == stats["recommended_max_coc"]
    rgbd.add_scene("b", width=96, seed=3)
    assert cli.main(["run", *flags]) == 4, "new statistics make the approval void"
    assert "void" in capsys.readouterr().err


def test_p95_of_the_statistics_can_be_recomputed_from_its_lenses(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    stats = json.loads((rgbd.out_root / "logs" / "coc_stats.json").read_text())
    maps = [np.load(p)["depth"] for p in sorted((rgbd.out_root / "a/depth_maps").glob("*.npz"))]
    d = np.stack(maps).astype(np.float32)
    coc = [
        (lens["f"] * lens["f"] / (lens["N"] * lens["S_focus"])) * np.abs(d - lens["S_focus"]) / d
        for lens in stats["lenses"]
    ]
    assert stats["p95"] == np.percentile(np.stack(coc).astype(np.float64), 95)


@pytest.mark.parametrize(
    ("flag", "value", "key"),
    [
        ("--optics.formula", "exact", "optics.formula"),
        ("--max_coc", "0.001", "render.max_coc"),
        ("--lens.f_number", "[2, 4]", "lens.f_number"),
        ("--n_sets", "1", "render.n_sets"),
        ("--deblur.resize_long_side", "32", "deblur.resize_long_side"),
    ],
)
def test_a_changed_setting_is_refused_as_stale_by_its_key(rgbd, capsys, flag, value, key):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    before = published_digests(rgbd.out_root)
    assert rgbd.run(flag, value) == 3
    assert key in capsys.readouterr().err
    assert published_digests(rgbd.out_root) == before, "a refusal changes nothing"
    assert rgbd.run(flag, value, "--on_stale", "redo") == 0
    assert published_digests(rgbd.out_root) != before


def test_another_backend_or_other_depth_files_make_depth_stale(rgbd, capsys):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    assert rgbd.run("--backend", "dryrun") == 3
    assert 'backend: "provided" -> "dryrun"' in capsys.readouterr().err
    path = rgbd.depth_root / "a" / "depth_0002.npy"
    np.save(path, np.load(path) + 0.5)
    assert rgbd.run() == 3
    assert "provided_depth" in capsys.readouterr().err


def test_one_truncated_jpeg_stops_only_its_scene(rgbd, capsys):
    for seed, name in enumerate("abc"):
        rgbd.add_scene(name, seed=seed)
    for path in sorted((rgbd.raw_root / "b").iterdir()):
        picture = cv2.imread(str(path))
        path.unlink()
        cv2.imwrite(str(path.with_suffix(".jpg")), picture)
    victim = rgbd.raw_root / "b" / "frame_0002.jpg"
    victim.write_bytes(victim.read_bytes()[:-40])
    assert rgbd.run() == 0
    rejected = json.loads((rgbd.out_root / "logs" / "rejected_scenes.json").read_text())
    assert rejected["b"]["file"].endswith("frame_0002.jpg")
    assert list(json.loads((rgbd.out_root / "scene_index.json").read_text())) == ["a", "c"]
    assert rgbd.report()["verdict"] == "pass"


def test_a_bit_flipped_in_a_raw_file_after_phase_1_stops_its_scene(rgbd):
    rgbd.add_scene("a")
    rgbd.add_scene("b", seed=1)
    roots = rgbd.flags("raw_root", "out_root", "depth_root")
    assert cli.main(["run", "--no_pictures", *roots, "--min_frames", "2"]) == 4
    victim = rgbd.raw_root / "a" / "frame_0001.png"
    data = bytearray(victim.read_bytes())
    data[-30] ^= 1
    victim.write_bytes(data)
    script = str(SCRIPTS / "02_deblur.py")
    flags = [*rgbd.flags("raw_root", "out_root"), "--on_stale", "redo", "--deblur.resize_long_side", "32"]
    done = subprocess.run([sys.executable, script, *flags], capture_output=True, text=True)
    assert done.returncode == 3
    failure = json.loads((rgbd.out_root / "a" / "frames_sharp" / ".failed").read_text())
    assert failure["class"] == "corrupt_input"
    assert "frame_0001.png" in failure["message"]
    assert (rgbd.out_root / "b" / "frames_sharp" / ".done").exists()


def test_a_rehearsal_of_a_later_phase_is_marked_partial(rgbd):
    rgbd.add_scene("a", n_frames=6)
    flags = rgbd.flags("raw_root", "out_root")
    assert cli.phase_main("index", "doc", [*flags, "--min_frames", "2"]) == 0
    assert cli.phase_main("deblur", "doc", [*flags, "--max_frames", "3"]) == 0
    folder = rgbd.out_root / "a" / "frames_sharp"
    assert len(list(folder.glob("*.png"))) == 3
    assert not (folder / ".done").exists()
    assert rgbd.run() == 0, "the whole run replaces the rehearsal"
    assert len(list(folder.glob("*.png"))) == 6


def test_holes_are_patched_with_the_scene_median_and_counted(rgbd):
    rgbd.add_scene("a")
    path = rgbd.depth_root / "a" / "depth_0001.npy"
    depth_m = np.load(path)
    depth_m[:2] = np.nan
    np.save(path, depth_m)
    assert rgbd.run() == 0
    maps = [np.load(p)["depth"] for p in sorted((rgbd.out_root / "a/depth_maps").glob("*.npz"))]
    measured = np.stack([maps[0], maps[2], maps[3]]).ravel()
    measured = np.concatenate([measured, maps[1][2:].ravel()])
    assert maps[1][0, 0] == np.float16(np.percentile(measured.astype(np.float64), 50))
    rows = (rgbd.out_root / "logs" / "depth_nan_patches.csv").read_text().splitlines()
    assert rows == ["scene_id,frame,patched_pixels,raised_pixels,lowered_pixels", "a,1,96,0,0"]


def test_depth_beyond_float16_is_refused_with_the_way_out(rgbd, capsys):
    rgbd.add_scene("a")
    path = rgbd.depth_root / "a" / "depth_0003.npy"
    depth_m = np.load(path)
    depth_m[0, 0] = 1e5
    np.save(path, depth_m)
    assert rgbd.run() == 3
    message = capsys.readouterr().err
    assert "frame 3" in message
    assert "depth.max_m" in message
    assert not (rgbd.out_root / "a" / "depth_maps" / ".done").exists()
    assert rgbd.run("--depth.max_m", "100", "--on_stale", "redo") == 0


class StepModel(DepthModel):
    """Exact depth, times 1.1 for every chunk after the first."""

    handles_long_video = False

    def __init__(self, depth_folder: Path) -> None:
        self.depth_folder = depth_folder

    def estimate(self, scene):
        for index in range(len(scene)):
            truth = np.load(self.depth_folder / f"depth_{scene.start + index:04d}.npy")
            yield index, truth * np.float32(1.1 if scene.start else 1.0)


@pytest.mark.parametrize(("align", "largest_residual"), [("scale", 0.005), ("none", 0.2)])
def test_a_scale_step_between_chunks_is_aligned_and_its_residual_recorded(rgbd, align, largest_residual):
    rgbd.add_scene("a", n_frames=12)
    chunks = {"depth__max_chunk": 6, "depth__overlap": 2, "depth__align": align}
    cfg = rgbd.config(depth__backend="dryrun", **chunks)
    index_dataset(cfg)
    model = StepModel(rgbd.depth_root / "a")
    stepped = dataclasses.replace(PHASES["depth"], load_model=lambda cfg, device=None: model)
    for spec in (PHASES["deblur"], stepped):
        assert PhaseRun(spec, cfg, ["a"], Observer(), StopFlag()).run().exit_code == 0
    seams = read_record(rgbd.out_root / "a" / "depth_maps" / ".done").details["seams"]
    assert [seam["frame"] for seam in seams] == [4, 8]
    assert seams[0]["step"] == pytest.approx(0.1, abs=2e-3)
    assert all(seam["residual"] < largest_residual for seam in seams)
    last = np.load(rgbd.out_root / "a" / "depth_maps" / "depth_0011.npz")["depth"].astype(np.float32)
    drift = float(np.median(last / np.load(rgbd.depth_root / "a" / "depth_0011.npy"))) - 1
    assert abs(drift) < 0.005 if align == "scale" else drift > 0.09


def test_validation_names_a_label_that_does_not_belong_to_its_depth(rgbd, capsys):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    path = rgbd.out_root / "a/focus_maps/set_01/focus_0002.npz"
    label = np.load(path)["focus_map"].copy()
    label[0, 0] = 0.123
    path.write_bytes(encode_npz("focus_map", label))
    assert cli.phase_main("validate", "doc", rgbd.flags("out_root")) == 3
    reasons = rgbd.report()["failure_reasons"]["a"]
    assert any("focus_0002.npz: 1 labels differ" in reason for reason in reasons)


def test_a_second_max_coc_is_never_mixed_in(rgbd, capsys):
    rgbd.add_scene("a")
    rgbd.add_scene("b", seed=1)
    assert rgbd.run("--scenes", "a") == 0
    assert rgbd.run("--scenes", "b", "--max_coc", "0.001") == 3
    assert "finished scenes have 0.002 -> 0.001 (--max_coc 0.002 goes on with" in capsys.readouterr().err
    assert not (rgbd.out_root / "b" / "metadata.json").exists()
    assert rgbd.run("--max_coc", "0.001", "--on_stale", "redo") == 0
    assert rgbd.report()["verdict"] == "pass"


def test_lowering_far_depth_as_asked_is_no_damage(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run("--depth.max_m", "3") == 0, "most of the wall is farther"
    assert np.load(rgbd.out_root / "a/depth_maps/depth_0000.npz")["depth"].max() == 3.0
    rows = (rgbd.out_root / "logs" / "depth_nan_patches.csv").read_text().splitlines()
    assert rows[1].startswith("a,0,0,0,")


def test_too_many_holes_fail_the_scene_and_a_few_only_warn(rgbd):
    rgbd.add_scene("few")
    rgbd.add_scene("many", seed=1)
    for name, n_rows in (("few", 2), ("many", 8)):
        for path in (rgbd.depth_root / name).iterdir():
            depth_m = np.load(path)
            depth_m[:n_rows] = np.nan
            np.save(path, depth_m)
    assert rgbd.run() == 3
    report = rgbd.report()
    assert report["failed_scenes"] == ["many"]
    assert any("few" in text and "patched" in text for text in report["warnings"])
