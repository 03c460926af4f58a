"""16-bit TIFF with planes apart or 0 for white reads as what was written; what it cannot be is refused."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from focusgen.base.names import MediaError
from focusgen.media.images import decode_image
from focusgen.media.picture_files import read_picture
from focusgen.media.tiff_layout import as_plain_grey
from tests.clips import swapped_profile

tifffile = pytest.importorskip("tifffile", reason="comes with scikit-image")
# Pillow comments on damaged TIFF tags before it gives up.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# Rows of different values in every channel, so that no plane can pass for another.
DEEP = np.random.default_rng(0).integers(0, 65536, (24, 40, 4), dtype=np.uint16)
DEEP[..., 3] = 65535


def tiff(array: np.ndarray, **options) -> bytes:
    """Return an array as the bytes of a TIFF."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


def eight(deep: np.ndarray) -> np.ndarray:
    """Return 16 bits rounded to 8, in colour."""
    rounded = np.round(deep / 257).astype(np.uint8)
    return rounded if rounded.ndim == 3 else np.repeat(rounded[..., None], 3, axis=2)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("how", [{}, {"compression": "deflate"}, {"tile": (16, 16)}, {"rowsperstrip": 5}])
@pytest.mark.parametrize("n_planes", [3, 4])
def test_planes_that_lie_apart_come_together(n_planes, how, order, tmp_path):
    planes = np.moveaxis(DEEP[..., :n_planes], -1, 0).copy()
    alpha = {"extrasamples": ["unassalpha"]} if n_planes == 4 else {}
    data = tiff(planes, photometric="rgb", planarconfig="separate", byteorder=order, **how, **alpha)
    assert np.array_equal(decode_image(data, "a"), eight(DEEP[..., :3]))
    (tmp_path / "a.tif").write_bytes(data)
    assert np.array_equal(read_picture(tmp_path / "a.tif").rgb, DEEP[..., :3])


@pytest.mark.parametrize("order", ["<", ">"])
def test_zero_is_white_where_the_file_says_so(order, tmp_path):
    grey = DEEP[..., 0]
    data = tiff(grey, photometric="miniswhite", byteorder=order)
    assert np.array_equal(decode_image(data, "a"), eight(65535 - grey))
    assert np.array_equal(decode_image(tiff(grey, photometric="minisblack"), "a"), eight(grey))
    narrow = tiff((grey >> 8).astype(np.uint8), photometric="miniswhite", byteorder=order)
    assert np.array_equal(decode_image(narrow, "a")[..., 0], 255 - (grey >> 8))
    (tmp_path / "a.tif").write_bytes(data)
    assert np.array_equal(read_picture(tmp_path / "a.tif").rgb[..., 2], 65535 - grey)


def test_the_colour_profile_comes_along():
    planes = np.moveaxis(DEEP[..., :3], -1, 0).copy()
    plain = tiff(planes, photometric="rgb", planarconfig="separate")
    profiled = tiff(planes, photometric="rgb", planarconfig="separate", iccprofile=swapped_profile())
    assert not np.array_equal(decode_image(profiled, "a"), decode_image(plain, "a"))
    assert np.array_equal(decode_image(profiled, "a", rules=("tiff",)), decode_image(plain, "a"))


def test_transparent_planes_signed_values_and_many_pages_are_refused():
    planes = np.moveaxis(DEEP, -1, 0).copy()
    planes[3, 5, 6] = 65534
    data = tiff(planes, photometric="rgb", planarconfig="separate", extrasamples=["unassalpha"])
    with pytest.raises(MediaError, match="a: has transparent pixels"):
        decode_image(data, "a")
    with pytest.raises(MediaError, match="convert it"):
        decode_image(tiff(DEEP[..., 0].astype(np.int8)), "a")
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for _ in range(2):
            writer.write(DEEP[..., 0], photometric="miniswhite")
    with pytest.raises(MediaError, match=r"holds 2 pictures|of a kind that is not read"):
        decode_image(stream.getvalue(), "a")


def test_a_scene_that_was_begun_with_the_wrong_pixels_is_not_gone_on_with():
    data = tiff(DEEP[..., 0], photometric="miniswhite")
    with pytest.raises(MediaError, match="read wrongly") as caught:
        decode_image(data, "a", rules=())
    assert "--on_stale redo" in caught.value.advice


def test_damaged_directories_are_left_to_the_reader():
    data = tiff(DEEP[..., 0], photometric="miniswhite")
    rng = np.random.default_rng(0)
    for _ in range(400):
        damaged = bytearray(data)
        for place in rng.integers(4, 8 if rng.random() < 0.2 else len(data), 4):
            damaged[place] = int(rng.integers(256))
        as_plain_grey(bytes(damaged))
        try:
            decode_image(bytes(damaged), "a", max_pixels=10**6)
        except MediaError:
            continue
    assert as_plain_grey(b"\x89PNG\r\n\x1a\n" + bytes(100)) is None


def test_a_number_that_a_classic_tiff_cannot_hold_is_passed_over():
    data = tiff(DEEP[..., 0], photometric="miniswhite")
    at = data.rindex(struct.pack("<HHI", 278, 4, 1))  # rows per strip
    entry = struct.pack("<HHII", 278, 16, 1, len(data))
    planes = as_plain_grey(data[:at] + entry + data[at + 12 :] + b"\xff" * 8)
    assert planes is not None and planes.is_white_zero
