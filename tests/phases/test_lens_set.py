"""Lens sets: the law and its seeds, radii and labels of one circle of confusion, and blur that is limited."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

from focusgen import cli
from focusgen.config import Config
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.lens_metadata import SetLens, label_limits_m
from focusgen.dataset.records import Record
from focusgen.models.bokeh.thin_lens import ThinLensRenderer
from focusgen.models.protocols import RenderContext
from focusgen.optics.coc import Lens, signed_blur_radius_px
from focusgen.phases.lens_law import draw_lenses
from focusgen.phases.lens_set import LensSet, limits_told, mark_limited_sets, unmarked_limits
from focusgen.phases.scene_depth import SceneDepth
from focusgen.phases.versions import render_version
from tests.conftest import Rgbd

STATS = {"d_min": 0.5, "d_max": 100.0, "d_median": 2.0, "d_p5": 1.0, "d_p95": 3.0}
LENS = Lens(0.05, 2.0, 2.0)
DEPTH_M = np.array([[[1.0, 1.5, 2.0, 4.0, 50.0]]], np.float16)


class Session:
    """Keeps the radii that it is handed."""

    def render(self, frames, signed_radius_px, focus_maps, frame_indices):
        self.radius_px = signed_radius_px
        return frames


def drawn(*, is_clipped: bool, sensor_width_m: float = 0.036, coc_limit_m: float | None = None):
    session = Session()
    lens_set = LensSet(0, SetLens(LENS, 4e-4, coc_limit_m=coc_limit_m), is_clipped, sensor_width_m, session)
    _, labels = lens_set.draw([0], np.zeros((1, 1, 5, 3), np.uint8), DEPTH_M)
    return session.radius_px[0, 0], labels[0, 0].astype(float)


def depth_of(cfg: Config, scene_id: str) -> SceneDepth:
    """Return a scene of which nothing but its statistics is there."""
    scene = DatasetLayout.of(cfg).scene(scene_id)
    scene.stats_json.parent.mkdir(parents=True, exist_ok=True)
    scene.stats_json.write_text(json.dumps(STATS))
    return SceneDepth(scene, Record({"details": {"width": 48}, "n_frames": 0}))


def test_the_first_lenses_of_a_scene_do_not_change_when_more_are_asked(rgbd: Rgbd):
    cfg = rgbd.config()
    many = draw_lenses(cfg, depth_of(cfg, "a"), 6).lenses
    for n in range(6):
        assert draw_lenses(cfg, depth_of(cfg, "a"), n).lenses == many[:n]
    assert draw_lenses(cfg, depth_of(cfg, "b"), 6).lenses != many


def test_the_robust_range_draws_focus_between_percentiles(rgbd: Rgbd):
    depth = depth_of(rgbd.config(), "a")
    full = draw_lenses(rgbd.config(), depth, 60).lenses
    robust = draw_lenses(rgbd.config(lens__focus_range="robust"), depth, 60).lenses
    assert all(1.0 <= lens.focus_distance_m <= 3.0 for lens in robust)
    assert (
        max(lens.focus_distance_m for lens in robust)
        > 2.5
        > 1.5
        > min(lens.focus_distance_m for lens in robust)
    )
    assert max(lens.focus_distance_m for lens in full) > 50.0


def test_radii_end_where_the_label_does_only_if_they_are_clipped():
    # CoC of f/2, 50 mm at 2 m: 625 um at 1 m, 208 um at 1.5 m; 5 px show 36 mm
    free, labels = drawn(is_clipped=False)
    clipped, same = drawn(is_clipped=True)
    assert free == pytest.approx([0.0434, 0.01447, 0, -0.02170, -0.04167], rel=1e-3)
    assert clipped == pytest.approx([0.02778, 0.01447, 0, -0.02170, -0.02778], rel=1e-3)
    assert labels.tolist() == same.tolist() and labels[0] == labels[4] == 0.0
    assert labels[2] == 1.0 and labels[1] == pytest.approx(1 - 208.333 / 400, abs=5e-4)


def test_half_the_sensor_shows_twice_the_blur_and_the_same_label():
    wide, labels = drawn(is_clipped=False)
    narrow, same = drawn(is_clipped=False, sensor_width_m=0.018)
    assert narrow == pytest.approx(2 * wide) and labels.tolist() == same.tolist()


def test_a_label_stops_where_the_renderer_does():
    _, labels = drawn(is_clipped=True, coc_limit_m=1e-4)
    assert labels == pytest.approx([0.75, 0.75, 1.0, 0.75, 0.75])


def metadata(**changes) -> dict:
    sets = [
        {"f": 0.05, "N": n, "S_focus": 2.0, "max_coc": 1e-3, "coc_limit_px": 1.0} for n in (1.4, 2.0, 8.0)
    ]
    known = {"sets": sets, "width": 3840, "sensor_width_mm": 36.0, "clip_to_max_coc": True}
    return {**known, **changes}


def test_only_sets_that_need_more_blur_than_is_drawn_are_marked_and_told():
    # largest CoC: 0.5 m through f/2: 0.05^2 / (2 * 2) * 1.5 / 0.5 = 1.875 mm = 100 px radius, clipped 53.3 px
    document = metadata()
    mark_limited_sets(document, STATS, 64.0)
    assert document == metadata() and limits_told(document, STATS) == []
    document = metadata(clip_to_max_coc=False)
    mark_limited_sets(document, STATS, 64.0)
    assert [s.get("max_radius_px") for s in document["sets"]] == [64.0, 64.0, None]
    assert limits_told(document, STATS)[1].startswith(
        "set_01: blur is drawn up to a radius of 64 px of 100.0 px; labels go on beyond it"
    )
    document = metadata()
    mark_limited_sets(document, STATS, None)
    assert document == metadata()
    mark_limited_sets(document, STATS, 40.0)
    assert "labels stop with it" in limits_told(document, STATS)[0]
    assert label_limits_m(document) == [pytest.approx(40 / 3840 * 0.072)] * 2 + [None]
    assert label_limits_m({**document, "clip_to_max_coc": False}) == [None] * 3


def test_sets_of_an_older_release_whose_labels_go_on_are_told():
    document = metadata()
    assert [text[:6] for text in unmarked_limits(document, STATS, 40.0)] == ["set_00", "set_01"]
    mark_limited_sets(document, STATS, 40.0)
    assert unmarked_limits(document, STATS, 40.0) == []
    assert unmarked_limits({"sets": document["sets"]}, STATS, 40.0) == []  # of another pipeline


@pytest.mark.parametrize("is_clipped", ["true", "false"])
def test_limited_blur_is_in_metadata_label_record_and_report(rgbd: Rgbd, is_clipped: str):
    rgbd.add_scene("a", width=96)
    more = ("--render.max_radius_px", "0.1", "--render.clip_to_max_coc", is_clipped)
    assert rgbd.run(*more) == 0
    scene = rgbd.out_root / "a"
    document = json.loads((scene / "metadata.json").read_text())
    assert [s["max_radius_px"] for s in document["sets"]] == [0.1, 0.1]
    for number, s in enumerate(document["sets"]):
        depth = np.load(scene / "depth_maps/depth_0001.npz")["depth"].astype(np.float32)
        coc = (s["f"] * s["f"] / (s["N"] * s["S_focus"])) * np.abs(depth - s["S_focus"]) / depth
        if is_clipped == "true":
            coc = np.minimum(coc, 2.0 * 0.1 * 0.036 / document["width"])
        expected = (1.0 - np.clip(coc / s["max_coc"], 0.0, 1.0)).astype(np.float16)
        label = np.load(scene / f"focus_maps/set_{number:02d}/focus_0001.npz")["focus_map"]
        assert np.array_equal(label, expected)
    warnings = rgbd.report()["warnings"]
    assert sum("blur is drawn up to a radius of 0.1 px" in text for text in warnings) == 2
    assert "radius of 0.1 px" in (rgbd.out_root / "logs" / "focus_map_warnings.txt").read_text()


def test_blur_within_the_limit_leaves_metadata_as_it_always_was(rgbd: Rgbd):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    assert "max_radius_px" not in (rgbd.out_root / "a" / "metadata.json").read_text()


@pytest.mark.parametrize(("limits", "n_told"), [("[0.0, 1.0]", 0), ("[0.99, 1.0]", 2), ("[0.0, 0.01]", 2)])
def test_an_unusual_mean_focus_is_told_in_record_log_and_report(rgbd: Rgbd, limits: str, n_told: int):
    rgbd.add_scene("a")
    assert rgbd.run("--render.warn_focus_mean", limits) == 0
    document = json.loads((rgbd.out_root / "a/bokeh_renders/.done").read_text())
    report = rgbd.report()
    log = (rgbd.out_root / "logs" / "focus_map_warnings.txt").read_text().splitlines()
    for lines in (document["warnings"], report["warnings"], log):
        assert sum("mean focus" in line for line in lines) == n_told
    for number, mean in enumerate(document["details"]["focus_mean"]):
        labels = (rgbd.out_root / f"a/focus_maps/set_{number:02d}").glob("*.npz")
        assert mean == pytest.approx(
            np.mean([np.load(p)["focus_map"].astype(float) for p in labels]), abs=1e-6
        )


# --- edges of predicted depth


def test_blur_at_soft_edges_of_predicted_depth_follows_the_published_depth():
    rng = np.random.default_rng(0)
    height, width = 96, 128
    picture = rng.integers(60, 196, (height, width, 3), dtype=np.uint8)
    picture[:, width // 2 :] //= 2  # an edge of colour, onto which depth could be moved
    depth_m = np.full((height, width), 1.2, np.float16)
    ramp = slice(width // 2 - 4, width // 2 + 4)
    depth_m[:, ramp] = np.linspace(1.2, 3.0, 8)
    depth_m[:, width // 2 + 4 :] = 3.0
    lens = Lens(0.05, 2.0, 1.2)
    context = RenderContext(
        "a", 0, width, height, lens, None, 0.004, {**STATS, "d_min": 1.2, "d_max": 3.0}, False, 1
    )
    session = ThinLensRenderer(max_radius_px=64.0).start(context)
    lens_set = LensSet(0, SetLens(lens, 1e-3), False, 0.004, session)
    out, labels = lens_set.draw([0], picture[None], depth_m[None])
    radius_px = signed_blur_radius_px(
        depth_m.astype(np.float32), lens, image_width_px=width, sensor_width_m=0.004
    )
    assert np.ptp(radius_px) > 6
    columns = slice(width // 2 - 5, width // 2 + 5)
    kept = (texture(out[0]) / texture(picture))[columns]
    assert spearmanr(kept, labels[0][0, columns].astype(float)).statistic > 0.9
    assert kept[np.abs(radius_px[0, columns]) > 2].max() < 0.2  # also on the ramp's near half


def texture(picture: np.ndarray) -> np.ndarray:
    """Return the variation down each column, which blur takes away whatever stands beside it."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float)
    return np.abs(np.diff(grey, axis=0)).mean(axis=0)


