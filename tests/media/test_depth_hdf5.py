"""Depth in HDF5: which array, and arrays that are no plain array of this file."""

from __future__ import annotations

import fcntl
from pathlib import Path

import h5py
import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError
from focusgen.media import depth_hdf5
from focusgen.media.depth_hdf5 import find_dataset, open_file, read_hdf5

MAP = np.arange(12, dtype=np.float32).reshape(3, 4)


def file_of(path: Path, **arrays: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
    return path


@pytest.mark.parametrize(
    ("arrays", "key", "expected"),
    [
        ({"depth": MAP, "rgb": MAP + 1}, None, MAP),
        ({"dataset": MAP, "other": MAP + 1}, None, MAP),
        ({"depth": MAP, "dataset": MAP + 1}, None, MAP),
        ({"anything": MAP}, None, MAP),
        ({"a__b__z": MAP}, None, MAP),
        ({"a__depth": MAP + 1, "b__depth": MAP}, "b/depth", MAP),
        ({"a__depth": MAP + 1, "b__depth": MAP}, "/b/depth/", MAP),
        ({"depth": MAP + 1, "z": MAP}, "z", MAP),
        ({"times": np.arange(4.0), "z": MAP}, None, MAP),  # a row of numbers is no map
        ({"depth": MAP[None]}, None, MAP),
        ({"depth": MAP[..., None]}, None, MAP),
        ({"depth": MAP.astype(">f8")}, None, MAP),
    ],
)
def test_the_array_is_found_by_its_usual_names_as_the_only_one_or_by_its_key(tmp_path, arrays, key, expected):
    np.testing.assert_array_equal(read_hdf5(file_of(tmp_path / "a.h5", **arrays), key), expected)


@pytest.mark.parametrize(
    ("arrays", "key", "why"),
    [
        ({"y": MAP, "z": MAP}, None, "it holds y, z; the depth array must be called 'depth'"),
        ({"depth": MAP}, "z", "it has no z; it holds depth"),
        ({"depth": MAP}, "", "it has no"),
        ({"times": np.arange(4.0)}, None, "it holds nothing"),
        ({}, None, "it holds nothing"),
        ({"disparity": MAP}, None, "it holds disparity, which is disparity"),
        ({"depth": MAP.astype(np.uint8)}, None, "numbers of 8 bits"),
        ({"depth": MAP.astype(np.complex64)}, None, "an array of complex64"),
        ({"depth": np.zeros((2, 3, 4))}, None, r"one map is \(H, W\)"),
        ({"depth": np.zeros((0, 4), "f4")}, None, "4x0 pixels is refused"),
    ],
)
def test_what_cannot_be_told_or_is_no_depth_is_refused(tmp_path, arrays, key, why):
    with pytest.raises(CorruptInputError, match=why):
        read_hdf5(file_of(tmp_path / "a.h5", **arrays), key)


def test_an_array_called_disparity_is_depth_if_somebody_says_so(tmp_path):
    np.testing.assert_array_equal(read_hdf5(file_of(tmp_path / "a.h5", disparity=MAP), "disparity"), MAP)


def test_links_are_not_followed(tmp_path):
    other = file_of(tmp_path / "other.h5", depth=MAP)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["depth"] = h5py.ExternalLink(other.name, "depth")
        file["loop"] = h5py.SoftLink("/")
        file["mine"] = MAP + 1
    np.testing.assert_array_equal(read_hdf5(tmp_path / "a.h5", None), MAP + 1)


def test_an_array_whose_numbers_lie_in_other_files_is_refused(tmp_path):
    file_of(tmp_path / "other.h5", depth=MAP)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        layout = h5py.VirtualLayout((3, 4), "f4")
        layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "depth", (3, 4))
        file.create_virtual_dataset("depth", layout)
    with h5py.File(tmp_path / "e.h5", "w") as file:
        (tmp_path / "raw").write_bytes(MAP.tobytes())
        file.create_dataset("depth", (3, 4), "f4", external=[(str(tmp_path / "raw"), 0, 48)])
    for name in ("v.h5", "e.h5"):
        with pytest.raises(CorruptInputError, match="its array lies in other files"):
            read_hdf5(tmp_path / name, None)


def test_a_chunk_that_is_a_bomb_is_refused_before_it_is_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset(
            "depth", (1 << 12, 1 << 12, 64), "f4", chunks=(1 << 12, 1 << 12, 17), compression=1
        )
    assert (tmp_path / "a.h5").stat().st_size < 1 << 20
    with open_file(tmp_path / "a.h5") as file, pytest.raises(CorruptInputError, match="chunks are too large"):
        find_dataset(file, None)


def test_a_file_of_endless_objects_is_not_walked_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(depth_hdf5, "MAX_OBJECTS", 3)
    path = file_of(tmp_path / "a.h5", **{f"m{n}": MAP for n in range(6)})
    with pytest.raises(CorruptInputError, match="it holds m0, m1, m2;"):
        read_hdf5(path, None)


def test_a_file_that_somebody_still_writes_can_be_read(tmp_path):
    path = file_of(tmp_path / "a.h5", depth=MAP)
    with path.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # as HDF5 locks what it writes
        np.testing.assert_array_equal(read_hdf5(path, None), MAP)
