"""One depth file of any kind: which reader, and errors that name the file whatever went wrong inside."""

from __future__ import annotations

import errno
import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError, StorageError
from focusgen.media.depth_codecs import (
    PICTURE_SUFFIXES,
    READERS,
    REPLACE_ADVICE,
    naming,
    not_a_depth_file,
    read_depth_file,
    read_values,
)
from focusgen.media.depth_units import DepthOptions


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A file that the disk gives."""
    (tmp_path / "d.npy").touch()
    return tmp_path / "d.npy"


MAP = np.array([[1.0, 2.5], [0.0, np.inf]], np.float32)


@pytest.mark.parametrize(
    "error",
    [
        *(zipfile.BadZipFile("x"), zlib.error("x"), struct.error("x"), ValueError("x"), EOFError("x")),
        *(
            NotImplementedError("x"),
            RuntimeError("x"),
            RecursionError("x"),
            UnicodeDecodeError("a", b"", 0, 1, "x"),
        ),
    ],
    ids=lambda error: type(error).__name__,
)
def test_damage_of_every_library_is_named_with_its_file_and_its_kind(error, there):
    with pytest.raises(CorruptInputError, match=rf"/d\.npy: damaged .*{type(error).__name__}") as caught:
        with naming(there):
            raise error
    assert caught.value.advice == REPLACE_ADVICE and caught.value.__cause__ is error


def test_a_refusal_gets_the_file_s_name_once_and_keeps_its_advice(there):
    with pytest.raises(CorruptInputError) as caught:
        with naming(there), naming(there):
            raise CorruptInputError("three channels", "Save one.")
    assert caught.value.message == f"{there}: three channels" and caught.value.advice == "Save one."


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            OSError(errno.EINVAL, "Invalid argument"),
            CorruptInputError,
            "d.npy: damaged: it points outside itself",
        ),
        (
            OSError("no superblock"),
            CorruptInputError,
            "d.npy: damaged or not what its name says (no superblock)",
        ),
        (PermissionError(errno.EACCES, "Permission denied"), StorageError, "d.npy: Permission denied"),
        (OSError(errno.EIO, "Input/output error"), StorageError, "d.npy: Input/output error"),
    ],
)
def test_a_disk_that_refuses_is_no_damaged_file(error, kind, said, there):
    with pytest.raises(kind) as caught, naming(there):
        raise error
    assert caught.value.message == f"{there.parent}/{said}" and caught.value.advice


def test_a_bug_is_not_taken_for_damage(there):
    with pytest.raises(AssertionError), naming(there):
        raise AssertionError


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "a web page"),
    ],
)
@pytest.mark.parametrize("suffix", sorted(READERS))
def test_a_file_that_stands_in_for_another_is_called_so_whatever_its_kind(tmp_path, suffix, head, said):
    path = tmp_path / f"d{suffix}"
    path.write_bytes(head)
    with pytest.raises(CorruptInputError, match=rf"d\{suffix}: .*{said}") as caught:
        read_values(path, DepthOptions())
    assert caught.value.advice == REPLACE_ADVICE


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_every_kind_names_a_file_that_is_gone_or_empty(tmp_path, suffix):
    with pytest.raises(StorageError, match=rf"d\{suffix}: No such file"):
        read_values(tmp_path / f"d{suffix}", DepthOptions())
    (tmp_path / f"d{suffix}").touch()
    with pytest.raises(CorruptInputError, match=rf"d\{suffix}: "):
        read_values(tmp_path / f"d{suffix}", DepthOptions())


@pytest.mark.parametrize("suffix", sorted(PICTURE_SUFFIXES))
def test_a_picture_is_a_view_of_depth(suffix):
    error = not_a_depth_file(Path(f"x/d{suffix.upper()}"))
    assert "a picture of 8 bits is a view of depth" in error.message and "docs/own_depth.md" in error.advice


def test_another_kind_lists_those_that_are_read(tmp_path):
    (tmp_path / "d.mat").touch()
    with pytest.raises(CorruptInputError, match=r"d\.mat: depth is read from \.npy, .*\.hdf5"):
        read_values(tmp_path / "d.mat", DepthOptions())


def test_a_suffix_in_capitals_is_the_same_kind(tmp_path):
    path = tmp_path / "d.NPY"
    with path.open("wb") as stream:
        np.save(stream, MAP)
    reading = read_depth_file(path, DepthOptions())
    np.testing.assert_array_equal(reading.depth_m, [[1.0, 2.5], [np.nan, np.inf]])
    assert reading.unit == "metres (float32)" and reading.saturated is None


def test_whole_numbers_want_their_unit_and_their_limit_is_told(tmp_path):
    np.save(tmp_path / "d.npy", np.array([[1000, 65535]], np.uint16))
    with pytest.raises(CorruptInputError, match=r"d\.npy: whole numbers \(uint16\)"):
        read_depth_file(tmp_path / "d.npy", DepthOptions())
    reading = read_depth_file(tmp_path / "d.npy", DepthOptions(1000.0))
    assert reading.depth_m.tolist() == [[1.0, pytest.approx(65.535)]]
    assert reading.saturated is not None and reading.saturated.tolist() == [[False, True]]


def test_an_ambiguous_scale_is_refused_by_file(tmp_path):
    np.save(tmp_path / "d.npy", np.full((2, 2), 30.0, np.float32))
    with pytest.raises(CorruptInputError, match=r"d\.npy: floats with a median of 30"):
        read_depth_file(tmp_path / "d.npy", DepthOptions(100.0))
    assert read_depth_file(tmp_path / "d.npy", DepthOptions(100.0, scale_floats=True)).depth_m[0, 0] == 0.3


def test_a_map_whose_bits_are_no_whole_number_is_refused_whatever_unit_is_said(tmp_path: Path):
    """CO3D's half floats, read as millimetres: 4 m were 17.4 m."""
    path = tmp_path / "frame000001.jpg.geometric.png"
    bits = np.full((4, 4), 4.0, np.float16).view(np.uint16)
    assert cv2.imwrite(str(path), bits)
    with pytest.raises(CorruptInputError, match=r"geometric\.png: CO3D .* half-precision") as caught:
        read_depth_file(path, DepthOptions(depth_scale=1000.0))
    assert ".view(np.float16)" in caught.value.advice
