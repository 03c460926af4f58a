"""PNG and NPZ bytes: what strangers read back, and that nothing but the array decides them."""

from __future__ import annotations

import io
import zipfile
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from focusgen.base.errors import CorruptInputError
from focusgen.media.codecs import _paeth_filtered, check_png, decode_npz, decode_png, encode_npz, encode_png

RNG = np.random.default_rng(0)


def picture(height: int, width: int) -> np.ndarray:
    ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 2)[..., None] + np.array([0, 40, 90])
    return ((ramp + RNG.integers(0, 30, (height, width, 3))) % 256).astype(np.uint8)


def paeth_by_definition(rows: np.ndarray) -> np.ndarray:
    """PNG specification, 9.4: filter type 4, three bytes to a pixel."""
    x = rows.astype(int)
    left, up, corner = (np.zeros_like(x) for _ in range(3))
    left[:, 3:], up[1:], corner[1:, 3:] = x[:, :-3], x[:-1], x[:-1, :-3]
    estimate = left + up - corner
    to_left, to_up, to_corner = (np.abs(estimate - n) for n in (left, up, corner))
    is_left = (to_left <= to_up) & (to_left <= to_corner)
    nearest = np.where(is_left, left, np.where(to_up <= to_corner, up, corner))
    return ((x - nearest) % 256).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (130, 33)])
@pytest.mark.parametrize("kind", ["ramp", "noise", "extremes"])
def test_the_filter_is_the_one_of_the_specification(size, kind):
    rgb = {
        "ramp": picture(*size),
        "noise": RNG.integers(0, 256, (*size, 3), dtype=np.uint8),
        "extremes": RNG.choice(np.array([0, 1, 127, 128, 254, 255], np.uint8), (*size, 3)),
    }[kind]
    rows = rgb.reshape(size[0], -1)
    filtered = _paeth_filtered(rows)
    assert (filtered[:, 0] == 4).all()
    assert np.array_equal(filtered[:, 1:], paeth_by_definition(rows))


@pytest.mark.parametrize("png_filter", ["up", "paeth"])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (97, 61)])
def test_a_png_is_read_by_strangers_and_by_us_pixel_for_pixel(size, png_filter):
    rgb = picture(*size)
    data = encode_png(rgb[:, ::-1], png_filter)  # a view that is not contiguous
    expected = rgb[:, ::-1]
    assert np.array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1], expected)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), expected)
    assert np.array_equal(decode_png(data), expected)
    assert check_png(data) == (size[1], size[0])


@pytest.mark.parametrize(
    "array",
    [
        np.linspace(0.1, 80, 600).reshape(20, 30).astype(np.float16),
        np.ones((1, 1), np.float16),
        np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        np.arange(600, dtype=np.int64)[::3],
    ],
)
def test_an_npz_is_read_by_numpy_and_by_us(array):
    data = encode_npz("depth", array)
    with np.load(io.BytesIO(data)) as loaded:
        assert loaded.files == ["depth"]
        assert loaded["depth"].dtype == array.dtype and np.array_equal(loaded["depth"], array)
    assert np.array_equal(decode_npz(data, "depth"), array)
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None


def test_equal_arrays_give_equal_bytes():
    rgb, depth = picture(50, 70), np.full((9, 9), 2.5, np.float16)
    assert encode_png(rgb.copy()) == encode_png(np.asfortranarray(rgb))
    assert encode_npz("depth", depth) == encode_npz("depth", depth.copy())


def test_every_flipped_byte_and_every_cut_of_a_published_file_is_found():
    png, npz = encode_png(picture(12, 14)), encode_npz("depth", np.full((12, 14), 3.0, np.float16))
    for data, check in ((png, check_png), (npz, lambda damaged: decode_npz(damaged, "depth"))):
        for position in range(len(data)):
            damaged = bytearray(data)
            damaged[position] ^= 0x40
            try:
                found = check(bytes(damaged))
            except CorruptInputError:
                continue
            # Some bytes of a zip's headers mean nothing to a reader; the record's checksum covers those.
            assert data is npz and np.array_equal(found, np.full((12, 14), 3.0, np.float16)), position
        for length in range(len(data)):
            with pytest.raises(CorruptInputError):
                check(data[:length])


@pytest.mark.parametrize("claimed", [1 << 20, 1 << 33])
def test_an_npz_that_claims_more_than_it_can_hold_costs_no_memory(claimed):
    data = bytearray(encode_npz("depth", np.ones((4, 4), np.float16)))
    position = data.rindex(b"PK\x01\x02") + 24
    data[position : position + 4] = min(claimed, 0xFFFFFFFE).to_bytes(4, "little")
    with pytest.raises(CorruptInputError, match="refused"):
        decode_npz(bytes(data), "depth")


def test_a_png_that_lies_about_its_size_is_refused_before_memory_is_taken():
    data = bytearray(encode_png(picture(8, 8)))
    data[16:24] = (60000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(CorruptInputError, match="60000x60000 in .* bytes"):
        decode_png(bytes(data))


def test_a_png_that_holds_too_few_rows_is_refused():
    data = bytearray(encode_png(picture(8, 8)))
    data[20:24] = (9).to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(CorruptInputError):
        decode_png(bytes(data))
