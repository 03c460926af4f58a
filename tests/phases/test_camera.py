"""What metadata.json says of the camera, and that older scenes go on saying what they said."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.dataset.fingerprint import published_digests
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import read_record
from focusgen.dataset.scene_store import reopen


def metadata(rgbd) -> dict:
    return json.loads((rgbd.out_root / "a/metadata.json").read_text())


def bokeh(rgbd) -> np.ndarray:
    return cv2.imread(str(rgbd.out_root / "a/bokeh_renders/set_00/bokeh_0001.png"))


def settings(rgbd) -> dict:
    return read_record(rgbd.out_root / "a/bokeh_renders/.done").document["settings"]


def test_the_curve_of_the_pictures_is_stored_and_changes_them(rgbd):
    rgbd.add_scene("a")
    assert rgbd.run() == 0
    assert metadata(rgbd)["transfer"] == "gamma22" and "render.transfer" not in settings(rgbd)
    plain = bokeh(rgbd)
    assert rgbd.run("--render.transfer", "srgb", "--on_stale", "redo") == 0
    assert metadata(rgbd)["transfer"] == "srgb" and settings(rgbd)["render.transfer"] == "srgb"
    assert not np.array_equal(bokeh(rgbd), plain)


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


def make_older(rgbd) -> None:
    """Finish the scene anew as a release would that does not say the curve."""
    scene = SceneLayout(rgbd.out_root, "a")
    reopen(scene, read_record(scene.done("render")), [])
    scene.journal("render").with_name("render_notes.jsonl").write_text("")
    document = metadata(rgbd)
    del document["transfer"]
    scene.metadata_json.write_text(json.dumps(document))
    assert rgbd.run() == 0
