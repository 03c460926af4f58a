"""PFM, dpt, floats in png, TIFF and HDF5: exact values, and refusals by name."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
import tifffile

from focusgen.base.errors import CorruptInputError
from focusgen.media.depth_codecs import read_depth_file
from focusgen.media.depth_files import open_depth
from focusgen.media.depth_units import DepthOptions

H, W = 5, 7
TRUTH_M = np.linspace(2.0, 4.0, H * W, dtype=np.float32).reshape(H, W)


def read(path: Path, **options: Any) -> np.ndarray:
    return read_depth_file(path, DepthOptions(**options)).depth_m


@pytest.mark.parametrize(("scale", "dtype"), [("-1.0", "<f4"), ("1.0", ">f4"), ("-0.003922", "<f4")])
def test_pfm_is_read_from_its_last_row_up_in_both_byte_orders(tmp_path, scale, dtype):
    body = TRUTH_M[::-1].astype(dtype).tobytes()
    (tmp_path / "a.PFM").write_bytes(f"Pf\n{W} {H}\n{scale}\n".encode() + body)
    np.testing.assert_array_equal(read(tmp_path / "a.PFM"), TRUTH_M)
    (tmp_path / "a.pfm").write_bytes(f"Pf\n{W} {H}\n{scale}\n".encode() + body[:-1])
    with pytest.raises(CorruptInputError, match=r"a\.pfm: its header says 7x5"):
        read(tmp_path / "a.pfm")
    (tmp_path / "c.pfm").write_bytes(f"PF\n{W} {H}\n{scale}\n".encode() + 3 * body)
    with pytest.raises(CorruptInputError, match="three channels"):
        read(tmp_path / "c.pfm")


def test_dpt_is_read_and_its_tag_checked(tmp_path):
    data = struct.pack("<fii", 202021.25, W, H) + TRUTH_M.tobytes()
    (tmp_path / "a.dpt").write_bytes(data)
    np.testing.assert_array_equal(read(tmp_path / "a.dpt"), TRUTH_M)
    for damaged in (data[:-4], data + b"\0", b"HEIP" + data[4:]):
        (tmp_path / "b.dpt").write_bytes(damaged)
        with pytest.raises(CorruptInputError, match=r"b\.dpt"):
            read(tmp_path / "b.dpt")


def test_floats_in_the_bytes_of_a_png_are_metres_and_pictures_with_alpha_are_not(tmp_path):
    metres = TRUTH_M.copy()
    metres[0, :2] = np.nan, np.inf
    metres[0, 2] = np.uint32(0xFFC00000).view(np.float32)  # what 0/0 gives
    for name, alpha in (("depth", None), ("opaque", 255), ("veil", 128)):
        bgra = np.ascontiguousarray(metres).view(np.uint8).reshape(H, W, 4).copy()
        bgra[..., 3] = bgra[..., 3] if alpha is None else alpha
        cv2.imwrite(str(tmp_path / f"{name}.png"), bgra)
    expected = metres.copy()
    expected[0, 2] = np.nan
    np.testing.assert_array_equal(read(tmp_path / "depth.png"), expected)
    for name in ("opaque", "veil"):
        with pytest.raises(CorruptInputError, match=rf"{name}\.png: a png of 8 bits, colour type 6"):
            read(tmp_path / f"{name}.png")


@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f4", "uint16", "int16", "uint32", "int32"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_tiff_of_floats_is_metres_and_of_whole_numbers_by_scale(tmp_path, dtype, bigtiff):
    units = 1.0 if "f" in dtype else 1000.0
    order = ">" if dtype.startswith(">") else "<"
    values = (TRUTH_M * units).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tiff", values, byteorder=order, bigtiff=bigtiff)
    scale = None if units == 1.0 else units
    np.testing.assert_allclose(read(tmp_path / "a.tiff", depth_scale=scale), values / units, rtol=1e-6)
    if scale:
        with pytest.raises(CorruptInputError, match="nobody says of which unit"):
            read(tmp_path / "a.tiff")


def test_tiffs_that_are_no_plain_depth_are_refused_by_name(tmp_path):
    odd = {
        "eight.tif": (TRUTH_M.astype(np.uint8), {}, "8 bits"),
        "colour.tif": (np.zeros((H, W, 3), np.uint16), {"photometric": "rgb"}, "3 channels"),
        "pages.tif": (np.stack([TRUTH_M] * 3), {"photometric": "minisblack"}, "several pages"),
        "white.tif": (TRUTH_M, {"photometric": "miniswhite"}, "white is zero"),
        "half.tif": (TRUTH_M.astype(np.float16), {}, "16-bit floats"),
    }
    for name, (values, how, why) in odd.items():
        tifffile.imwrite(tmp_path / name, values, **how)
        with pytest.raises(CorruptInputError, match=rf"{name}.*({why})"):
            read(tmp_path / name)
    tifffile.imwrite(tmp_path / "cut.tif", TRUTH_M)
    (tmp_path / "cut.tif").write_bytes((tmp_path / "cut.tif").read_bytes()[:-9])
    with pytest.raises(CorruptInputError, match=r"cut\.tif.*cut short"):
        read(tmp_path / "cut.tif")


@pytest.mark.parametrize("suffix", [".pfm", ".dpt", ".tif", ".h5"])
def test_flipped_bytes_are_refused_by_name_or_read_as_something(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("depth", data=TRUTH_M, compression="gzip", chunks=(2, 3))
    elif suffix == ".tif":
        tifffile.imwrite(path, TRUTH_M)
    else:
        head = f"Pf\n{W} {H}\n-1\n".encode() if suffix == ".pfm" else struct.pack("<4sii", b"PIEH", W, H)
        path.write_bytes(head + TRUTH_M.tobytes())
    whole, rng = path.read_bytes(), np.random.default_rng(1)
    for _ in range(120):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), 3):
            damaged[position] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            assert read(path).dtype == np.float32
        except CorruptInputError as error:
            assert path.name in error.message


def test_hdf5_finds_its_array_by_the_usual_names_or_by_key(tmp_path):
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        file["dataset"] = TRUTH_M
    np.testing.assert_array_equal(read(path), TRUTH_M)
    with h5py.File(path, "w") as file:
        file["views/left"], file["views/right"], file["camera"] = TRUTH_M, 2 * TRUTH_M, np.eye(3)[0]
    with pytest.raises(
        CorruptInputError, match=r"it holds views/left, views/right[\s\S]*--depth\.key views/left"
    ):
        read(path)
    np.testing.assert_array_equal(read(path, key="views/right"), 2 * TRUTH_M)
    with pytest.raises(CorruptInputError, match="it has no nose; it holds views/left"):
        read(path, key="nose")


def test_hdf5_never_leads_to_other_files(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["depth"] = TRUTH_M
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["depth"] = h5py.ExternalLink("secret.h5", "depth")
    TRUTH_M.tofile(tmp_path / "raw.bin")
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        file.create_dataset("depth", (H, W), "<f4", external=[("raw.bin", 0, TRUTH_M.nbytes)])
    layout = h5py.VirtualLayout((H, W), "<f4")
    layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "depth", (H, W))
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("depth", layout)
    for name in ("link.h5", "outside.h5", "virtual.h5"):
        with pytest.raises(CorruptInputError, match=name):
            read(tmp_path / name)


def test_a_whole_scene_may_lie_in_one_hdf5_file(tmp_path):
    stack = np.stack([TRUTH_M + t for t in range(4)])
    with h5py.File(tmp_path / "bear.H5", "w") as file:
        file.create_dataset("depth", data=stack, chunks=(1, H, W), compression="gzip")
    source = open_depth(tmp_path, "bear", 4, DepthOptions())
    for index in (0, 3, 1):
        np.testing.assert_array_equal(source.read(index), stack[index])
    with pytest.raises(
        CorruptInputError, match=r"bear\.H5: 4 depth maps for 7 frames .*\(H, W, T\).*moveaxis"
    ):
        open_depth(tmp_path, "bear", W, DepthOptions())


def test_comments_in_the_header_of_a_pfm_are_passed_over(tmp_path):
    body = TRUTH_M[::-1].astype("<f4").tobytes()
    (tmp_path / "a.pfm").write_bytes(f"Pf\n# of 2 cameras\n{W} {H}\n-1.0\n".encode() + body)
    np.testing.assert_array_equal(read(tmp_path / "a.pfm"), TRUTH_M)


def test_a_tiff_that_opencv_cannot_read_is_refused_in_our_words_alone(tmp_path, capfd):
    tifffile.imwrite(tmp_path / "half.tif", TRUTH_M.astype(np.float16))
    with pytest.raises(CorruptInputError, match=r"half\.tif: a TIFF of 16-bit floats") as refused:
        read(tmp_path / "half.tif")
    assert "32-bit floats" in refused.value.advice
    tifffile.imwrite(tmp_path / "a.tif", TRUTH_M)
    whole = bytearray((tmp_path / "a.tif").read_bytes())
    at = whole.index(struct.pack("<HHI", 259, 3, 1)) + 8  # the number of the compression: none
    whole[at : at + 2] = struct.pack("<H", 50_000)  # Zstandard
    (tmp_path / "a.tif").write_bytes(whole)
    with pytest.raises(CorruptInputError, match=r"a\.tif: the TIFF does not decode") as refused:
        read(tmp_path / "a.tif")
    assert "save it uncompressed" in refused.value.advice
    assert capfd.readouterr() == ("", ""), "OpenCV writes lines of its own"
