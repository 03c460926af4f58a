"""The files of one stack's result: arrays bit for bit, pictures that programs of others can open."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.base.locks import alone_in
from focusgen.focal.infer import StackResult
from focusgen.tools import focal_outputs
from focusgen.tools.focal_kept import kept_result
from focusgen.tools.focal_outputs import (
    BAR_ROOM_PX,
    depth_picture,
    free_name,
    npy_bytes,
    pictures_for_people,
    png_bytes,
    write_pictures_for_people,
    write_result,
)

HEIGHT, WIDTH = 30, 40
DEPTH = np.linspace(0.5, 5.0, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)


def result(n_slices: int = 3, dtype: type = np.uint8) -> StackResult:
    rgb = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (HEIGHT, WIDTH, 3)).astype(dtype)
    index = (np.arange(HEIGHT * WIDTH) % n_slices).astype(np.uint16).reshape(HEIGHT, WIDTH)
    return StackResult(DEPTH, DEPTH / 5.0, rgb, index, True, {"unit": "metre", "lens": None})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_all_files_are_written_and_hold_what_was_found(tmp_path, dtype):
    found = result(dtype=dtype)
    paths = write_result(tmp_path / "new", "my stack", found)
    assert set(paths) == set((tmp_path / "new").iterdir())
    np.testing.assert_array_equal(np.load(tmp_path / "new" / "my stack_depth.npy"), DEPTH)
    np.testing.assert_array_equal(np.load(tmp_path / "new" / "my stack_confidence.npy"), found.confidence)
    shown = cv2.imread(str(tmp_path / "new" / "my stack_all_in_focus.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(shown[..., ::-1], found.rgb)
    written = json.loads((tmp_path / "new" / "my stack_metadata.json").read_text())
    sizes = {file: entry["size"] for file, entry in written.pop("files").items()}
    assert written == found.metadata
    assert sizes == {path.name: path.stat().st_size for path in paths[:-1]}


def write_often(folder: Path, made_of: str) -> None:
    found = result()
    for depth_m in range(6):
        depth = np.full((400, 400), depth_m + len(made_of), np.float32)
        write_result(folder, "a", found._replace(depth=depth, metadata={"unit": "metre", "made_of": made_of}))


def test_files_of_two_calls_at_once_are_never_mixed(tmp_path):
    context = multiprocessing.get_context("fork")
    calls = [context.Process(target=write_often, args=(tmp_path, made_of)) for made_of in ("one", "other")]
    for call in calls:
        call.start()
    n_whole = 0
    while any(call.is_alive() for call in calls):
        with alone_in(tmp_path):
            is_there = (tmp_path / "a_metadata.json").is_file()
            whole = [kept_result(tmp_path, "a", made_of) for made_of in ("one", "other")]
        assert not is_there or sum(one is not None for one in whole) == 1
        n_whole += is_there
    assert n_whole and [call.exitcode for call in calls] == [0, 0]


@pytest.mark.parametrize(("n_slices", "dtype"), [(3, np.uint8), (256, np.uint8), (300, np.uint16)])
def test_slice_numbers_are_numbers_however_many_there_are(tmp_path, n_slices, dtype):
    found = result(n_slices)
    write_result(tmp_path, "a", found)
    index = cv2.imread(str(tmp_path / "a_slice.png"), cv2.IMREAD_UNCHANGED)
    assert index.dtype == dtype
    np.testing.assert_array_equal(index, found.slice_index)


def test_what_a_kill_left_of_a_result_is_gone_after_the_next_call(tmp_path):
    for name in ("a_depth.npy", "b_depth.npy"):
        (tmp_path / f".{name}.{os.getpid()}.tmp").touch()
    write_result(tmp_path, "a", result())
    assert [path.name for path in tmp_path.glob(".*")] == [f".b_depth.npy.{os.getpid()}.tmp"]


def test_confidence_is_grey_from_black_to_white_and_slices_have_colours_from_near_to_far(tmp_path):
    write_pictures_for_people(tmp_path, "a", result())
    grey, slices = (cv2.imread(str(path), -1) for path in pictures_for_people(tmp_path, "a"))
    assert grey.shape == (HEIGHT, WIDTH) and grey.max() == 255
    assert grey[0, 0] == round(255 * 0.1)
    assert slices.shape == (HEIGHT, WIDTH + BAR_ROOM_PX, 3)
    colours = [slices[:, :WIDTH][result().slice_index == n] for n in range(3)]
    assert all((one == one[0]).all() for one in colours)
    near, far = depth_picture(np.array([[0.0, 1.0]], np.float32), is_metric=False)[0, :2, ::-1]
    assert (colours[0][0] == near).all() and (colours[2][0] == far).all() and (colours[1][0] != near).any()


def test_an_array_in_any_memory_order_is_written_plainly():
    array = np.asfortranarray(DEPTH)[:, ::2]
    found = np.load(io.BytesIO(npy_bytes(array)))
    np.testing.assert_array_equal(found, array)
    assert found.flags.c_contiguous


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_come_back_bit_for_bit(shape, dtype):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    found = cv2.imdecode(np.frombuffer(png_bytes(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(found[..., ::-1] if found.ndim == 3 else found, pixels)


@pytest.mark.parametrize("is_metric", [True, False])
def test_near_is_warm_and_far_is_cold_beside_a_scale(is_metric):
    depth = DEPTH if is_metric else (DEPTH - 0.5) / 4.5
    picture = depth_picture(depth, is_metric=is_metric).astype(int)
    assert picture.shape == (HEIGHT, WIDTH + BAR_ROOM_PX, 3)
    red_minus_blue = picture[:, :WIDTH, 0] - picture[:, :WIDTH, 2]
    assert red_minus_blue[:4].mean() > 30 and red_minus_blue[-4:].mean() < -10
    assert np.unique(picture[:, WIDTH:].reshape(-1, 3), axis=0).shape[0] > 5


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (3, 3)])
def test_depth_of_any_shape_and_of_one_value_can_be_shown(shape):
    for depth in (np.full(shape, 2.0, np.float32), np.full(shape, 1000.0, np.float32)):
        assert depth_picture(depth, is_metric=True).shape == (shape[0], shape[1] + BAR_ROOM_PX, 3)
    assert depth_picture(np.zeros(shape, np.float32), is_metric=False).shape[0] == shape[0]


def test_a_large_map_is_shown_smaller(monkeypatch):
    monkeypatch.setattr(focal_outputs, "LARGEST_PICTURE_SIDE_PX", 20)
    assert depth_picture(DEPTH, is_metric=True).shape == (HEIGHT // 2, WIDTH // 2 + BAR_ROOM_PX, 3)


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("a", (), "a"),
        ("a", ("a",), "a_2"),
        ("a", ("a", "a_2", "a_3"), "a_4"),
        ("a b \u00fc'", (), "a b \u00fc'"),
        ("scene/1", (), "scene_1"),
        ("../../x", (), ".._.._x"),
        ("a/b", ("a_b",), "a_b_2"),
    ],
)
def test_a_name_is_one_part_of_a_path_and_taken_once(name, taken, expected):
    assert free_name(name, taken) == expected
    assert Path(expected).name == expected
