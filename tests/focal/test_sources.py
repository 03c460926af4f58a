"""Records opened: their files, as many slices as are asked for, and depth as planar metres."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.focal.records import record_of
from focusgen.focal.roots import Roots
from focusgen.focal.sources import (
    open_record,
    planar_depth,
    read_record_depth,
    record_distances_m,
    spread,
)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A stack of nine slices beside its truth, and depth in files of its own."""
    (tmp_path / "my stack").mkdir()
    for n in range(9):
        cv2.imwrite(str(tmp_path / "my stack" / f"slice_{n + 1}.png"), np.full((4, 6, 3), n, np.uint8))
    cv2.imwrite(str(tmp_path / "rgb.png"), np.zeros((4, 6, 3), np.uint8))
    np.save(tmp_path / "d.npy", np.arange(1.0, 25.0, dtype=np.float32).reshape(4, 6))
    return tmp_path


def opened(disk: Path, **values: Any):
    record = record_of(values, "l.jsonl:1")
    return record, open_record(record, Roots(), disk)


def numbers(paths: tuple[Path, ...]) -> list[int]:
    return [int(path.stem.split("_")[1]) for path in paths]


ALL = [f"my stack/slice_{n}.png" for n in range(1, 10)]


@pytest.mark.parametrize("where", [{"focal_stack": "my stack"}, {"slices": ALL}])
def test_a_subset_takes_its_slices_and_their_distances_alike(disk, where):
    distances = [0.1 * n for n in range(1, 10)]
    record, found = opened(disk, **where, num_images=5, focus_distances=distances)
    assert found.files is not None and found.n_on_disk == 9
    assert numbers(found.files.paths) == [1, 3, 5, 7, 9]
    assert record_distances_m(record, found.n_on_disk) == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])


def test_a_stack_that_is_to_be_drawn_leaves_its_slices_and_may_say_a_range(disk):
    said = {"focal_stack": "my stack", "all_in_focus": "rgb.png", "generate_focal_stack": True}
    record, found = opened(disk, **said, focus_range=[0.5, "inf"], num_images=3)
    assert found.files is None and record_distances_m(record, found.n_on_disk) == [0.5, 1.0, float("inf")]
    record, found = opened(disk, **said, focus_distances=[1, 2, 3, 4, 5], num_images=3)
    assert record_distances_m(record, found.n_on_disk) == [1.0, 3.0, 5.0]
    for wrong in ({"focus_range": [2, 1], "num_images": 3}, {"focus_distances": [1, 2], "num_images": 3}):
        with pytest.raises(ConfigError, match="l.jsonl:1: (focus_range is not|num_images is 3, there are 2)"):
            record, found = opened(disk, **said, **wrong)
            record_distances_m(record, found.n_on_disk)
    with pytest.raises(ConfigError, match="all_in_focus is missing, of which the stack is to be drawn"):
        opened(disk, focal_stack="my stack", generate_focal_stack=True)


@pytest.mark.parametrize(("name", "called"), [(None, "my stack"), ("", "my stack"), ("bear", "bear")])
def test_a_stack_without_a_name_is_called_as_its_folder(disk, name, called):
    _, found = opened(disk, focal_stack="my stack", name=name)
    assert found.files is not None and found.files.name == called


def test_distances_that_are_those_of_the_subset_stay(disk):
    record, found = opened(disk, focal_stack="my stack", num_images=3, focus_distances=[1, 2, 3])
    assert record_distances_m(record, found.n_on_disk) == [1.0, 2.0, 3.0]


def test_more_slices_than_there_are_is_refused(disk):
    with pytest.raises(ConfigError, match=r"l\.jsonl:1: num_images is 10, there are 9 slices"):
        opened(disk, focal_stack="my stack", num_images=10)


def test_a_name_is_the_record_s_or_the_folder_s(disk):
    assert opened(disk, focal_stack="my stack")[1].files.name == "my stack"
    assert opened(disk, focal_stack="my stack", name="one")[1].files.name == "one"
    assert opened(disk, slices=ALL)[1].files.name == "my stack"
    assert opened(disk, slices=ALL, name="two")[1].files.name == "two"


def test_a_picture_with_depth_has_no_slices(disk):
    _, found = opened(disk, rgb="rgb.png", depth="d.npy")
    assert (found.files, found.n_on_disk) == (None, 0)
    assert (found.all_in_focus, found.depth) == (disk / "rgb.png", disk / "d.npy")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"depth": "d.npy"}, "neither focal_stack nor all_in_focus"),
        ({"focal_stack": "none"}, r"focal_stack none does not exist \(looked at .*/none\)"),
        ({"slices": [ALL[0], "gone.png"]}, r"focal_stack gone\.png does not exist"),
        ({"focal_stack": "rgb.png"}, r"focal_stack .*rgb\.png is a file, not the folder"),
        (
            {"rgb": "rgb.png", "depth": "${NOWHERE_SET}/d.npy"},
            r"depth .* \(looked at nowhere: a variable is not set\)",
        ),
    ],
)
def test_what_is_not_there_is_named_with_where_it_was_looked_for(disk, values, complaint, monkeypatch):
    monkeypatch.delenv("NOWHERE_SET", raising=False)
    with pytest.raises(ConfigError, match=rf"l\.jsonl:1: {complaint}"):
        opened(disk, **values)


