"""Presets: what ships can be loaded, what a person writes is merged, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.base.errors import ConfigError
from focusgen.config.shipped import CONFIG_DIR
from focusgen.focal.presets import load_preset
from focusgen.focal.records import record_of
from focusgen.focal.sources import read_record_depth

DATA_PRESETS = ("base", "hypersim", "virtual_kitti", "mixed")


@pytest.mark.parametrize("name", DATA_PRESETS)
def test_every_shipped_preset_is_a_camera_that_can_be(name):
    preset = load_preset(name)
    assert preset.name
    assert preset.focal_stack_size >= 2 and preset.width >= 64
    assert 0 < preset.focal_range_m[0] < preset.focal_range_m[1]
    assert preset.lens.focal_length_m < preset.focal_range_m[0]
    assert (CONFIG_DIR / "focal" / f"{name}.yaml").is_file()


WHOLE = """
focal_stack_size: 5
focal_range: [0.3, 10]
image_size: 512
camera: {focal_length_mm: 50, f_number: 8}
"""


def preset(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_a_file_of_one_s_own_says_everything_and_is_called_by_its_name(tmp_path):
    found = load_preset(str(preset(tmp_path, WHOLE + "depth_scale: 256\nlists:\n")))
    assert (found.name, found.focal_stack_size, found.width) == ("mine", 5, 512)
    assert found.focal_range_m == (0.3, 10.0)
    assert found.overrides == {"depth_scale": 256} and found.lists == {}


def test_a_later_base_wins_and_the_file_itself_wins_over_all(tmp_path):
    preset(tmp_path, WHOLE + "depth_kind: ray\n", "one")
    preset(tmp_path, "focal_stack_size: 7\ncamera: {f_number: 2}\n", "two")
    found = load_preset(str(preset(tmp_path, "defaults: [one, two]\nimage_size: 640\n")))
    assert (found.focal_stack_size, found.width) == (7, 640)
    assert found.lens.f_number == 2 and found.lens.focal_length_m == pytest.approx(0.05)
    assert found.overrides == {"depth_kind": "ray"}


def test_a_shipped_preset_is_a_base_like_any_other(tmp_path):
    found = load_preset(str(preset(tmp_path, "defaults: [base]\ncamera: {f_number: 2}\n")))
    assert found.lens.f_number == 2 and found.width == load_preset("base").width


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("focal_stack_sise: 5", r"unknown key focal_stack_sise; did you mean focal_stack_size\?"),
        ("defaults: base", "defaults must be a list"),
        ("defaults: [mine]", "defaults go round in a circle"),
        ("defaults: [nothing_like_it]", "nothing_like_it: no such configuration"),
        ("camera: {focal_lenght: 5}", "unknown key camera.focal_lenght"),
        ("camera: {focal_length_mm: 50}", "camera lacks focal_length_mm or f_number"),
        ("focal_range: [10, 0.3]", r"focal_range is \[10, 0\.3\], not the nearest"),
        ("focal_range: [0.3]", r"focal_range is \[0\.3\], not"),
        ("focal_range: near", "focal_range is 'near', not"),
        ("focal_range: [0.3, .nan]", "focal_range is .*not the nearest"),
        ("focal_stack_size: 0", "focal_stack_size is 0, not a whole number"),
        ("focal_stack_size: five", "focal_stack_size is 'five', not"),
        ("image_size: 512.5", "image_size is 512.5, not"),
    ],
)
def test_what_cannot_be_is_named_with_its_file(tmp_path, change, complaint):
    key = change.split(":")[0]
    kept = "\n".join(line for line in WHOLE.splitlines() if not line.startswith(f"{key}:"))
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_preset(str(preset(tmp_path, f"{kept}\n{change}\n")))
    assert "nothing_like_it" in change or f"{tmp_path}/mine.yaml" in str(caught.value)


@pytest.mark.parametrize("key", ["focal_stack_size", "focal_range", "image_size", "camera"])
def test_a_key_that_is_missing_is_named(tmp_path, key):
    kept = "\n".join(line for line in WHOLE.splitlines() if not line.startswith(f"{key}:"))
    with pytest.raises(ConfigError, match=rf"mine\.yaml: {key} (is missing|lacks)"):
        load_preset(str(preset(tmp_path, kept + "\n")))


def test_a_name_that_is_nearly_one_gets_it_told():
    with pytest.raises(ConfigError) as caught:
        load_preset("hyperism")
    assert "Did you mean hypersim?" in caught.value.advice


def test_a_preset_gives_stacks_that_are_drawn_their_camera_and_focus_and_others_only_their_depth(tmp_path):
    hypersim = load_preset("hypersim")
    drawn = hypersim.completed(record_of({"all_in_focus": "a.png", "depth": "d.npy"}, "l:1"))
    assert drawn.lens().radius_px_m(640) == pytest.approx(hypersim.lens.radius_px_m(640))
    distances_m = drawn.focus_distances_m()
    assert len(distances_m) == 9 and (distances_m[0], distances_m[-1]) == (0.2, 40.0)
    assert np.ptp(np.diff(1.0 / np.array(distances_m))) < 1e-9
    own = {"all_in_focus": "a.png", "camera": {"aperture": 8, "fx_px": 700}, "focus_distances": [1, 2]}
    said = hypersim.completed(record_of(own, "l:2"))
    assert said.lens().f_number == 8 and said.lens().focal_length_m == 0.05 and said.fx_px() == 700
    assert said.focus_distances_m() == [1.0, 2.0] and said.count("num_images", 2) == 2
    assert said.camera_values()[2] is None, "its own focal length in pixels tells the sensor"
    longer = hypersim.completed(record_of({**own, "camera": {"focal_length_mm": 85}}, "l:2"))
    assert longer.lens().focal_length_m == pytest.approx(0.085)
    taken = hypersim.completed(record_of({"focal_stack": "s", "depth": "d.npy"}, "l:3"))
    assert taken.lens() is None and taken.focus_distances_m() is None and taken.text("depth_kind") == "ray"


def test_the_curve_of_a_preset_is_that_of_stacks_that_are_drawn(tmp_path):
    text = WHOLE.replace("f_number: 8", "f_number: 8, transfer: srgb")
    drawn = {"rgb": "a.png", "depth": "d.npy"}
    for words, own, curve in (
        (WHOLE, {}, None),
        (text, {}, "srgb"),
        (text, {"transfer": "gamma22"}, "gamma22"),
    ):
        found = load_preset(str(preset(tmp_path, words)))
        assert found.completed(record_of({**drawn, "camera": own}, "l:1")).transfer() == curve
    taken = found.completed(record_of({"focal_stack": "s", "depth": "d.npy"}, "l:2"))
    assert taken.transfer() is None


def test_the_unit_of_a_preset_is_that_of_whole_numbers_and_a_line_s_own_is_that_of_both(tmp_path):
    np.save(tmp_path / "d.npy", np.full((4, 6), 3.0, np.float32))
    cv2.imwrite(str(tmp_path / "d.png"), np.full((4, 6), 768, np.uint16))
    found = load_preset(str(preset(tmp_path, WHOLE + "depth_scale: 256\n")))
    for name, own, metres in (("d.npy", {}, 3.0), ("d.png", {}, 3.0), ("d.npy", {"depth_scale": 2}, 1.5)):
        record = found.completed(record_of({"rgb": "a.png", "depth": name, **own}, "l:1"))
        assert (read_record_depth(record, tmp_path / name) == metres).all(), (name, own)
