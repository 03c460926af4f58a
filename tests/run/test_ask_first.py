"""What will be missing later is said before the first frame is decoded: the frames here could not be."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from focusgen import cli, config
from focusgen.base.errors import ConfigError
from focusgen.config import GRAPH
from focusgen.run.ahead import scenes_ahead
from focusgen.run.selection import Selection
from tests.layouts import planar_m, tum
from tests.small import entry, write_index


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Two scenes of frames that nobody could decode, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for scene in ("a", "b"):
        (tmp_path / "raw" / scene).mkdir(parents=True)
        for number in range(16):
            (tmp_path / "raw" / scene / f"{number:04d}.png").write_bytes(b"not a picture")
    return tmp_path


def refusal(capsys, *words: str) -> str:
    assert cli.main(["run", "--raw_root", "raw", "--out_root", "out", *words]) == 2
    return capsys.readouterr().err


def test_the_networks_of_davis_are_asked_for_at_once_each_with_its_command(here, capsys):
    text = refusal(capsys, "--config", "davis")
    assert "8 things are missing; nothing was started" in text and text.count("    -> ") == 8
    for command in (
        "focusgen weights fetch deblurnet --dest .",
        "focusgen weights fetch bokehnet --dest .",
        "focusgen weights fetch vda-vitl --dest checkpoints",
        "focusgen weights fetch flux --dest checkpoints/flux, and then --render.model_id checkpoints/flux",
        "focusgen weights prompts --model_id black-forest-labs/FLUX.1-dev",
        "--device cpu",
    ):
        assert command in text
    assert not (here / "out").exists()


def test_no_folder_of_depth_is_said_first_and_so_is_one_that_holds_nothing(here, capsys):
    assert "no folder of depth is given\nGive --depth_root" in refusal(capsys)
    assert "--depth_root deep: no such folder" in refusal(capsys, "--depth_root", "deep")
    (here / "deep" / "other").mkdir(parents=True)
    assert "holds no depth for any of 2 scenes: a, b" in refusal(capsys, "--depth_root", "deep")


def test_a_recording_in_tums_form_is_asked_for_its_unit_before_anything_is_decoded(here, capsys):
    """Of 2 m in millimetres nobody would notice 0.4 m: the numbers are whole either way."""
    shutil.rmtree(here / "raw")
    tum(here / "raw")
    folder = here / "raw" / "my_desk"
    (here / "raw" / "rgbd_dataset_freiburg1_xyz").rename(folder)
    for frame, path in enumerate(sorted((folder / "depth").iterdir())):
        cv2.imwrite(str(path), np.rint(planar_m(frame) * 1000).astype(np.uint16))
    text = refusal(capsys, "--min_frames", "2")
    assert "nobody says of which unit" in text and "--depth_scale 1000 (millimetres)" in text
    assert not (here / "out").exists()


def test_whole_numbers_without_a_unit_are_asked_for_by_what_they_are_named_like(here, capsys):
    for scene in ("a", "b"):
        (here / "deep" / scene).mkdir(parents=True)
        path = here / "deep" / scene / "1305031102.175304.png"
        cv2.imwrite(str(path), np.full((4, 4), 5000, np.uint16))
    text = refusal(capsys, "--depth_root", "deep")
    assert "nobody says of which unit" in text and "--depth.unit mm" in text
    assert "Named like TUM RGB-D (5000 per metre): say --depth_scale 5000 if it is" in text
    assert "--layout tum" in text


def test_an_output_that_cannot_be_written_is_said_together_with_the_rest(here, capsys):
    (here / "out").write_text("a file")
    text = refusal(capsys)
    assert "2 things are missing" in text and "a file, not a folder" in text and "--depth_root" in text


def test_a_phase_alone_asks_only_for_its_own(here, capsys):
    from focusgen.cli import phase_main

    words = ["--raw_root", "raw", "--out_root", "out", "--config", "davis"]
    assert phase_main("index", "Phase 1.", words) in (0, 3), "phase 1 needs no weights"
    capsys.readouterr()


def test_a_unit_is_a_scale_that_holds_for_floats_too():
    depth = config.load(None, {"depth.unit": "mm"}).depth
    assert (depth.depth_scale, depth.scale_floats, depth.unit) == (1000.0, True, None)
    with pytest.raises(ConfigError, match=r"unit mm is 1000 per metre, but depth_scale says 5000"):
        config.load(None, {"depth.unit": "mm", "depth.depth_scale": 5000})


def test_one_scene_without_a_unit_is_warned_of_and_what_is_nearly_there_is_told(here, capsys):
    for scene, ending in (("a", "npy"), ("b", "png")):
        (here / "deep" / scene).mkdir(parents=True)
        path = here / "deep" / scene / f"0000.{ending}"
        np.save(path, np.ones((4, 4), np.float32)) if ending == "npy" else cv2.imwrite(
            str(path), np.full((4, 4), 5000, np.uint16)
        )
    cli.main(["run", "--raw_root", "raw", "--out_root", "out", "--depth_root", "deep"])
    told = capsys.readouterr().err
    assert "warning: deep/b/0000.png: whole numbers (uint16), and nobody says" in told
    assert "(1 of 2 scenes that were looked at will fail)" in told
    shutil.rmtree("out")
    (here / "deep" / "b").rename(here / "deep" / "B")
    (here / "deep" / "a").rename(here / "deep" / "a_depth")
    assert "(there is a_depth/)" in refusal(capsys, "--depth_root", "deep")


def test_tables_and_masks_that_lenses_need_are_asked_for_too(here, capsys):
    (here / "deep" / "a").mkdir(parents=True)
    (here / "focal.csv").write_text("scene;focal_px\na;900\n")
    lens = ("--lens.motion", "track", "--mask_root", "Annotations", "--optics.footage_focal_px", "focal.csv")
    text = refusal(capsys, "--depth_root", "deep", *lens)
    assert "--mask_root Annotations: no such folder" in text
    assert "focal.csv: the first line must be 'scene,focal_px'" in text


def test_a_scene_that_phase_1_will_add_may_be_asked_for_and_a_slip_is_told_what_there_is(rgbd, capsys):
    for name in ("a", "b"):
        rgbd.add_scene(name)
    cfg = rgbd.config()
    assert scenes_ahead(cfg, tuple(GRAPH), Selection(scenes=["b"])).scene_ids == ["b"]
    write_index(rgbd.out_root, {"a": entry(4)})
    assert scenes_ahead(cfg, tuple(GRAPH), Selection(scenes=["b", "a"])).scene_ids == ["a", "b"]
    with pytest.raises(ConfigError, match="no scene 'c' in the index, nor below") as refused:
        scenes_ahead(cfg, tuple(GRAPH), Selection(scenes=["a", "c"]))
    assert refused.value.advice == "Scenes are a, b."


@pytest.mark.parametrize(
    ("asked", "advice"),
    [
        ("raw/a/", "Did you mean a?"),
        ("b", "Quotes keep a comma in a name: '\"b,c\"'"),
        ("x", "Scenes are a, b,c."),
    ],
)
def test_a_path_and_a_name_that_was_cut_at_its_comma_are_led_to_the_scene(rgbd, asked, advice):
    rgbd.add_scene("a")
    write_index(rgbd.out_root, {"a": entry(4), "b,c": entry(4)})
    with pytest.raises(ConfigError) as refused:
        scenes_ahead(rgbd.config(), tuple(GRAPH), Selection(scenes=[asked]))
    assert refused.value.advice == advice