@pytest.mark.parametrize("n_all", [2, 5, 9, 30])
def test_a_spread_rises_keeps_both_ends_and_has_no_place_twice(n_all):
    for n in range(2, n_all + 1):
        places = spread(n_all, n)
        assert places == sorted(set(places)) and len(places) == n
        assert places[0] == 0 and places[-1] == n_all - 1
        assert max(np.diff(places)) - min(np.diff(places)) <= 1


# --- depth ---------------------------------------------------------------------------------------------


def depth(disk: Path, file: str = "d.npy", **values: Any) -> np.ndarray:
    return read_record_depth(record_of({"depth": file, **values}, "l.jsonl:1"), disk / file)


def test_floats_are_metres_unless_a_scale_is_stated(disk):
    assert depth(disk)[0, 0] == 1.0
    assert depth(disk, source="vkitti")[0, 0] == 1.0  # what its whole numbers mean says nothing of floats
    assert depth(disk, depth_scale=2)[0, 1] == 1.0


@pytest.mark.parametrize(
    ("values", "metres"),
    [
        ({}, 1.234),
        ({"source": "Virtual_KITTI"}, 12.34),
        ({"depth_scale": 256}, 1234 / 256),
        ({"depth_shift": 0.5}, 1.734),
    ],
)
def test_whole_numbers_are_millimetres_unless_the_data_set_or_a_scale_says_more(disk, values, metres):
    cv2.imwrite(str(disk / "d.png"), np.full((4, 6), 1234, np.uint16))
    assert depth(disk, "d.png", **values)[2, 2] == pytest.approx(metres, rel=1e-6)


def test_what_lies_outside_of_the_range_is_not_known(disk):
    found = depth(disk, depth_range=[2, 5])
    assert np.flatnonzero(np.isfinite(found)).tolist() == [1, 2, 3, 4]  # both ends belong to it
    assert found.dtype == np.float32
    np.testing.assert_array_equal(depth(disk, depth_range="2, 5"), found)


def test_holes_of_all_kinds_are_not_known(disk):
    np.save(disk / "h.npy", np.array([[1.0, 0.0, -1.0, np.nan, np.inf]], np.float32))
    assert np.isfinite(depth(disk, "h.npy")).tolist() == [[True, False, False, False, False]]


@pytest.mark.parametrize("given", ["2", [1, 2, 3], [1, None], "near far", [5, 2], [2, 2]])
def test_a_range_that_is_none_is_refused(disk, given):
    with pytest.raises(ConfigError, match=r"l\.jsonl:1: depth_range is "):
        depth(disk, depth_range=given)


def test_a_range_may_be_open(disk):
    assert np.isfinite(depth(disk, depth_range=[0, "inf"])).all()


@pytest.mark.parametrize(
    "values", [{"depth_kind": "ray"}, {"source": "hypersim"}, {"depth_dataset": "Hypersim"}]
)
def test_distances_along_rays_become_planar(disk, values):
    # A wall at 3 m, seen by a camera with fx = 5 px: distances grow towards the border.
    y, x = np.mgrid[:4, :6] - np.array([1.5, 2.5]).reshape(2, 1, 1)
    np.save(disk / "r.npy", (3.0 * np.sqrt(25.0 + x * x + y * y) / 5.0).astype(np.float32))
    np.testing.assert_allclose(depth(disk, "r.npy", camera={"fx_px": 5.0}, **values), 3.0, rtol=1e-6)
    assert depth(disk, "r.npy", camera={"fx_px": 5.0}, **{**values, "depth_kind": "planar"}).max() > 3.4


def test_hypersim_s_own_camera_is_known_for_any_width(disk):
    width = 6
    fx_px = 886.81 / 1024 * width
    ray = planar_depth(np.full((4, width), 1.0, np.float32), fx_px)
    np.save(disk / "r.npy", (2.0 / ray).astype(np.float32))
    np.testing.assert_allclose(depth(disk, "r.npy", source="hypersim"), 2.0, rtol=1e-6)


@pytest.mark.parametrize("kind", ["rays", "Ray", "distance"])
def test_a_kind_of_depth_that_nobody_knows_is_not_taken_for_planar(disk, kind):
    with pytest.raises(ConfigError, match=rf"l\.jsonl:1: depth_kind is '{kind}', not planar or ray"):
        depth(disk, depth_kind=kind)


