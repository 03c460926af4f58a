"""npy and npz streams: what their headers may say, and which array is meant."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from focusgen.base.errors import CorruptInputError
from focusgen.media.codecs import MAX_PIXELS
from focusgen.media.depth_arrays import (
    check_pixels,
    map_shape,
    read_exactly,
    read_npy,
    read_npy_header,
    read_npz,
    unknown_key,
)


def npy(array: Any, version: tuple[int, int] | None = None) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), version=version)
    return stream.getvalue()


def header(data: bytes):
    return read_npy_header(io.BytesIO(data), len(data))


def npy_saying(shape: object, descr: str = "<f4", body: bytes = b"", more: str = "") -> bytes:
    """Return an npy stream whose header says anything."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}{more}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + body


@given(
    arrays.arrays(
        st.sampled_from(["<f2", "<f4", ">f8", "<u2", ">i4", "<i8"]).map(np.dtype),
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        elements=st.integers(0, 100),
    ),
    st.sampled_from("CF"),
)
def test_any_map_comes_back_in_any_byte_order_and_memory_order(tmp_path_factory, array, order):
    path = tmp_path_factory.getbasetemp() / "any.npy"
    np.save(path, np.asarray(array, order=order))
    found = read_npy(path)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    np.savez_compressed(path.with_suffix(".npz"), depth=np.asarray(array, order=order))
    np.testing.assert_array_equal(read_npz(path.with_suffix(".npz"), None), array)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_the_header_says_where_the_data_begins(version):
    data = npy(np.zeros((3, 4), "<f4"), version)
    found = header(data)
    assert found.shape == (3, 4) and found.n_bytes == 48 and found.offset == len(data) - 48


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (npy(np.zeros((3, 4), "<f4"), (3, 0)), "npy version 3.0 is no plain array"),
        (npy(np.zeros((3, 4), np.uint8)), "numbers of 8 bits"),
        (npy(np.zeros((3, 4), bool)), "an array of bool is no depth"),
        (npy(np.array([[None]], object), None), "an array of object is no depth"),
        (npy(np.zeros((0, 4), "<f4")), r"its header says \(0, 4\)"),
        (npy(np.float32(3)), r"its header says \(\) float32, 4 bytes"),
        (npy(np.zeros((3, 4), "<f4"))[:-1], "48 bytes; it holds 47"),
        (npy(np.zeros((3, 4), "<f4")) + b"x", "48 bytes; it holds 49"),
        (npy_saying((-1, 4)), r"its header says \(-1, 4\)"),
        (npy_saying((1 << 40, 1 << 40)), "it holds 0"),
        (npy_saying("(3, 4"), "its npy header does not parse"),
        (npy_saying((3, 4), "no type"), "its npy header does not parse"),
        (npy_saying((3, 4), more=", 'x': 1"), "its npy header does not parse"),
        (npy_saying("(" * 5000), "its npy header does not parse"),
    ],
)
def test_a_header_that_cannot_be_is_refused_in_words(data, why):
    with pytest.raises(CorruptInputError, match=why):
        header(data)


@pytest.mark.parametrize("data", [b"", b"\x93NUM", b"PK\x03\x04junk", npy(np.zeros((3, 4)))[:9]])
def test_what_is_no_npy_at_all_is_damage(data):
    with pytest.raises((CorruptInputError, ValueError)):
        header(data)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((3, 4), (3, 4)), ((1, 3, 4), (3, 4)), ((3, 4, 1), (3, 4)), ((1, 1), (1, 1)), ((1, 1, 4), (1, 4))],
)
def test_one_lone_axis_at_either_end_is_no_axis(shape, size):
    assert map_shape(shape) == size


@pytest.mark.parametrize("shape", [(), (4,), (2, 3, 4), (3, 1, 4), (1, 3, 4, 1), (1, 1, 3, 4)])
def test_what_is_no_map_is_refused_with_the_way_to_save_it(shape):
    with pytest.raises(CorruptInputError, match=r"one map is \(H, W\)") as caught:
        map_shape(shape)
    assert "(T, H, W)" in caught.value.advice


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (MAX_PIXELS + 1, 1), (1 << 20, 1 << 20)])
def test_maps_that_are_empty_or_bombs_are_refused(width, height):
    check_pixels(MAX_PIXELS, 1)
    with pytest.raises(CorruptInputError, match=rf"{width}x{height} pixels is refused"):
        check_pixels(width, height)


