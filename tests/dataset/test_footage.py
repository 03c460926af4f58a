"""The footage's own view: where it comes from, what it does to lenses, what is said where it is missing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from focusgen import cli, config
from focusgen.base.errors import ConfigError
from focusgen.dataset.footage import Footage
from focusgen.dataset.layout import DatasetLayout
from focusgen.media.picture_files import exif_focal_px
from tests.conftest import Rgbd
from tests.layouts import tum
from tests.small import entry


def metadata(rgbd, scene: str = "a") -> dict:
    return json.loads((rgbd.out_root / scene / "metadata.json").read_text())


def with_exif(path: Path, size: tuple[int, int] = (80, 120), **values: float) -> None:
    tags = {"focal": 0x920A, "same_view": 0xA405, "resolution": 0xA20E, "unit": 0xA210}
    tags |= {"taken": 0xA002, "taken_rows": 0xA003}
    exif = Image.Exif()
    for name, value in values.items():
        exif.get_ifd(0x8769)[tags[name]] = value
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(path, exif=exif)


@pytest.mark.parametrize(
    ("values", "focal_px"),
    [
        ({"focal": 6.8, "same_view": 24}, 120 * 24 / 36),
        ({"focal": 50.0, "resolution": 6000 / 36 * 10, "unit": 3, "taken": 6000}, 120 * 50 / 36),
        ({"focal": 50.0, "resolution": 120 / 36 * 25.4}, 120 * 50 / 36),
        ({"focal": 50.0}, None),
        ({}, None),
    ],
)
def test_exif_tells_by_the_same_view_or_by_the_resolution_of_the_sensor(tmp_path, values, focal_px):
    with_exif(tmp_path / "a.jpg", **values)
    assert exif_focal_px(tmp_path / "a.jpg") == (None if focal_px is None else pytest.approx(focal_px))


def test_a_portrait_that_a_program_turned_has_the_view_of_the_picture_as_it_was_taken(tmp_path):
    taken = {"focal": 50.0, "resolution": 6000 / 36 * 10, "unit": 3, "taken": 4000, "taken_rows": 6000}
    with_exif(tmp_path / "a.jpg", (120, 80), **taken)
    assert exif_focal_px(tmp_path / "a.jpg") == pytest.approx(120 * 50 / 36)


@pytest.mark.slow
def test_a_number_is_published_as_the_view_of_the_frame_and_ties_the_lens_to_it(rgbd):
    rgbd.add_scene("a", width=40, height=32)  # published at 48 x 32
    assert rgbd.run("--optics.footage_focal_px", "60", "--lens.focal_length", "footage") == 0
    document = metadata(rgbd)
    assert [document[key] for key in ("fx", "fy", "cx", "cy")] == [72.0, 60.0, 23.5, 15.5]
    assert [lens["f"] for lens in document["sets"]] == [pytest.approx(72.0 * 0.036 / 48)] * 2
    assert len({lens["N"] for lens in document["sets"]}) == 2, "the rest is drawn as ever"
    stats = json.loads((rgbd.out_root / "logs/coc_stats.json").read_text())
    assert {lens["f"] for lens in stats["lenses"]} == {document["sets"][0]["f"]}
    report = rgbd.report()
    assert report["verdict"] == "pass"


@pytest.mark.slow
def test_without_the_tie_the_view_is_told_and_the_lenses_stay(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    plain = metadata(rgbd)
    assert rgbd.run("--optics.footage_focal_px", "60", "--on_stale", "redo") == 0
    document = metadata(rgbd)
    assert {key: document.pop(key) for key in ("fx", "fy", "cx", "cy")} == {
        "fx": 60.0,
        "fy": 60.0,
        "cx": 23.5,
        "cy": 15.5,
    }
    assert document == plain


@pytest.mark.slow
def test_another_row_of_the_table_makes_its_own_scene_stale_and_no_other(rgbd, capsys):
    for seed, name in enumerate("ab"):
        rgbd.add_scene(name, seed=seed)
    table = rgbd.root / "focal.csv"
    table.write_text("scene,focal_px\na,60\nb,70\n")
    flags = ["--optics.footage_focal_px", str(table), "--lens.focal_length", "footage"]
    assert rgbd.run(*flags) == 0
    assert (metadata(rgbd)["fx"], metadata(rgbd, "b")["fx"]) == (60.0, 70.0)
    table.write_text("scene,focal_px\na,60.0\nb,80\n")
    capsys.readouterr()
    assert rgbd.run(*flags) == 3
    said = capsys.readouterr().err
    stale = [line.split() for line in said.splitlines() if line.strip().startswith("stale")]
    assert stale == [["stale", "b"]] and 'footage_focal_px: "70.0" -> "80.0"' in said
    assert rgbd.run(*flags, "--on_stale", "redo") == 0
    assert metadata(rgbd, "b")["fx"] == 80.0


def test_the_table_may_write_accents_in_the_other_unicode_form(tmp_path):
    table = tmp_path / "focal.csv"
    table.write_text("scene,focal_px\nb\u00e4r,60\n", encoding="utf-8")
    cfg = config.load(None, {"optics.footage_focal_px": table})
    footage = Footage(cfg, DatasetLayout.of(cfg), {"ba\u0308r": entry(width=60, height=40)})
    assert footage.focal_px("ba\u0308r") == 60.0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("exif", "frame_0000.png: EXIF has no focal length"),
        ("{root}/focal.csv", "scene 'a' is not in"),
        ("{root}/none.csv", "No such file"),
    ],
)
def test_what_is_missing_is_said_with_the_ways_out(rgbd, capsys, value, text):
    rgbd.add_scene("a")
    (rgbd.root / "focal.csv").write_text("scene,focal_px\nb,70\n")
    assert rgbd.run("--optics.footage_focal_px", value.format(root=rgbd.root)) in (2, 3)
    said = capsys.readouterr().err
    assert text in said and "optics.footage_focal_px" in said


@pytest.mark.parametrize("value", [0, -3.0, True])
def test_no_number_of_pixels_is_refused(value):
    with pytest.raises(ConfigError, match="footage_focal_px"):
        config.load(None, {"optics.footage_focal_px": value})


def test_a_tie_to_a_view_that_nobody_told_is_refused():
    with pytest.raises(ConfigError, match=r"lens\.focal_length: footage needs optics\.footage_focal_px"):
        config.load(None, {"lens.focal_length": "footage"})


def test_phase_6_compares_the_lenses_with_the_view(rgbd):
    from focusgen.phases.camera import check_view

    rgbd.add_scene("a")
    assert rgbd.run("--optics.footage_focal_px", "60", "--lens.focal_length", "footage") == 0
    document = metadata(rgbd)
    assert check_view(document) == []
    assert "the view of the footage gives" in check_view({**document, "fx": 61.0})[0]
    partial = {key: value for key, value in document.items() if key not in ("fy", "cx", "cy")}
    assert check_view(partial) == ["metadata.json: fx without fy, cx, cy"]


def test_the_phases_as_scripts_know_the_view_too(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run("--optics.footage_focal_px", "60") == 0
    assert cli.main(["status", "--out_root", str(rgbd.out_root)]) == 0


@pytest.mark.slow
def test_the_camera_of_a_layout_is_published_with_its_own_axis(rgbd):
    """TUM's freiburg1 at a tenth of its size; its principal point is not the middle of the picture."""
    tum(rgbd.raw_root)
    words = ["--raw_root", str(rgbd.raw_root), "--out_root", str(rgbd.out_root), *rgbd.flags("max_coc")]
    said = ["--optics.footage_focal_px", "layout", "--lens.focal_length", "footage"]
    assert cli.main(["run", "--no_pictures", *words, *said, "--n_sets", "1", "--workers", "1"]) == 0
    document = metadata(rgbd, "rgbd_dataset_freiburg1_xyz")
    view = [document[key] for key in ("fx", "fy", "cx", "cy")]
    assert view == pytest.approx([51.73, 51.65, (318.6 + 0.5) / 10 - 0.5, (255.3 + 0.5) / 10 - 0.5])
    assert document["sets"][0]["f"] == pytest.approx(51.73 * 0.036 / 64)


