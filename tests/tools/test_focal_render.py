"""A stack on disk from one picture with depth: its slices, its truth, and a record that can be read again."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.focal.records import record_of
from focusgen.focal.roots import Roots
from focusgen.focal.samples import load_sample
from focusgen.focal.stack import StackLens
from focusgen.tools.focal_render import SharpView, stack_document, write_stack
from tests.small import DEAD_PID

HEIGHT, WIDTH = 24, 36
LENS = StackLens(0.05, 4.0, 0.0064)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    texture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "rgb.png"), cv2.GaussianBlur(texture, (0, 0), 1.0))
    np.save(tmp_path / "d.npy", np.full((HEIGHT, WIDTH), 1.0, np.float32))
    return tmp_path


def written(
    disk: Path, distances_m: Any = (0.5, 1.0, math.inf), depth: str = "d.npy", **options: Any
) -> list[str]:
    lens = options.pop("lens", LENS)
    outside = {key: options.pop(key) for key in ("device", "note") if key in options}
    view = SharpView(disk / "rgb.png", disk / depth, **options)
    paths = write_stack(view, distances_m, lens, disk / "out" / "s", **outside)
    return [path.name for path in paths]


def test_slices_truth_and_lens_are_written_and_the_focus_plane_is_sharp(disk):
    names = written(disk)
    assert names == ["slice_00.png", "slice_01.png", "slice_02.png", "stack.json"]
    out = disk / "out" / "s"
    pictures = [cv2.imread(str(out / name)).astype(int) for name in (*names[:3], "aif.png")]
    np.testing.assert_array_equal(pictures[1], pictures[3])
    assert all(np.abs(pictures[k] - pictures[3]).mean() > 1 for k in (0, 2))
    assert (np.load(out / "depth.npy") == 1.0).all()


def test_what_was_written_is_a_record_of_the_same_stack(disk):
    written(disk, sensor_width_m=0.02)
    document = json.loads((disk / "out" / "s" / "stack.json").read_text())
    found = load_sample(record_of(document, "stack.json"), Roots(), disk / "out" / "s")
    assert found.stack.diopters.tolist() == [2.0, 1.0, 0.0]
    assert found.stack.radius_px_m == pytest.approx(StackLens(0.05, 4.0, 0.02).radius_px_m(WIDTH))
    assert (found.true_m == 1.0).all() and found.aif.shape == (HEIGHT, WIDTH, 3)


def test_a_sensor_lies_along_the_long_side_of_a_picture(disk):
    cv2.imwrite(str(disk / "rgb.png"), np.zeros((WIDTH, HEIGHT, 3), np.uint8))
    np.save(disk / "d.npy", np.ones((WIDTH, HEIGHT), np.float32))
    written(disk)
    camera = json.loads((disk / "out" / "s" / "stack.json").read_text())["camera"]
    assert camera["sensor_width_mm"] == pytest.approx(6.4 * HEIGHT / WIDTH)


def test_infinity_is_a_word_that_json_can_hold():
    document = stack_document(["a.png", "b.png"], [1.0, math.inf], LENS)
    assert json.loads(json.dumps(document, allow_nan=False))["focus_distances"] == [1.0, "inf"]


def test_holes_are_drawn_and_stay_unknown_and_floats_are_metres_whatever_the_scale(disk):
    depth = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    depth[3:6, 3:6] = np.nan
    np.save(disk / "h.npy", depth)
    said: list[str] = []
    written(disk, depth="h.npy", depth_scale=1000.0, note=said.append)
    truth_m = np.load(disk / "out" / "s" / "depth.npy")
    assert np.isnan(truth_m[3:6, 3:6]).all() and np.isnan(truth_m).sum() == 9
    assert np.nanmin(truth_m) == np.nanmax(truth_m) == 2.0
    assert len(said) == 1 and "h.npy: 1.0% of it is unknown" in said[0]
    drawn = (disk / "out" / "s" / "slice_00.png").read_bytes()
    np.save(disk / "whole.npy", np.full((HEIGHT, WIDTH), 2.0, np.float32))
    written(disk, depth="whole.npy")
    assert (disk / "out" / "s" / "slice_00.png").read_bytes() == drawn


@pytest.mark.parametrize(("kind", "mark"), [(np.uint16, 65535), (np.float32, 1e10)])
def test_marks_that_look_like_far_away_are_said(disk, kind, mark):
    depth = np.full((HEIGHT, WIDTH), 2000 if kind is np.uint16 else 2.0, kind)
    depth[:3] = mark
    np.save(disk / "far.npy", depth)
    said: list[str] = []
    written(disk, depth="far.npy", note=said.append)
    assert len(said) == 1 and "12.5% of it lies at up to" in said[0] and "write 0 or nan" in said[0]


def test_names_that_say_something_else_are_said(disk):
    depth = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    np.save(disk / "disp0.npy", depth)
    with h5py.File(disk / "frame.0000.depth_meters.hdf5", "w") as file:
        file["dataset"] = depth
    cv2.imwrite(str(disk / "depth_00001.png"), np.full((HEIGHT, WIDTH), 1500, np.uint16))
    for name, words in (
        ("disp0.npy", "named like disparity or inverse depth, but read as depth"),
        ("frame.0000.depth_meters.hdf5", "along the rays, but read as depth along the axis"),
        ("depth_00001.png", "read as millimetres. Named like Virtual KITTI 2 (100 per metre)"),
    ):
        said: list[str] = []
        written(disk, depth=name, note=said.append)
        assert len(said) == 1 and f"{name}: " in said[0] and words in said[0]
    said = []
    written(disk, depth="depth_00001.png", depth_scale=100.0, note=said.append)
    assert said == []


def test_what_is_advised_of_a_file_fits_a_command_without_data_set(disk):
    np.savez(disk / "two.npz", a=np.ones((HEIGHT, WIDTH)), b=np.ones((HEIGHT, WIDTH)))
    with pytest.raises(CorruptInputError, match=r"two\.npz: it holds a, b") as caught:
        written(disk, depth="two.npz")
    assert caught.value.advice.startswith("Give a file of this one map alone")
    (disk / "junk.npy").write_bytes(b"junk")
    with pytest.raises(CorruptInputError, match=r"junk\.npy: ") as caught:
        written(disk, depth="junk.npy")
    assert caught.value.advice == "Replace the file."
    (disk / "rgb.png").write_bytes(b"junk")
    with pytest.raises(CorruptInputError, match=r"unreadable picture .*rgb\.png") as caught:
        written(disk)
    assert caught.value.advice == "Replace the file."


@pytest.mark.parametrize(
    ("distances_m", "depth", "error", "why"),
    [
        ((1.0,), "d.npy", ConfigError, "at least 2 slices"),
        ((1.0, 1.0), "d.npy", ConfigError, "duplicate focus distance"),
        ((0.04, 1.0), "d.npy", ConfigError, "not beyond the focal length"),
        ((1.0, 2.0), "none.npy", ConfigError, r"none\.npy: no such file"),
        ((1.0, 2.0), "rgb.webp", ConfigError, r"rgb\.webp: depth is read from"),
        ((1.0, 2.0), "small.npy", CorruptInputError, "depth is 35x24, the picture 36x24"),
        ((1.0, 2.0), "zero.npy", CorruptInputError, "no pixel has a depth > 0"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(disk, distances_m, depth, error, why):
    np.save(disk / "small.npy", np.ones((HEIGHT, WIDTH - 1), np.float32))
    np.save(disk / "zero.npy", np.zeros((HEIGHT, WIDTH), np.float32))
    (disk / "rgb.webp").touch()
    with pytest.raises(error, match=why):
        written(disk, distances_m, depth)
    assert not (disk / "out").exists()


def test_slices_of_an_earlier_call_do_not_stay_beside_fewer_new_ones(disk):
    written(disk)
    (disk / "out" / "s" / f".slice_02.png.{DEAD_PID}.tmp").touch()
    written(disk, (0.5, 1.0))
    assert not list((disk / "out" / "s").glob(".*"))
    assert sorted(path.name for path in (disk / "out" / "s").glob("slice_*")) == [
        "slice_00.png",
        "slice_01.png",
    ]
    (disk / "out" / "s" / "stack.json").unlink()
    cv2.imwrite(str(disk / "out" / "s" / "slice_07.png"), np.zeros((4, 4, 3), np.uint8))
    written(disk, (0.5, 1.0))
    assert (disk / "out" / "s" / "slice_07.png").exists()  # not known to be ours


def test_nothing_is_written_over_what_is_read_and_a_refused_call_changes_nothing(disk):
    written(disk)
    out = disk / "out" / "s"
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    for options, said in (
        ({"depth": "out/s/depth.npy"}, r"out/s/depth\.npy would be written over"),
        ({"device": "gpu"}, "--device gpu"),
    ):
        with pytest.raises(ConfigError, match=said):
            written(disk, (0.5, 1.0), **options)
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    slices = write_stack(SharpView(out / "slice_00.png", disk / "d.npy"), (0.5, 1.0), LENS, out)
    with pytest.raises(ConfigError, match=r"slice_00\.png would be written over"):
        next(slices)


def test_the_sky_is_far_away_and_holes_are_unknown(disk):
    depth_m = np.full((HEIGHT, WIDTH), 1.0, np.float32)
    depth_m[0], depth_m[-1] = np.inf, np.nan
    np.save(disk / "sky.npy", depth_m)
    written(disk, depth="sky.npy")
    drawn_m = np.load(disk / "out" / "s" / "depth.npy")
    assert (drawn_m[0] == 1000.0).all() and (drawn_m[1:-1] == 1.0).all() and np.isnan(drawn_m[-1]).all()


def test_depth_that_is_hardly_metres_is_said(disk):
    np.save(disk / "mm.npy", np.full((HEIGHT, WIDTH), 1500.0, np.float32))
    said: list[str] = []
    written(disk, note=said.append)
    assert said == []
    written(disk, depth="mm.npy", note=said.append)
    assert len(said) == 1 and "mm.npy: the median depth is 1500 m" in said[0]
    np.save(disk / "cm.npy", np.full((HEIGHT, WIDTH), 150.0, np.float32))
    written(disk, (1.0, 3.0), depth="cm.npy", note=said.append)
    assert len(said) == 2 and "depth (150 to 150 m) lies outside the focus distances (1 to 3 m)" in said[1]


def test_blur_that_is_drawn_smaller_than_the_lens_would_is_said(disk):
    said: list[str] = []
    written(disk, note=said.append)
    assert said == []
    written(disk, (0.3, 1.0, 2.0), note=said.append)
    assert len(said) == 1
    assert said[0].startswith("1 of 3 slices would blur by more than a tenth of the width, in up to 100.0%")