@pytest.mark.parametrize(
    ("backend", "choice", "is_exact", "version"),
    [
        ("thin_lens", "auto", True, 1),
        ("thin_lens", "auto", False, 2),
        ("thin_lens", "on", True, 2),
        ("thin_lens", "off", False, 1),
        ("bokehnet", "auto", False, 1),
    ],
)
def test_only_what_was_drawn_from_moved_edges_is_stale(rgbd: Rgbd, backend, choice, is_exact, version):
    cfg = rgbd.config(render__backend=backend, render__depth_edge_snap=choice)
    depth = type("Record", (), {"details": {"is_exact": is_exact}})
    assert render_version(cfg, depth) == version
    assert render_version(cfg, None) == (2 if choice == "on" else 1)


def test_asking_for_moved_edges_is_answered_in_the_record(rgbd: Rgbd):
    rgbd.add_scene("a")
    assert rgbd.run("--render.depth_edge_snap", "on") == 0
    document = json.loads((rgbd.out_root / "a/bokeh_renders/.done").read_text())
    assert document["algorithm_version"] == 2
    assert any("depth_edge_snap: on has no effect" in text for text in document["warnings"])
    assert cli.main(["status", "--out_root", str(rgbd.out_root)]) == 0


@pytest.fixture
def relief(rgbd: Rgbd) -> Rgbd:
    rgbd.add_scene("a", width=160)
    return rgbd