@pytest.mark.slow
def test_the_camera_of_a_layout_is_published_without_being_asked_for_and_needs_one(rgbd, capsys):
    tum(rgbd.raw_root)
    words = ["--raw_root", str(rgbd.raw_root), "--out_root", str(rgbd.out_root), *rgbd.flags("max_coc")]
    assert cli.main(["run", "--no_pictures", *words, "--n_sets", "1", "--workers", "1"]) == 0
    assert metadata(rgbd, "rgbd_dataset_freiburg1_xyz")["fx"] == pytest.approx(51.73)
    plain = Rgbd(rgbd.root / "plain")
    plain.add_scene("a")
    assert plain.run("--optics.footage_focal_px", "layout") == 3
    assert "no layout brought its camera" in capsys.readouterr().err


@pytest.mark.slow
def test_millimetres_and_two_words_for_one_scene_are_refused(rgbd, tmp_path, capsys):
    rgbd.add_scene("a", width=480)
    table = tmp_path / "focal.csv"
    table.write_text("scene,focal_px\na,35\n")
    assert rgbd.run("--optics.footage_focal_px", str(table)) == 3
    said = " ".join("".join(capsys.readouterr()).split())
    assert "35 px on 480 px is a view of 163 degrees" in said and "sensor width in mm" in said
    table.write_text("scene,focal_px\na,350\na,360\n")
    assert rgbd.run("--optics.footage_focal_px", str(table)) == 2
    assert "line 3: scene 'a' has another focal_px above" in " ".join("".join(capsys.readouterr()).split())
