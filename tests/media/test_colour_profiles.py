"""Colour profiles become sRGB, sRGB itself stays as it is, and both are told apart by what they do."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from focusgen.media.colour_profiles import are_alike, has_display_curve
from focusgen.media.images import decode_image, examine_image
from focusgen.media.picture_files import read_picture
from focusgen.media.rawcheck import CheckOptions, check_raw
from focusgen.media.scenes import RawScene, discover
from focusgen.media.video import open_frames
from tests.clips import encoded, moving_texture, png_chunk, swapped_profile

COLOURS = moving_texture(1, width=40, height=24)[0]
PICTURE = Image.fromarray(COLOURS)
SWAPPED = swapped_profile()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}


def managed(profile: bytes, picture: Image.Image = PICTURE) -> np.ndarray:
    """Return what a colour-managed viewer shows."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    shown = ImageCms.profileToProfile(picture, opened, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return np.asarray(shown)


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_foreign_profile_is_converted_and_said(kind):
    found = examine_image(encoded(PICTURE, kind, icc_profile=SWAPPED, **LOSSLESS[kind]), "a")
    assert np.array_equal(found.pixels, managed(SWAPPED))
    assert np.abs(found.pixels.astype(int) - COLOURS).mean() > 20
    assert found.rules == ("profile",)
    assert len(found.notes) == 1 and found.notes[0].startswith("ICC colour profile '")
    assert found.notes[0].endswith("converted to sRGB")


def test_a_profile_in_a_jpeg_is_converted_before_it_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(PICTURE, "JPEG", quality=95, icc_profile=SWAPPED, exif=exif.tobytes())
    stored = Image.open(io.BytesIO(data))
    assert np.array_equal(decode_image(data, "a"), np.rot90(managed(SWAPPED, stored), -1))


@pytest.mark.parametrize("kind", LOSSLESS)
def test_srgb_under_any_name_changes_no_pixel_and_says_nothing(kind):
    found = examine_image(encoded(PICTURE, kind, icc_profile=SRGB, **LOSSLESS[kind]), "a")
    assert np.array_equal(found.pixels, COLOURS)
    assert (found.notes, found.rules) == ((), ())


def test_deep_pixels_are_converted_too(tmp_path):
    deep = np.repeat(COLOURS[..., :1].astype(np.uint16) * 257, 3, axis=2)
    deep[..., 1] = 0
    import cv2

    plain = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    import zlib

    data = plain[:33] + png_chunk(b"iCCP", b"p\0\0" + zlib.compress(SWAPPED)) + plain[33:]
    expected = managed(SWAPPED, Image.fromarray((deep // 257).astype(np.uint8)))
    assert np.array_equal(decode_image(data, "a"), expected)
    # A single picture keeps its own colours: it is written again with its profile.
    (tmp_path / "a.png").write_bytes(data)
    picture = read_picture(tmp_path / "a.png")
    assert np.array_equal(picture.rgb, deep) and picture.icc_profile == SWAPPED


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (b"junk" * 64, "damaged ICC colour profile"),
        (SWAPPED[:16] + b"CMYK" + SWAPPED[20:], "ICC colour profile"),
    ],
)
def test_a_profile_that_cannot_be_used_is_said_and_no_refusal(profile, said):
    found = examine_image(encoded(PICTURE, "PNG", icc_profile=profile), "a")
    assert np.array_equal(found.pixels, COLOURS)
    assert found.notes[0].startswith(said) and found.notes[0].endswith("not applied")


def png_with(kind: bytes, body: bytes) -> bytes:
    """Return the picture as PNG with one more chunk behind the header."""
    plain = encoded(PICTURE, "PNG")
    return plain[:33] + png_chunk(kind, body) + plain[33:]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (png_with(b"gAMA", struct.pack(">I", 100000)), "PNG states a gamma of 1"),
        (png_with(b"gAMA", struct.pack(">I", 45455)), None),
        (png_with(b"cICP", bytes([9, 16, 0, 1])), "PNG states colours of H.273 (9, 16)"),
        *((png_with(b"cICP", bytes([*codes, 0, 1])), None) for codes in [(1, 13), (1, 1), (1, 6), (2, 2)]),
    ],
)
def test_other_statements_about_colours_are_not_applied_and_said(data, said):
    found = examine_image(data, "a")
    assert np.array_equal(found.pixels, COLOURS)
    assert len(found.notes) == (said is not None)
    assert not said or found.notes[0].startswith(said)


def test_phase_1_records_the_profile_and_a_scene_begun_before_goes_on_as_it_began(tmp_path):
    for index, pixels in enumerate(moving_texture(4)):
        profile = SWAPPED if index == 2 else b""
        data = encoded(Image.fromarray(pixels), "PNG", icc_profile=profile)
        (tmp_path / f"{index}.png").write_bytes(data)
    (raw,) = discover(tmp_path).scenes
    report = check_raw(raw, CheckOptions(1, None, 0.35))
    assert report.rules == ("profile",)
    assert len(report.notes) == 1
    plain = moving_texture(4)
    for rules, expected in (((), plain[2]), (("profile",), managed(SWAPPED, Image.fromarray(plain[2])))):
        with open_frames(RawScene(raw.scene_id, raw.kind, raw.path, raw.files, rules=rules)) as reader:
            assert np.array_equal(reader.read(2, 3)[0], expected)
            assert np.array_equal(reader.read(1, 2)[0], plain[1])


def with_curve(gamma: float) -> bytes:
    """Return sRGB's profile with another tone curve in place of its own."""
    profile = bytearray(SRGB)
    n_tags = int.from_bytes(profile[128:132], "big")
    entries = [profile[132 + 12 * i : 144 + 12 * i] for i in range(n_tags)]
    at = next(int.from_bytes(entry[4:8], "big") for entry in entries if entry[:4] == b"rTRC")
    profile[at : at + 16] = b"para" + bytes(4) + struct.pack(">HHi", 0, 0, round(gamma * 65536))
    return bytes(profile)


def test_profiles_are_alike_where_their_colours_are():
    assert are_alike(SRGB, b"") and are_alike(SWAPPED, SWAPPED)
    assert not are_alike(SWAPPED, SRGB) and not are_alike(b"", SWAPPED)


@pytest.mark.parametrize(("gamma", "is_display"), [(2.2, True), (1.8, True), (1.0, False)])
def test_linear_light_is_told_by_its_curve(gamma, is_display):
    assert has_display_curve(with_curve(gamma)) == is_display
    assert has_display_curve(b"") and has_display_curve(SRGB)
