import io
import struct

import numpy as np
import pytest
from PIL import Image

from focusgen.base.names import MediaError
from focusgen.media.images import decode_image, examine_image, image_size
from focusgen.media.orientation import EXIF_ORIENTATIONS
from focusgen.media.scenes import RawScene
from focusgen.media.video import open_frames
from tests.clips import encoded, moving_texture, png_bomb, png_chunk
from tests.media.test_orientation import block

# Pillow comments on damaged TIFF tags before it gives up.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")

COLOURS = moving_texture(1, width=40, height=24)[0]
PICTURE = Image.fromarray(COLOURS)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_lossless_kinds_come_back_bit_for_bit(kind):
    assert np.array_equal(decode_image(encoded(PICTURE, kind, lossless=True), "a"), COLOURS)


def test_jpeg_decodes_to_the_pixels_that_pillow_sees():
    data = encoded(PICTURE, "JPEG", quality=90)
    assert np.array_equal(decode_image(data, "a.jpg"), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palette_images_become_three_equal_or_looked_up_channels(mode):
    source = PICTURE.convert(mode)
    assert np.array_equal(decode_image(encoded(source, "PNG"), "a.png"), np.asarray(source.convert("RGB")))


def test_a_grey_jpeg_becomes_three_equal_channels():
    pixels = decode_image(encoded(PICTURE.convert("L"), "JPEG"), "a.jpg")
    assert (pixels == pixels[..., :1]).all() and pixels.shape == (24, 40, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_as_pillow_does(kind, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(PICTURE, kind, exif=exif.tobytes(), lossless=True)
    from PIL import ImageOps

    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert np.array_equal(decode_image(data, "a"), upright)
    path = tmp_path / "a"
    path.write_bytes(data)
    assert image_size(path) == (upright.shape[1], upright.shape[0])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_a_scene_that_was_begun_before_32_bits_of_orientation_were_read_goes_on_as_it_was(
    kind, orientation, tmp_path
):
    exif = block(orientation, order=">", kind=4, head=b"Exif\0\0")
    for frame in range(2):
        (tmp_path / f"{frame}.img").write_bytes(encoded(PICTURE, kind, exif=exif))
    stored = decode_image(encoded(PICTURE, kind), "a")
    examined = examine_image((tmp_path / "0.img").read_bytes(), "a")
    assert np.array_equal(examined.pixels, EXIF_ORIENTATIONS[orientation].apply(stored))
    assert examined.rules == ("exif",), "phase 1 records it"
    for rules, expected in (((), stored), (("exif",), examined.pixels)):
        raw = RawScene("a", "images", tmp_path, ("0.img", "1.img"), rules=rules)
        with open_frames(raw) as reader:
            assert (reader.height, reader.width) == expected.shape[:2]
            assert np.array_equal(reader.read(1, 2)[0], expected)
    plain = encoded(PICTURE, kind, exif=block(orientation, order=">", kind=3, head=b"Exif\0\0"))
    assert examine_image(plain, "a").rules == () and examine_image(plain, "a", rules=()).notes


@pytest.mark.parametrize(
    ("mode", "kind"), [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("F", "TIFF"), ("I", "TIFF"), ("LAB", "TIFF")]
)
def test_colours_whose_look_is_a_choice_are_refused(mode, kind):
    with pytest.raises(MediaError, match=r"^a: .*convert it to"):
        decode_image(encoded(Image.new(mode, (8, 8)), kind), "a")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_animated_and_many_paged_files_are_refused(kind):
    other = Image.fromarray(255 - COLOURS)
    with pytest.raises(MediaError, match="holds 2 pictures"):
        decode_image(encoded(PICTURE, kind, save_all=True, append_images=[other]), "a")


@pytest.mark.parametrize(
    "options",
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_every_truncation_is_found(options):
    kind, how = options
    data = encoded(PICTURE, kind, **how)
    # TIFF keeps its directory at the end or before the pixels; a cut anywhere must show either way.
    for keep in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        with pytest.raises(MediaError, match="^cut"):
            decode_image(data[: int(len(data) * keep)], "cut")
    with pytest.raises(MediaError, match="^cut"):
        decode_image(data[:-2], "cut")


def test_every_flipped_bit_of_a_png_is_found():
    data = encoded(PICTURE.resize((10, 6)), "PNG")
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        with pytest.raises(MediaError):
            decode_image(bytes(damaged), "a.png")


@pytest.mark.parametrize("start", [2000, 6000, 10000])
def test_a_zeroed_page_of_a_jpeg_is_found(start):
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    data = bytearray(encoded(Image.fromarray(noise), "JPEG", quality=95))
    assert len(data) > start + 4096
    data[start : start + 4096] = bytes(4096)
    with pytest.raises(MediaError, match="damaged JPEG"):
        decode_image(bytes(data), "a.jpg")


def test_bombs_are_refused_by_their_header_alone(tmp_path):
    path = tmp_path / "bomb.png"
    for width, height in [(30000, 30000), (2**31 - 1, 2**31 - 1), (12000, 12000)]:
        path.write_bytes(png_bomb(width, height))
        with pytest.raises(MediaError, match=r"bomb.png: claims"):
            image_size(path)
        with pytest.raises(
            MediaError, match=rf"bomb.png: claims {width}x{height} pixels \(limit 64 megapixels\)"
        ):
            decode_image(path.read_bytes(), "bomb.png")


def test_a_bomb_of_another_kind_is_refused_before_it_is_decoded():
    jpeg = bytearray(encoded(PICTURE, "JPEG"))
    start = jpeg.index(b"\xff\xc0") + 5
    jpeg[start : start + 4] = struct.pack(">HH", 40000, 40000)
    with pytest.raises(MediaError, match="claims 40000x40000"):
        decode_image(bytes(jpeg), "a.jpg")
    flat = encoded(Image.new("L", (9000, 9000)), "TIFF", compression="tiff_lzw")
    with pytest.raises(MediaError, match="claims 9000x9000"):
        decode_image(flat, "a.tif")
    assert decode_image(encoded(PICTURE, "WEBP"), "a.webp", max_pixels=960).shape == (24, 40, 3)
    with pytest.raises(MediaError, match="claims 40x24"):
        decode_image(encoded(PICTURE, "WEBP"), "a.webp", max_pixels=959)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "PPM", "TGA", "PDF"])
def test_other_kinds_are_refused_whatever_their_name(kind):
    with pytest.raises(MediaError, match="frame.png: is no JPEG, PNG, TIFF or WebP"):
        decode_image(encoded(PICTURE, kind), "frame.png")


def test_a_png_with_a_wrong_suffix_is_read_by_its_content():
    assert np.array_equal(decode_image(encoded(PICTURE, "PNG"), "frame.jpg"), COLOURS)


def test_nonsense_after_a_good_signature_raises_nothing_but_our_error():
    rng = np.random.default_rng(0)
    samples = [encoded(PICTURE, kind) for kind in ("JPEG", "PNG", "TIFF", "WEBP")]
    samples.append(encoded(PICTURE, "TIFF", compression="tiff_lzw"))
    samples.append(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", bytes(13)) + png_chunk(b"IEND", b""))
    for sample in samples:
        for _ in range(150):
            damaged = bytearray(sample)
            for _ in range(int(rng.integers(1, 6))):
                damaged[int(rng.integers(4, len(damaged)))] = int(rng.integers(256))
            try:
                pixels = decode_image(bytes(damaged), "fuzz", max_pixels=10**6)
            except MediaError as error:
                assert error.file == "fuzz"
            else:
                assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_sixteen_bit_grey_is_turned_upright_and_turned_colour_is_refused(orientation):
    grey = np.arange(24 * 40, dtype=np.uint16).reshape(24, 40) * 60
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode_image(encoded(Image.fromarray(grey), "TIFF", exif=exif.tobytes()), "a.tif")
    turns = {1: 0, 3: 2, 6: -1}[orientation]
    assert np.array_equal(pixels[..., 0], np.rot90(np.round(grey / 257).astype(np.uint8), turns))


def test_a_palette_image_without_a_palette_is_refused():
    data = bytearray(encoded(PICTURE.convert("L"), "TIFF"))
    entry = data.index(struct.pack("<HHI", 262, 3, 1))
    data[entry + 8] = 3  # photometric interpretation: palette
    with pytest.raises(MediaError, match=r"^a.tif: damaged TIFF"):
        decode_image(bytes(data), "a.tif")
