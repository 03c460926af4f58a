"""Moving focus from the settings to the last label: drawn, counted, rendered, checked, and resumed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

import focusgen.models.bokeh.thin_lens  # noqa: F401 - loaded once, not by each fork
from focusgen import cli
from focusgen.base import files
from focusgen.base.errors import SceneError
from focusgen.base.signals import StopFlag
from focusgen.config import PhaseName
from focusgen.dataset.index import IndexEntry, read_index
from focusgen.dataset.layout import DatasetLayout, SceneLayout
from focusgen.dataset.published import read_depth, read_focus
from focusgen.dataset.records import Record, read_record
from focusgen.phases.drawn_sets import draw_sets
from focusgen.phases.focus_moves import fps_of, move_focus
from focusgen.phases.scene_depth import SceneDepth
from focusgen.run.phase_run import PhaseRun
from focusgen.run.progress import Observer
from focusgen.run.table import PHASES
from focusgen.synth.write import make_scene, write_rgbd
from tests.conftest import Rgbd
from tests.faults import in_child
from tests.fingerprint import published_digests

MIXED = ("--lens.motion", "mixed", "--n_sets", "4")
BEFORE_4: tuple[PhaseName, ...] = ("index", "deblur", "depth")


def run(
    rgbd: Rgbd, phases: Sequence[PhaseName], *more: str, out_root: Path | None = None, n_min: int = 2
) -> int:
    """Run some phases; return the exit status of the last."""
    code = 0
    for phase in phases:
        words = rgbd.flags("raw_root") if phase in ("index", "deblur") else []
        words += rgbd.flags("depth_root") if phase == "depth" else []
        words += ["--min_frames", str(n_min)] if phase == "index" else []
        words += [*rgbd.flags("max_coc"), *more] if phase == "render" else []
        code = cli.phase_main(phase, "", [*words, "--out_root", str(out_root or rgbd.out_root)])
    return code


def documents(rgbd: Rgbd, scene_id: str = "a") -> dict:
    return json.loads((rgbd.out_root / scene_id / "metadata.json").read_text())


def label_by_hand(rgbd: Rgbd, k: int, t: int) -> np.ndarray:
    """Return what a stranger computes from the published depth and metadata."""
    s, scene = documents(rgbd)["sets"][k], rgbd.out_root / "a"
    d = np.load(scene / f"depth_maps/depth_{t:04d}.npz")["depth"].astype(np.float32)
    f, n, focus, max_coc = s["f"], s["N"], s.get("S_focus_per_frame", {t: s["S_focus"]})[t], s["max_coc"]
    coc = (f * f / (n * focus)) * np.abs(d - focus) / d
    return (1.0 - np.clip(coc / max_coc, 0.0, 1.0)).astype(np.float16)


def of_scene(rgbd: Rgbd, cfg, scene_id: str = "a") -> tuple[SceneDepth, IndexEntry]:
    dataset = DatasetLayout.of(cfg)
    record = read_record(dataset.scene(scene_id).done("depth"))
    assert record is not None
    return SceneDepth(dataset.scene(scene_id), record), read_index(dataset)[scene_id]


@pytest.mark.slow
def test_four_mixed_sets_move_as_metadata_says_and_every_label_follows(rgbd: Rgbd):
    rgbd.add_scene("a", n_frames=10)
    assert rgbd.run(*MIXED) == 0
    sets = documents(rgbd)["sets"]
    kinds = [s.get("focus_motion", {}).get("kind", "fixed") for s in sets]
    assert sorted(kinds) == ["drift", "fixed", "rack", "track"]
    for k, s in enumerate(sets):
        path = s.get("S_focus_per_frame", [s["S_focus"]] * 10)
        assert len(path) == 10 and path[0] == s["S_focus"]
        assert (len(set(path)) > 1) == (kinds[k] != "fixed")
        for t in range(10):
            label = np.load(rgbd.out_root / f"a/focus_maps/set_{k:02d}/focus_{t:04d}.npz")["focus_map"]
            assert np.array_equal(label, label_by_hand(rgbd, k, t)), (k, t)
    report = rgbd.report()
    assert report["verdict"] == "pass"


@pytest.mark.slow
def test_a_still_picture_is_refused_by_name_and_the_other_scenes_are_made(rgbd: Rgbd, capsys):
    rgbd.add_scene("still", n_frames=1)
    rgbd.add_scene("a", n_frames=6)
    assert rgbd.run("--lens.motion", "drift", "--min_frames", "1") == 3
    said = json.loads((rgbd.out_root / "still/bokeh_renders/.failed").read_text())
    assert "'still' is a still picture" in said["message"] and "--lens.motion fixed" in said["advice"]
    assert not list((rgbd.out_root / "still/bokeh_renders").rglob("*.png"))
    assert documents(rgbd)["sets"][0]["focus_motion"] == {"kind": "drift", "jumps": []}


def moved_by_masks(rgbd: Rgbd, mask_of: Callable[[int], np.ndarray | None], n_frames: int = 6) -> tuple:
    import cv2

    folder = rgbd.root / "masks" / "a"
    folder.mkdir(parents=True)
    for frame in range(n_frames):
        mask = mask_of(frame)
        if mask is not None:
            cv2.imwrite(str(folder / f"{frame:05d}.png"), mask)
    cfg = rgbd.config(
        lens__motion="track", lens__mask_root=rgbd.root / "masks", lens__track_lag_frames=(0, 0)
    )
    depth, entry = of_scene(rgbd, cfg)
    return move_focus(cfg, depth, entry, draw_sets(rgbd.config(), depth, entry, 2).lenses, 1)


def square(frame: int, value: int = 3) -> np.ndarray:
    """Return where the moving plane of an `Rgbd` scene is, at 1 m."""
    mask = np.zeros((32, 48), np.uint8)
    mask[8:20, 10 + frame : 22 + frame] = value
    mask[0, 0] = 255  # void
    return mask


@pytest.fixture
def with_depth(rgbd: Rgbd) -> Rgbd:
    rgbd.add_scene("a", n_frames=6)
    assert run(rgbd, BEFORE_4) == 0
    return rgbd


def test_masks_say_what_is_followed(with_depth: Rgbd):
    for one in moved_by_masks(with_depth, square):
        assert set(one.path.distances_m) == {1.0} == {one.lens.focus_distance_m}


def test_a_thing_that_its_masks_lose_keeps_its_focus(with_depth: Rgbd):
    one, _ = moved_by_masks(with_depth, lambda t: square(t) * (t < 3))
    assert set(one.path.distances_m) == {1.0} and "lost in 3 frames, first 3" in one.path.remarks[0]


@pytest.mark.parametrize(
    ("mask_of", "what"),
    [
        (lambda t: square(t)[:, :40], "00000.png: a mask of 40x32 does not fit frames of 48x32"),
        (lambda t: np.dstack([square(t)] * 3), "00000.png: a picture of 3 channels is no mask"),
        (lambda t: square(t) if t < 5 else None, "5 masks for 6 frames, the last is 00004.png"),
        (lambda t: None, "no PNG in it"),
    ],
)
def test_masks_of_another_clip_are_refused_by_name(with_depth: Rgbd, mask_of, what: str):
    with pytest.raises(SceneError, match=what):
        moved_by_masks(with_depth, mask_of)


def test_one_picture_has_nothing_to_move_over(tmp_path: Path, capsys):
    flags = ["--image", "a.png", "--output", str(tmp_path / "b.png"), "--focus", "1", "--lens.motion", "rack"]
    assert cli.main(["render", *flags]) == 2
    said = capsys.readouterr().err
    assert "a.png: a still picture" in said and "Leave --lens.motion out" in said


def test_a_missing_mask_folder_is_said_before_any_work_with_the_way_out(with_depth: Rgbd, capsys):
    more = ("--lens.motion", "track", "--mask_root", str(with_depth.root / "nowhere"))
    assert run(with_depth, ["render"], *more) == 2
    said = capsys.readouterr().err
    assert "nowhere: no such folder" in said and "or no --mask_root" in said
    assert not (with_depth.out_root / "a/bokeh_renders/.failed").exists()
    assert run(with_depth, ["render"]) == 0


def test_speeds_and_lags_that_no_lens_has_are_refused(rgbd: Rgbd, capsys):
    for key, value in (
        ("max_diopters_per_s", "0"),
        ("max_diopters_per_s", "90"),
        ("track_lag_frames", "[5, 2]"),
    ):
        assert rgbd.run("--lens.motion", "track", f"--lens.{key}", value) == 2
        assert f"lens.{key}" in capsys.readouterr().err


def test_a_single_frame_has_no_depth_to_read(rgbd: Rgbd):
    scene = DatasetLayout.of(rgbd.config()).scene("a")
    depth = SceneDepth(scene, Record({"details": {"width": 48}, "n_frames": 1}))
    with pytest.raises(SceneError, match="'a' is a still picture"):
        move_focus(rgbd.config(lens__motion="rack"), depth, None, (), 1)  # type: ignore[arg-type]


# --- does the picture follow?


def kept_by_band(rgbd: Rgbd, scene_id: str, k: int, n_bands: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return (kept sharpness, mean label), each (frames, bands of depth), from published files."""
    import cv2

    def texture(path: Path) -> np.ndarray:
        grey = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2GRAY)
        return cv2.Laplacian(grey, cv2.CV_64F) ** 2

    scene, kept, labels = SceneLayout(rgbd.out_root, scene_id), [], []
    edges = np.quantile(1.0 / read_depth(scene, 0).astype(float), np.linspace(0, 1, n_bands + 1))
    for t in range(24):
        band = np.clip(np.searchsorted(edges, 1.0 / read_depth(scene, t).astype(float)) - 1, 0, n_bands - 1)
        before, after = texture(scene.sharp(t)), texture(scene.bokeh(k, t))
        label = read_focus(scene, k, t).astype(float)
        kept.append([after[band == b].sum() / before[band == b].sum() for b in range(n_bands)])
        labels.append([label[band == b].mean() for b in range(n_bands)])
    return np.array(kept), np.array(labels)


