"""A stack of a list with its truth: in order, drawn where there are no slices, refused where it cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.focal.light import decode_srgb
from focusgen.focal.opened import open_stack
from focusgen.focal.records import record_of
from focusgen.focal.roots import Roots
from focusgen.focal.samples import load_sample, usable_depth
from focusgen.focal.slice_files import stack_of_folder
from focusgen.focal.told_lens import LensFlags
from focusgen.media.picture_files import EXIF_IFD, FOCAL_LENGTH_35MM, FOCAL_LENGTH_MM
from focusgen.optics.transfer import display_values, linear_light
from tests.focal.stacks import truth

HEIGHT, WIDTH = 24, 32
CAMERA = {"focal_length_mm": 50, "f_number": 8, "sensor_width_mm": 3.6}

LONG_LENS = {"focal_length_mm": 135, "f_number": 2}


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "s").mkdir()
    texture = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 1.0)
    for n in range(3):
        cv2.imwrite(str(tmp_path / "s" / f"{n}.png"), texture // (n + 1))
    cv2.imwrite(str(tmp_path / "aif.png"), texture)
    np.save(tmp_path / "d.npy", np.full((HEIGHT, WIDTH), 1.0, np.float32))
    np.save(tmp_path / "small.npy", np.ones((HEIGHT, WIDTH - 1), np.float32))
    return tmp_path


def sample(disk: Path, **values: Any):
    record = record_of({"camera": CAMERA, **values}, "l.jsonl:3")
    return load_sample(record, Roots(), disk)


def test_slices_are_sorted_from_near_to_far_with_their_distances(disk):
    found = sample(disk, focal_stack="s", focus_distances=[2.0, "inf", 0.5], name="one")
    assert found.name == "one" and found.stack.diopters.tolist() == [2.0, 0.5, 0.0]
    assert found.stack.slices.shape == (3, HEIGHT, WIDTH, 3)
    assert found.stack.radius_px_m == pytest.approx(0.05**2 / 16 * WIDTH / 0.0036)
    assert found.true_m is None and found.aif is None and found.is_drawn


@pytest.mark.slow
@pytest.mark.parametrize("formula", [None, "paper", "exact"])
@pytest.mark.parametrize("is_turned", [False, True])
def test_the_gain_of_a_sample_is_that_of_infer(tmp_path: Path, formula: str | None, is_turned: bool):
    traced = truth("handheld")
    (tmp_path / "s").mkdir()
    for n, pixels in enumerate(traced.slices):
        shown = np.rot90(pixels) if is_turned else pixels
        cv2.imwrite(str(tmp_path / "s" / f"{n}.png"), shown[..., ::-1])
    camera = {"focal_length_mm": 50, "f_number": 2, **({"formula": formula} if formula else {})}
    found = sample(tmp_path, focal_stack="s", focus_distances=traced.distances_m, camera=camera)
    opened = open_stack(
        stack_of_folder(tmp_path / "s"),
        traced.distances_m,
        LensFlags(50, 2, formula=formula or "auto"),
        most_pixels=10**6,
        aligns=True,
        progress=lambda what, part: None,
    )
    assert found.stack.radius_px_m == pytest.approx(opened.stack.radius_px_m, rel=1e-9)
    reference_m = traced.distances_m[2]
    breathing = 1.0 if formula == "paper" else reference_m / (reference_m - 0.05)
    assert found.stack.radius_px_m == pytest.approx(0.05**2 / 4 * 320 / 0.036 * breathing, rel=1e-6)


@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("said_mm", [None, 24.0])
def test_a_sensor_that_exif_tells_is_that_of_infer(tmp_path: Path, said_mm: float | None, is_turned: bool):
    notes = Image.Exif()
    notes.get_ifd(EXIF_IFD).update({FOCAL_LENGTH_MM: 25.0, FOCAL_LENGTH_35MM: 52})
    (tmp_path / "s").mkdir()
    texture = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    for n in range(3):
        shown = cv2.GaussianBlur(np.rot90(texture) if is_turned else texture, (0, 0), 0.5 + n)
        Image.fromarray(shown).save(tmp_path / "s" / f"{n}.png", exif=notes.tobytes())
    camera = {"focal_length_mm": 25, "f_number": 2, **({"sensor_width_mm": said_mm} if said_mm else {})}
    record = {"focal_stack": "s", "focus_distances": [1, 2, 3], "camera": {**camera, "formula": "paper"}}
    opened = open_stack(
        stack_of_folder(tmp_path / "s"),
        [1, 2, 3],
        LensFlags(25, 2, said_mm, "paper"),
        most_pixels=10**6,
        aligns=True,
        progress=lambda what, part: None,
    )
    assert sample(tmp_path, **record).stack.radius_px_m == pytest.approx(opened.stack.radius_px_m, rel=1e-9)


def test_a_focal_length_in_pixels_tells_the_sensor_whether_slices_are_there_or_drawn(disk):
    camera = {"focal_length_mm": 5, "f_number": 2, "fx_px": 1.25 * WIDTH}  # 4 mm
    there = {"focal_stack": "s", "focus_distances": [1, 2, 3]}
    drawn = {"aif": "aif.png", "depth": "d.npy", "focus_distances": [1, 2, 3]}
    for record in (there, drawn):
        found, said = (
            sample(disk, **record, camera={**camera, "formula": "paper", **more}).stack.radius_px_m
            for more in ({}, {"sensor_width_mm": 4})
        )
        assert found == pytest.approx(said) == pytest.approx(5e-3**2 / 4.0 * WIDTH / 4e-3)
    with pytest.raises(ConfigError, match=r"camera\.fx_px: sensor width"):
        sample(disk, **there, camera={**camera, "fx_px": 1e6})


def test_truth_comes_along(disk):
    found = sample(disk, focal_stack="s", focus_distances=[1, 2, 3], depth="d.npy", aif="aif.png")
    assert (found.true_m == 1.0).all() and found.aif.shape == (HEIGHT, WIDTH, 3) and found.name == "s"


def test_twelve_bits_in_sixteen_are_brightened_with_their_sharp_picture(disk):
    for path in [*(disk / "s").iterdir(), disk / "aif.png"]:
        cv2.imwrite(str(path), np.minimum(cv2.imread(str(path)).astype(np.uint16) * 16, 4095))
    found = sample(disk, focal_stack="s", focus_distances=[1, 2, 3], aif="aif.png")
    np.testing.assert_array_equal(found.aif, cv2.imread(str(disk / "aif.png"), -1)[..., ::-1] << 4)
    assert found.stack.slices.max() > 2 * 4095


def test_a_picture_with_depth_is_drawn_sharp_where_focus_is(disk):
    found = sample(disk, rgb="aif.png", depth="d.npy", focus_distances=[0.5, 1.0, 4.0])
    np.testing.assert_array_equal(found.stack.slices[1], found.aif)
    assert np.abs(found.stack.slices[0].astype(int) - found.aif).mean() > 1
    assert found.name == "l.jsonl:3"


def test_a_stack_is_drawn_by_the_curve_that_its_camera_says(disk):
    """White beside black, blurred to the half: in linear light that is level 186 or 188 of 255."""
    cv2.imwrite(
        str(disk / "edge.png"), np.where(np.arange(WIDTH) < WIDTH // 2, 0, 255)[None].repeat(HEIGHT, 0)
    )
    drawn = {"rgb": "edge.png", "depth": "d.npy", "focus_distances": [0.5, 1.0]}
    plain, srgb = (sample(disk, **drawn, camera=CAMERA | more) for more in ({}, {"transfer": "srgb"}))
    shown = display_values(linear_light(plain.stack.slices[0] / 255.0, "gamma22"), "srgb")
    assert (plain.stack.slices[0] != srgb.stack.slices[0]).any()
    np.testing.assert_allclose(srgb.stack.slices[0], 255.0 * shown, atol=1.5)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_slices_and_pictures_in_linear_light_are_looked_at_as_displays_show_them(disk, bits):
    given = {"focal_stack": "s", "focus_distances": [1, 2, 3], "rgb": "aif.png", "depth": "d.npy"}
    shown = sample(disk, **given)
    drawn = {"generate_focal_stack": True, **given}
    shown_drawn = sample(disk, **drawn, camera=CAMERA | {"transfer": "srgb"})
    peak = 2**bits - 1
    for path in [*(disk / "s").iterdir(), disk / "aif.png"]:
        light = np.rint(peak * decode_srgb(cv2.imread(str(path)).astype(np.float32) / 255.0))
        cv2.imwrite(str(path), light.astype(np.uint8 if bits == 8 else np.uint16))
    camera = CAMERA | {"transfer": "linear"}
    for found, true in (
        (sample(disk, **given, camera=camera), shown),
        (sample(disk, **drawn, camera=camera), shown_drawn),
    ):
        # The darkest of 8 bits are steps of 13 levels; the brightest slice of 12 bits may use less than all.
        allowed = 7.0 if bits == 8 else 1.0
        np.testing.assert_allclose(found.aif / 257.0, true.aif, atol=allowed)
        np.testing.assert_allclose(found.stack.slices / 257.0, true.stack.slices, atol=allowed)


def test_the_sky_of_virtual_kitti_is_drawn_far_and_judges_nothing(disk):
    depth_cm = np.full((HEIGHT, WIDTH), 1000, np.uint16)
    depth_cm[:8] = 65535
    cv2.imwrite(str(disk / "d.png"), depth_cm)
    drawn = {"rgb": "aif.png", "depth": "d.png", "focus_distances": [10.0, 600.0]}
    found = sample(disk, **drawn, depth_dataset="virtual_kitti", camera=CAMERA | LONG_LENS)
    assert np.isnan(found.true_m[:8]).all() and (found.true_m[8:] == 10.0).all()
    near, far = (np.abs(one.astype(int) - found.aif).mean((1, 2)) for one in found.stack.slices)
    assert near[2] > far[2] and near[20] < far[20]


def test_a_generative_renderer_s_slices_are_not_taken_for_a_lens_s(disk):
    slices = {"focal_stack": "s", "focus_distances": [1, 2, 3]}
    assert not sample(disk, **slices, source="bokeh").is_drawn
    assert sample(disk, **slices, source="vkitti").is_drawn
    assert sample(disk, rgb="aif.png", depth="d.npy", focus_distances=[1, 2], source="bokeh").is_drawn


@pytest.mark.parametrize(
    ("values", "error", "why"),
    [
        ({"focal_stack": "s"}, ConfigError, "focus_distances is missing"),
        ({"focal_stack": "s", "focus_distances": [1, 2]}, ConfigError, "3 slices, 2 focus distances"),
        (
            {"rgb": "aif.png", "focus_distances": [1, 2]},
            ConfigError,
            "drawing a stack needs all_in_focus and depth",
        ),
        (
            {"focal_stack": "s", "focus_distances": [1, 2, 3], "camera": None},
            ConfigError,
            "camera is missing",
        ),
        (
            {"focal_stack": "s", "focus_distances": [1, 2, 3], "depth": "small.npy"},
            CorruptInputError,
            "depth is 31x24, the slices 32x24",
        ),
        (
            {"rgb": "aif.png", "depth": "small.npy", "focus_distances": [1, 2]},
            CorruptInputError,
            "depth is 31x24",
        ),
    ],
)
def test_what_is_missing_or_does_not_fit_is_named_with_its_line(disk, values, error, why):
    with pytest.raises(error, match=rf"l\.jsonl:3: .*{why}"):
        sample(disk, **values)


def test_millimetres_that_say_no_unit_teach_and_judge_nothing(disk):
    with pytest.raises(
        ConfigError, match=r"l.jsonl:3: from 500 to 2000 m this lens' blur changes by 0.0021 px"
    ):
        sample(disk, focal_stack="s", focus_distances=[500, 1000, 2000])
    assert sample(disk, focal_stack="s", focus_distances="500mm,1000mm,2000mm").stack.diopters[0] == 2.0


def test_a_sharp_picture_of_another_size_is_named_too(disk):
    cv2.imwrite(str(disk / "large.png"), np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(CorruptInputError, match="all_in_focus is 64x48, the slices 32x24"):
        sample(disk, focal_stack="s", focus_distances=[1, 2, 3], aif="large.png")


def test_a_hole_takes_the_depth_of_the_nearest_pixel_and_the_rest_stays():
    depth = np.array([[1.0, np.nan, 0.0, 4.0], [1.0, 1.0, -2.0, np.inf]], np.float32)
    found = usable_depth(depth, (2, 4), "d.npy")
    np.testing.assert_array_equal(found[:, 0], [1.0, 1.0])
    assert found[0, 3] == found[1, 3] == found[0, 2] == 4.0 and found[0, 1] == 1.0
    assert np.isnan(depth[0, 1])  # the truth itself keeps its holes


def test_depth_of_nothing_or_of_another_size_is_refused():
    with pytest.raises(CorruptInputError, match="no pixel has a depth > 0"):
        usable_depth(np.zeros((2, 3), np.float32), (2, 3), "d.npy")
    with pytest.raises(CorruptInputError, match="depth is 3x2, the picture 2x3"):
        usable_depth(np.ones((2, 3), np.float32), (3, 2), "d.npy")


@pytest.mark.parametrize("is_drawn", [False, True])
def test_a_sharp_picture_of_floats_is_linear_light_whatever_the_slices_are(disk, is_drawn):
    import OpenEXR

    given = {
        "focal_stack": "s",
        "focus_distances": [1, 2, 3],
        "depth": "d.npy",
        "generate_focal_stack": is_drawn,
    }
    shown = sample(disk, **given, rgb="aif.png", camera=CAMERA | {"transfer": "srgb"})
    light = decode_srgb(cv2.imread(str(disk / "aif.png"))[..., ::-1].astype(np.float32) / 255.0)
    channels = {colour: light[..., n].copy() for n, colour in enumerate("RGB")}
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, channels) as file:
        file.write(str(disk / "aif.exr"))
    found = sample(disk, **given, rgb="aif.exr")
    np.testing.assert_allclose(found.aif / 257.0, shown.aif, atol=0.5)
    largest = np.iinfo(found.stack.slices.dtype).max
    np.testing.assert_allclose(found.stack.slices / (largest / 255), shown.stack.slices, atol=1.0)
