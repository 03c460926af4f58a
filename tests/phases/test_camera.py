"""What metadata.json says of the camera, and that older scenes go on saying what they said."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.dataset.journals import reopen
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import read_record
from tests.fingerprint import published_digests


def metadata(rgbd) -> dict:
    return json.loads((rgbd.out_root / "a/metadata.json").read_text())


def bokeh(rgbd) -> np.ndarray:
    return cv2.imread(str(rgbd.out_root / "a/bokeh_renders/set_00/bokeh_0001.png"))


def settings(rgbd) -> dict:
    return read_record(rgbd.out_root / "a/bokeh_renders/.done").document["settings"]


@pytest.mark.slow
def test_the_curve_of_the_pictures_is_stored_and_changes_them(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    assert metadata(rgbd)["transfer"] == "gamma22" and "render.transfer" not in settings(rgbd)
    plain = bokeh(rgbd)
    assert rgbd.run("--render.transfer", "srgb", "--on_stale", "redo") == 0
    assert metadata(rgbd)["transfer"] == "srgb" and settings(rgbd)["render.transfer"] == "srgb"
    assert not np.array_equal(bokeh(rgbd), plain)


@pytest.mark.slow
def test_opening_and_highlights_are_stored_change_the_pictures_and_touch_no_label(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    plain, before = bokeh(rgbd), published_digests(rgbd.out_root)
    flags = ["--render.aperture", "polygon(5,20)", "--render.highlights", "boost", "--on_stale", "redo"]
    assert rgbd.run(*flags) == 0
    document = metadata(rgbd)
    assert (document["aperture"], document["highlights"]) == ("polygon(5, 20)", "boost")
    assert settings(rgbd)["render.aperture"] == "polygon(5, 20)"
    assert not np.array_equal(bokeh(rgbd), plain)
    after = published_digests(rgbd.out_root)
    assert {k: v for k, v in after.items() if "focus_maps" in k} == {
        k: v for k, v in before.items() if "focus_maps" in k
    }
    assert rgbd.run("--render.aperture", "square") == 2


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["bokeh_renders/set_00/bokeh_0000.png", "metadata.json"])
@pytest.mark.parametrize("is_older", [False, True])
def test_a_repaired_scene_says_what_its_release_said(rgbd, lost, is_older):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    if is_older:
        make_older(rgbd)
    before = published_digests(rgbd.out_root)
    (rgbd.out_root / "a" / lost).unlink()
    assert cli.main(["repair", *rgbd.flags("raw_root", "out_root")]) == 0
    assert published_digests(rgbd.out_root) == before
    assert ("transfer" in metadata(rgbd)) is not is_older


def make_older(rgbd, **changes: float) -> None:
    """Finish the scene anew as a release would that does not say the curve."""
    scene = SceneLayout(rgbd.out_root, "a")
    pictures = list(scene.root.glob("bokeh_renders/set_*/*.png"))
    reopen(scene, read_record(scene.done("render")), pictures)
    scene.journal("render").with_name("render_notes.jsonl").write_text("")
    document = {**metadata(rgbd), **changes}
    for key in ("transfer", "sensor_long_side_mm"):
        document.pop(key, None)
    scene.metadata_json.write_text(json.dumps(document))
    assert rgbd.run("--render.clip_to_max_coc", str(document["clip_to_max_coc"])) == 0


def render_portrait(rgbd, *flags: str) -> dict:
    rgbd.add_scene("a", width=32, height=64)
    assert rgbd.run("--render.clip_to_max_coc", "false", *flags) == 0
    return metadata(rgbd)


def test_a_turned_camera_is_the_same_camera(rgbd):
    document = render_portrait(rgbd)
    assert (document["sensor_width_mm"], document["sensor_long_side_mm"]) == (18.0, 36.0)
    # max_coc on a sensor of 36 mm along 64 px
    assert document["sets"][0]["coc_limit_px"] == pytest.approx(1e3 * rgbd.max_coc * 64 / 36)
    lens, depth_m = document["sets"][0], np.load(rgbd.out_root / "a/depth_maps/depth_0000.npz")["depth"]
    f, n, s, d = lens["f"], lens["N"], lens["S_focus"], depth_m.astype(np.float32)
    label = (1.0 - np.clip((f * f / (n * s)) * np.abs(d - s) / d / lens["max_coc"], 0.0, 1.0)).astype("f2")
    assert np.array_equal(np.load(rgbd.out_root / "a/focus_maps/set_00/focus_0000.npz")["focus_map"], label)


@pytest.mark.slow
def test_a_portrait_of_an_older_release_stays_as_it_was_and_phase_6_says_what_it_is(rgbd):
    render_portrait(rgbd)
    document = metadata(rgbd)
    make_older(rgbd, sensor_width_mm=36.0)
    lost = rgbd.out_root / "a/bokeh_renders/set_00/bokeh_0001.png"
    lost.unlink()
    assert cli.main(["repair", *rgbd.flags("raw_root", "out_root")]) == 0
    assert metadata(rgbd)["sensor_width_mm"] == 36.0 and document["sensor_width_mm"] == 18.0
    assert cli.phase_main("validate", "doc", rgbd.flags("out_root")) == 0
    report = rgbd.report()
    assert any("2.00 x that of a turned camera" in text for text in report["warnings"])