@pytest.mark.usefixtures("usual_garbage")
def test_a_large_claim_costs_no_memory(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy_saying((1 << 15, 1 << 15)))
    tracemalloc.start()
    with pytest.raises(CorruptInputError):
        read_npy(tmp_path / "a.npy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


# --- archives ------------------------------------------------------------------------------------------

MAP = np.arange(12, dtype=np.float32).reshape(3, 4)


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return path


def test_depth_is_taken_among_many_the_only_one_whatever_its_name_and_any_by_its_key(tmp_path):
    many = archive(
        tmp_path / "m.npz", {"rgb.npy": npy(MAP + 1), "depth.npy": npy(MAP), "z.npy": npy(MAP + 2)}
    )
    np.testing.assert_array_equal(read_npz(many, None), MAP)
    np.testing.assert_array_equal(read_npz(many, "z"), MAP + 2)
    one = archive(tmp_path / "o.npz", {"folder/": b"", "arr_0.npy": npy(MAP)})
    np.testing.assert_array_equal(read_npz(one, None), MAP)


@pytest.mark.parametrize("name", ["disparity", "confidence", "valid_mask", "invDepth"])
def test_a_lone_array_that_is_called_something_else_has_to_be_asked_for(tmp_path, name):
    path = archive(tmp_path / "a.npz", {f"{name}.npy": npy(MAP)})
    with pytest.raises(CorruptInputError, match=f"it holds {name}, which is") as caught:
        read_npz(path, None)
    assert f"--depth.key {name}" in caught.value.advice
    np.testing.assert_array_equal(read_npz(path, name), MAP)


def test_several_arrays_without_depth_are_listed_and_one_is_proposed(tmp_path):
    path = archive(tmp_path / "a.npz", {f"v{n}.npy": npy(MAP) for n in range(10)})
    with pytest.raises(CorruptInputError, match=r"it holds v0, .*v7 and 2 more; the depth") as caught:
        read_npz(path, None)
    assert caught.value.advice == "Say which one it is: --depth.key v0"
    with pytest.raises(CorruptInputError, match="it has no w; it holds v0") as caught:
        read_npz(path, "w")
    assert "depth.key" in caught.value.advice


def test_an_empty_archive_holds_nothing(tmp_path):
    with pytest.raises(CorruptInputError, match="it holds nothing"):
        read_npz(archive(tmp_path / "a.npz", {}), None)
    assert "NAME" in unknown_key(None, []).advice


def test_names_cannot_speak_to_a_terminal():
    assert "\x1b" not in str(unknown_key(None, ["\x1b[2J", "b"]))


def test_two_members_of_one_name_are_not_guessed_between(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as made:
            made.writestr("depth.npy", npy(MAP))
            made.writestr("depth.npy", npy(MAP + 1))
    with pytest.raises(CorruptInputError, match="it holds depth, depth"):
        read_npz(tmp_path / "a.npz", None)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_numpy_never_writes_are_refused(tmp_path, method):
    with pytest.raises(CorruptInputError, match="its compression is not what numpy writes"):
        read_npz(archive(tmp_path / "a.npz", {"depth.npy": npy(MAP)}, method), None)


def test_a_pickle_in_an_archive_is_never_loaded(tmp_path):
    path = archive(tmp_path / "a.npz", {"depth.npy": npy(np.array([[{}]], object))})
    with pytest.raises(CorruptInputError, match="an array of object is no depth"):
        read_npz(path, None)


class Dripping(io.BytesIO):
    """Gives a byte at a time, as a stream may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(1, size or 1))


def test_a_stream_is_read_to_the_last_byte_or_is_cut():
    assert read_exactly(Dripping(b"abcdef"), 6) == b"abcdef"
    assert read_exactly(Dripping(b"abcdef"), 0) == b""
    with pytest.raises(EOFError, match="2 bytes are missing"):
        read_exactly(Dripping(b"abcdef"), 8)