@pytest.mark.slow
def test_the_blur_of_a_rack_follows_its_label_in_time(rgbd: Rgbd):
    rgbd.max_coc = 7e-4  # what the calibration of such scenes recommends
    scene = make_scene("tabletop", 0, n_frames=24, width=192, height=112)
    write_rgbd(scene, rgbd.raw_root, rgbd.depth_root)
    assert rgbd.run("--lens.motion", "rack", "--lens.law", "balanced") == 0
    agreement = []
    for k in range(2):
        kept, labels = kept_by_band(rgbd, scene.name, k)
        seen = np.flatnonzero(np.ptp(labels, axis=0) > 0.15)
        agreement += [spearmanr(kept[:, band], labels[:, band]).statistic for band in seen]
    assert len(agreement) >= 4
    assert np.median(agreement) >= 0.9


# --- kills


@pytest.mark.slow
def test_killed_at_20_places_and_resumed_gives_the_same_bytes(rgbd: Rgbd):
    rgbd.add_scene("a", n_frames=6)
    assert rgbd.run(*MIXED) == 0
    expected = {k: v for k, v in published_digests(rgbd.out_root).items() if "bokeh" in k or "focus" in k}
    assert len(expected) == 2 * 4 * 6
    metadata = (rgbd.out_root / "a/metadata.json").read_bytes()
    rgbd.out_root.rename(rgbd.root / "undisturbed")
    assert run(rgbd, BEFORE_4) == 0
    cfg = rgbd.config(lens__motion="mixed", render__n_sets=4)

    def body(n_steps: float) -> Callable[[], int]:
        def on_step(step: str, path: object) -> None:
            nonlocal n_steps
            n_steps -= 1
            if n_steps <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def life() -> int:
            files.on_step = on_step
            return int(PhaseRun(PHASES["render"], cfg, ("a",), Observer(), StopFlag()).run().exit_code)

        return life

    codes = [in_child(body(8)) for _ in range(20)]
    assert codes == [-signal.SIGKILL] * 20
    assert in_child(body(float("inf"))) == 0
    after = published_digests(rgbd.out_root)
    assert {k: after[k] for k in expected} == expected
    assert (rgbd.out_root / "a/metadata.json").read_bytes() == metadata


@pytest.mark.parametrize(
    ("fps", "times_s", "right"),
    [
        (None, None, 24.0),
        (25.0, [0.0, 0.5, 1.0], 25.0),  # a rate that a camera has is believed
        (0.0056, [0.0, 0.04, 0.08, 3600.0], 25.0),  # an hour's gap in the average
        (1000.0, [0.0, 0.04, 0.08], 25.0),  # the clock of a container
        (0.0056, [0.0, 0.0], 24.0),
        (1000.0, None, 1000.0),
    ],
)
def test_focus_moves_at_the_usual_step_where_the_average_rate_is_no_camera_s(fps, times_s, right):
    entry = IndexEntry(("0",), 4, 4, "train", {"fps": fps, "frame_times_s": times_s}, (), "0")
    assert fps_of(entry) == pytest.approx(right)