def test_transposing_comes_before_anything_that_knows_a_width(disk):
    found = depth(disk, transpose_depth="yes", depth_range=[1, 7])
    assert found.shape == (6, 4) and found[:, 0].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_file_that_holds_no_depth_is_named(disk):
    with pytest.raises(CorruptInputError, match=r"a\.jpg: a picture of 8 bits is a view of depth"):
        depth(disk, "a.jpg")
    with pytest.raises(CorruptInputError, match=r"a\.mat: depth is read from \.npy") as refused:
        depth(disk, "a.mat")
    assert refused.value.advice == "Convert it to one of these."
    (disk / "d.pfm").write_bytes(b"junk")
    with pytest.raises(CorruptInputError, match=r"d\.pfm"):
        depth(disk, "d.pfm")


def test_an_array_of_several_is_named_by_depth_dataset(disk):
    with h5py.File(disk / "m.h5", "w") as file:
        file["disparity"], file["z/metric"] = np.full((2, 4, 6), 9.0)
    assert (depth(disk, "m.h5", depth_dataset="/z/metric") == 9.0).all()
    with pytest.raises(CorruptInputError, match="it holds disparity, z/metric") as unnamed:
        depth(disk, "m.h5")
    with pytest.raises(CorruptInputError, match="it has no metres; it holds disparity, z/metric") as misnamed:
        depth(disk, "m.h5", depth_dataset="metres")
    assert all("depth_dataset names one" in error.value.advice for error in (unnamed, misnamed))
    with pytest.raises(ConfigError, match=r"l\.jsonl:1: depth_dataset disparity is named like disparity"):
        depth(disk, "m.h5", depth_dataset="disparity")
    assert (depth(disk, "m.h5", depth_dataset="disparity", depth_kind="planar") == 9.0).all()


@pytest.mark.parametrize("name", ["vkitti", "VKITTI2", "virtual_kitti_2"])
def test_virtual_kitti_is_in_centimetres_and_a_data_set_that_nobody_knows_is_not_in_millimetres(disk, name):
    cv2.imwrite(str(disk / "c.png"), np.full((4, 6), 1234, np.uint16))
    np.testing.assert_allclose(depth(disk, "c.png", depth_dataset=name), 12.34, rtol=1e-6)
    with pytest.raises(ConfigError, match=r"l\.jsonl:1: depth_dataset is 'diode', not vkitti, .*hypersim"):
        depth(disk, "c.png", depth_dataset="diode")


@pytest.mark.parametrize(
    ("name", "complaint", "way_out", "factor"),
    [
        ("disp0.npy", "disparity or inverse depth", {"depth_kind": "planar"}, 1),
        ("disparity/0006.npy", "disparity or inverse depth", {"depth_kind": "planar"}, 1),
        ("gt_disp_lowres.npy", "disparity or inverse depth", {"depth_kind": "planar"}, 1),
        ("frame.0000.depth_meters.hdf5", "Hypersim's, which hold", {"depth_kind": "planar"}, 1),
        ("depth_00042.png", r"Virtual KITTI 2's \(100 per metre\)", {"depth_scale": 100}, 100),
        ("depth_00042.png", r"Virtual KITTI 2's \(100 per metre\)", {"source": "virtual_kitti"}, 100),
        ("1305031102.160407.png", r"TUM RGB-D's \(5000 per metre\)", {"depth_scale": 5000}, 5000),
    ],
)
def test_a_name_that_says_something_else_is_not_overheard(disk, name, complaint, way_out, factor):
    (disk / name).parent.mkdir(exist_ok=True)
    if name.endswith("png"):
        cv2.imwrite(str(disk / name), np.full((4, 6), 600, np.uint16))
    elif name.endswith("hdf5"):
        with h5py.File(disk / name, "w") as file:
            file["dataset"] = np.full((4, 6), 600.0, np.float16)
    else:
        np.save(disk / name, np.full((4, 6), 600.0, np.float32))
    with pytest.raises(ConfigError, match=rf"l\.jsonl:1: .*{name} is named like {complaint}") as refused:
        depth(disk, name)
    assert all(key in refused.value.advice for key in way_out if key != "source")
    np.testing.assert_allclose(depth(disk, name, **way_out), 600.0 / factor, rtol=1e-6)


@pytest.mark.parametrize("name", ["frame-000001.depth.png", "7.png", "display_1.png", "d.png"])
def test_whole_numbers_of_no_known_name_are_millimetres(disk, name):
    cv2.imwrite(str(disk / name), np.full((4, 6), 1500, np.uint16))
    np.testing.assert_allclose(depth(disk, name), 1.5, rtol=1e-6)


def test_a_key_without_anything_is_not_given(disk):
    _, found = opened(disk, focal_stack="my stack", depth="", all_in_focus="")
    assert found.depth is None and found.all_in_focus is None
