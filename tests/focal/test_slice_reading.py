"""Slices as arrays: whatever kind of file they lie in, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import CorruptInputError
from focusgen.focal.slice_files import stack_of_folder
from focusgen.focal.slice_reading import read_slice, read_slices
from focusgen.focal.stack_folders import stack_folders
from tests.clips import swapped_profile


def picture(path: Path, value: int, shape: tuple[int, int] = (4, 6), dtype: type = np.uint8) -> Path:
    cv2.imwrite(str(path), np.full((*shape, 3), value, dtype))
    return path


def test_slices_come_as_one_array_in_the_order_of_their_names(tmp_path):
    paths = [picture(tmp_path / f"{n}.png", 10 * n) for n in range(3)]
    assert read_slices(paths).pixels[:, 0, 0, 0].tolist() == [0, 10, 20]
    deep = [picture(tmp_path / f"d{n}.png", 500 * (n + 1), dtype=np.uint16) for n in range(2)]
    assert read_slices(deep).pixels.dtype == np.uint16 and read_slices(deep).pixels[1].max() == 1000


def test_a_slice_of_another_size_is_named_with_both(tmp_path):
    paths = [picture(tmp_path / "1.png", 0), picture(tmp_path / "a b.png", 0, (4, 7))]
    with pytest.raises(CorruptInputError, match=r"a b\.png: is 7x4, the first slice 6x4"):
        read_slices(paths)


def test_eight_bits_among_sixteen_would_be_black(tmp_path):
    paths = [picture(tmp_path / "1.png", 9, dtype=np.uint16), picture(tmp_path / "2.png", 9)]
    with pytest.raises(CorruptInputError, match=r"2\.png: 8 and 16 bits are mixed"):
        read_slices(paths)


def test_a_dark_frame_and_one_of_another_profile_are_named(tmp_path):
    paths = [picture(tmp_path / "1.png", 200), picture(tmp_path / "cap.png", 0)]
    with pytest.raises(CorruptInputError, match=r"cap\.png"):
        read_slices(paths)
    Image.new("RGB", (6, 4), (190, 180, 170)).save(tmp_path / "cap.png", icc_profile=swapped_profile())
    with pytest.raises(CorruptInputError, match=r"cap\.png: has another colour profile"):
        read_slices(paths)


@pytest.mark.parametrize("data", [b"", b"junk", b"\x89PNG\r\n\x1a\n" + bytes(30)])
def test_an_unreadable_slice_is_named_with_its_whole_path(tmp_path, data):
    (tmp_path / "x_1.png").write_bytes(data)
    with pytest.raises(CorruptInputError, match=rf"unreadable slice {tmp_path}/x_1\.png") as caught:
        read_slice(tmp_path / "x_1.png")
    assert caught.value.advice


def test_borders_that_are_transparent_are_to_be_made_black(tmp_path):
    Image.new("RGBA", (6, 4), (9, 9, 9, 0)).save(tmp_path / "x_1.png")
    with pytest.raises(CorruptInputError, match=r"x_1\.png: has transparent pixels") as caught:
        read_slice(tmp_path / "x_1.png")
    assert "-background black" in caught.value.advice


def test_floats_are_slices_of_sixteen_bits_in_linear_light(tmp_path):
    import OpenEXR

    light = np.linspace(0, 1.2, 48, dtype=np.float32).reshape(4, 4, 3)
    light[0, 0] = np.inf
    names = {f"View.Combined.{colour}": light[..., n].copy() for n, colour in enumerate("RGB")}
    channels = {**names, "View.Depth.Z": light[..., 0].copy()}
    for folder in ("exr", "exr/depth"):
        (tmp_path / folder).mkdir()
    for n in (1, 2):
        with OpenEXR.File({"type": OpenEXR.scanlineimage}, channels) as file:
            file.write(str(tmp_path / "exr" / f"s_{n}.exr"))
    cv2.imwrite(str(tmp_path / "s_1.tif"), light[..., ::-1])
    files = stack_of_folder(tmp_path / "exr")
    assert (
        files.is_linear("auto")
        and not files.is_linear("srgb")
        and stack_folders(tmp_path / "exr") == [tmp_path / "exr"]
    )
    expected = np.rint(np.minimum(light, 1.0) * 65535).astype(np.uint16)
    for path in (*files.paths, tmp_path / "s_1.tif"):
        assert np.array_equal(read_slice(path).pixels, expected)


@pytest.mark.parametrize(
    ("scale", "said"),
    [(4.0, "half of it lies above 2, and 1 is white"), (1e-3, "none is above 0.001, and 1")],
)
def test_floats_of_another_scale_are_refused(tmp_path, scale, said):
    cv2.imwrite(str(tmp_path / "s.tif"), np.linspace(0, scale, 99, dtype=np.float32).reshape(9, 11))
    with pytest.raises(CorruptInputError, match=f"s.tif: {said}"):
        read_slice(tmp_path / "s.tif")
