import cv2
import numpy as np
import pytest
from PIL import Image

from focusgen.base.names import MediaError
from focusgen.media.images import decode_image
from tests.clips import encoded, moving_texture

COLOURS = moving_texture(1, width=40, height=24)[0]
PICTURE = Image.fromarray(COLOURS)


@pytest.mark.parametrize("kind", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_rounded_and_not_cut(kind, channels):
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 65536, (24, 40, channels), dtype=np.uint16)
    deep[0, :4, 0] = [0, 128, 129, 65535]
    data = cv2.imencode(kind, deep[..., ::-1] if channels == 3 else deep)[1].tobytes()
    expected = np.round(deep.astype(np.float64) * 255 / 65535).astype(np.uint8)
    assert expected[0, :4, 0].tolist() == [0, 0, 1, 255]
    assert np.array_equal(decode_image(data, "a"), np.broadcast_to(expected, (24, 40, 3)))


@pytest.mark.parametrize("kind", [".png", ".tif"])
def test_alpha_of_sixteen_bits_is_dropped_where_it_is_opaque_and_else_refused_by_name(kind):
    deep = np.full((24, 40, 4), 65535, np.uint16)
    deep[..., :3] = COLOURS[..., ::-1].astype(np.uint16) * 257
    assert np.array_equal(decode_image(cv2.imencode(kind, deep)[1].tobytes(), "a"), COLOURS)
    deep[3, 4, 3] = 65534
    with pytest.raises(MediaError, match="^frame_7: has transparent pixels"):
        decode_image(cv2.imencode(kind, deep)[1].tobytes(), "frame_7")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_opaque_alpha_is_dropped_and_any_other_is_refused_by_name(kind):
    opaque = PICTURE.convert("RGBA")
    assert np.array_equal(decode_image(encoded(opaque, kind, lossless=True), "a"), COLOURS)
    opaque.putpixel((3, 4), (1, 2, 3, 254))
    with pytest.raises(MediaError, match="^frame_7: has transparent pixels"):
        decode_image(encoded(opaque, kind, lossless=True), "frame_7")


def test_a_transparent_palette_entry_counts_only_where_it_is_used():
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    assert decode_image(encoded(palette, "PNG", transparency=0), "a")[0, 0].tolist() == [40, 50, 60]
    with pytest.raises(MediaError, match="transparent"):
        decode_image(encoded(palette, "PNG", transparency=1), "a")