def test_a_blur_that_no_lens_reaches_fails_the_scene_by_the_name_of_the_key(relief: Rgbd, capsys):
    words = ("--n_sets", "1", "--lens.law", "balanced", "--lens.target_blur_px")
    assert relief.run(*words, "[500, 600]") == 3
    told = " ".join(capsys.readouterr().err.split())
    assert "lens.target_blur_px [500.0, 600.0]: no lens of lens.focal_length_mm and lens.f_number" in told
    reach = re.search(r"they blur by (\S+) to (\S+) px", told)
    assert reach and float(reach[1]) < 1.0 < float(reach[2]) < 500
    assert relief.run(*words, "[1, 2]") == 0
    law = json.loads((relief.out_root / "a" / "metadata.json").read_text())["lens_law"]
    assert law["law"] == "balanced" and law["target_blur_px"] == [1.0, 2.0]


def test_a_flat_wall_is_flagged_whatever_blur_is_asked_for(relief: Rgbd):
    for path in (relief.depth_root / "a").glob("*.npy"):
        np.save(path, np.full_like(np.load(path), 3.0))
    assert relief.run("--n_sets", "1", "--lens.law", "balanced", "--lens.target_blur_px", "[2, 3]") == 0
    lacking = json.loads((relief.out_root / "a" / "metadata.json").read_text())["lens_law"]["lacking"]
    assert any("reaches the target blur" in text for text in lacking)
    log = (relief.out_root / "logs" / "focus_map_warnings.txt").read_text()
    assert "a: balanced lenses: set_00: no lens of the ranges reaches the target blur" in log
