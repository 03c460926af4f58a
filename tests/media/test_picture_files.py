"""Single pictures with what belongs to them: what EXIF says of the lens, and what is written again."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from focusgen.base.errors import ConfigError, CorruptInputError, StorageError
from focusgen.media.eight_bits import rounded_to_eight_bits
from focusgen.media.images import decode_image
from focusgen.media.orientation import EXIF_ORIENTATIONS
from focusgen.media.picture_files import (
    EXIF_IFD,
    F_NUMBER,
    FOCAL_LENGTH_35MM,
    FOCAL_LENGTH_MM,
    FOCAL_PLANE_UNIT,
    FOCAL_PLANE_X_RESOLUTION,
    ORIENTATION,
    PIXEL_X_DIMENSION,
    PIXEL_Y_DIMENSION,
    SUBJECT_DISTANCE,
    CameraNotes,
    Picture,
    check_target,
    exif_focal_px,
    png_with,
    read_picture,
    write_picture,
)

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def with_exif(path: Path, tags: dict[int, Any], orientation: int | None = None) -> Path:
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD).update(tags)
    if orientation is not None:
        exif[ORIENTATION] = orientation
    Image.fromarray(RGB).save(path, exif=exif)
    return path


def camera(tmp_path: Path, tags: dict[int, Any]) -> CameraNotes:
    return read_picture(with_exif(tmp_path / "a.jpg", tags)).camera


def test_a_camera_s_word_is_taken_in_its_own_units(tmp_path):
    tags = {
        FOCAL_LENGTH_MM: 25.0,
        F_NUMBER: 1.8,
        FOCAL_LENGTH_35MM: 50,
        SUBJECT_DISTANCE: IFDRational(15, 10),
    }
    found = camera(tmp_path, tags)
    assert (found.focal_length_mm, found.f_number) == (25.0, pytest.approx(1.8))
    assert found.sensor_width_mm == pytest.approx(17.3, abs=0.01)  # Four Thirds, of half the diagonal
    assert found.focus_distance_m == pytest.approx(1.5)


@pytest.mark.parametrize(
    "tags", [{}, {FOCAL_LENGTH_MM: 0.0, F_NUMBER: 0.0, FOCAL_LENGTH_35MM: 0}, {F_NUMBER: IFDRational(0, 0)}]
)
def test_zeros_are_a_camera_s_word_for_nothing(tmp_path, tags):
    assert camera(tmp_path, tags) == CameraNotes()


def test_a_sensor_is_known_from_both_focal_lengths_or_its_resolution(tmp_path):
    assert camera(tmp_path, {FOCAL_LENGTH_35MM: 50}).sensor_width_mm is None
    assert camera(tmp_path, {FOCAL_LENGTH_MM: 25.0}).sensor_width_mm is None
    # Canon's APS-C cameras say 5184 px at 5728.18 px per inch, and no 35 mm equivalent.
    canon = {FOCAL_LENGTH_MM: 50.0, FOCAL_PLANE_X_RESOLUTION: 5728.18, PIXEL_X_DIMENSION: 5184}
    found = camera(tmp_path, canon)
    assert found.sensor_width_mm == pytest.approx(22.99, abs=0.01) and found.told_by_resolution
    both = camera(tmp_path, {**canon, FOCAL_LENGTH_35MM: 50})
    assert both.sensor_width_mm == pytest.approx(34.61, abs=0.01) and not both.told_by_resolution
    no_sensor = camera(tmp_path, {**canon, FOCAL_PLANE_X_RESOLUTION: 72.0})
    assert no_sensor.sensor_width_mm is None and not no_sensor.told_by_resolution


@pytest.mark.parametrize(
    ("size", "width_mm"),
    [
        *(((12, 8), 18.0), ((16, 9), 18.0), ((8, 12), 18.0), ((12, 9), 17.31), ((9, 12), 17.31)),
        *(((12, 12), 12.5), ((10, 12), 15.0)),  # cut from sensors of 12 x 18 or 13 x 17.3 mm
    ],
)
def test_an_equivalent_keeps_the_diagonal_of_four_thirds_and_the_width_of_other_shapes(
    tmp_path, size, width_mm
):
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD).update({FOCAL_LENGTH_MM: 25.0, FOCAL_LENGTH_35MM: 50})
    Image.new("RGB", size).save(tmp_path / "a.jpg", exif=exif)
    found = read_picture(tmp_path / "a.jpg").camera.sensor_width_mm
    assert found == pytest.approx(width_mm, abs=0.01)
    shown_px = exif_focal_px(tmp_path / "a.jpg")
    assert shown_px == pytest.approx(25.0 * max(size) / found)


def with_distance(path: Path, numerator: int, denominator: int) -> Path:
    """Write the two numbers themselves: Pillow would write the reduced fraction."""
    data = with_exif(path, {SUBJECT_DISTANCE: IFDRational(1009, 2003)}).read_bytes()
    for order in "<>":
        data = data.replace(
            struct.pack(f"{order}II", 1009, 2003), struct.pack(f"{order}II", numerator, denominator)
        )
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("denominator", [1, 10, 1000, 0])
def test_the_largest_numerator_is_infinity_whatever_stands_below_it(tmp_path, denominator):
    found = read_picture(with_distance(tmp_path / "a.jpg", 0xFFFFFFFF, denominator)).camera
    assert found.focus_distance_m == float("inf")


@pytest.mark.parametrize(("numerator", "distance_m"), [(0, None), (1, 0.001), (0xFFFFFFFE, 4294967.294)])
def test_other_distances_are_numbers_and_zero_is_unknown(tmp_path, numerator, distance_m):
    found = read_picture(with_distance(tmp_path / "a.jpg", numerator, 1000)).camera.focus_distance_m
    assert found == (None if distance_m is None else pytest.approx(distance_m))


@pytest.mark.parametrize(
    ("tags", "focal_px"),
    [
        ({FOCAL_LENGTH_35MM: 36}, 8.3205029),  # of 4:3: the diagonal is that of full frame
        # 10 px per mm of the sensor, 5 mm; the second picture was taken with 16 px and made smaller since.
        ({FOCAL_LENGTH_MM: 5.0, FOCAL_PLANE_X_RESOLUTION: 10.0, FOCAL_PLANE_UNIT: 4}, 50.0),
        (
            {
                FOCAL_LENGTH_MM: 5.0,
                FOCAL_PLANE_X_RESOLUTION: 10.0,
                FOCAL_PLANE_UNIT: 4,
                PIXEL_X_DIMENSION: 16,
            },
            25.0,
        ),
        (
            {  # taken as 16 x 8 px: cut to 4:3 since, of the whole height
                FOCAL_LENGTH_MM: 5.0,
                FOCAL_PLANE_X_RESOLUTION: 10.0,
                FOCAL_PLANE_UNIT: 4,
                PIXEL_X_DIMENSION: 16,
                PIXEL_Y_DIMENSION: 8,
            },
            37.5,
        ),
        ({FOCAL_LENGTH_MM: 5.0, FOCAL_PLANE_X_RESOLUTION: 100.0, FOCAL_PLANE_UNIT: 3}, 50.0),
        ({FOCAL_LENGTH_MM: 5.0, FOCAL_PLANE_X_RESOLUTION: 254.0}, 50.0),  # inches, where no unit is said
        ({FOCAL_LENGTH_MM: 5.0, FOCAL_PLANE_X_RESOLUTION: 254.0, FOCAL_PLANE_UNIT: 1}, None),
        ({FOCAL_LENGTH_MM: 5.0}, None),
        ({FOCAL_PLANE_X_RESOLUTION: 254.0}, None),
        ({}, None),
    ],
)
def test_a_focal_length_in_pixels_needs_the_size_of_the_sensor(tmp_path, tags, focal_px):
    found = exif_focal_px(with_exif(tmp_path / "a.jpg", tags))
    assert found == (None if focal_px is None else pytest.approx(focal_px))


def test_what_is_no_picture_is_an_error_of_the_file(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"junk")
    for name in ("a.jpg", "gone.jpg"):
        with pytest.raises(OSError, match=name):
            exif_focal_px(tmp_path / name)


# --- what is read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_stay_sixteen(tmp_path, kind, channels):
    import cv2

    deep = np.random.default_rng(1).integers(0, 65536, (6, 8, channels), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / f"a{kind}"), deep[..., ::-1] if channels == 3 else deep)
    found = read_picture(tmp_path / f"a{kind}")
    assert found.is_deep and found.rgb.flags.c_contiguous
    np.testing.assert_array_equal(found.rgb, np.broadcast_to(deep, (6, 8, 3)))


def test_a_turned_picture_stands_upright_and_its_notes_say_so(tmp_path):
    found = read_picture(with_exif(tmp_path / "a.png", {}, orientation=6))
    np.testing.assert_array_equal(found.rgb, np.rot90(RGB, -1))
    exif = Image.Exif()
    exif.load(found.exif)
    assert exif[ORIENTATION] == 1 and not found.exif.startswith(b"Exif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_turned_picture_keeps_its_sixteen_bits(tmp_path, kind, orientation):
    import cv2

    deep = np.random.default_rng(2).integers(0, 65536, (6, 8), dtype=np.uint16)
    path = tmp_path / "a"
    if kind == "PNG":
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        plain = cv2.imencode(".png", np.repeat(deep[..., None], 3, axis=2))[1].tobytes()
        path.write_bytes(png_with(plain, b"", exif.tobytes().removeprefix(b"Exif\0\0")))
    else:  # grey: colours of 16 bits that are turned are refused
        Image.fromarray(deep).save(path, format=kind, tiffinfo={ORIENTATION: orientation})
    found = read_picture(path)
    assert found.is_deep
    np.testing.assert_array_equal(found.rgb[..., 0], EXIF_ORIENTATIONS[orientation].apply(deep))
    np.testing.assert_array_equal(rounded_to_eight_bits(found.rgb), decode_image(path.read_bytes(), "a"))


def test_a_picture_without_notes_has_none(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png")
    assert (found.exif, found.icc_profile, found.camera, found.is_deep) == (b"", b"", CameraNotes(), False)


def test_a_deep_picture_that_one_can_see_through_is_refused(tmp_path):
    import cv2

    deep = np.full((6, 8, 4), 65535, np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    assert read_picture(tmp_path / "a.png").rgb.shape == (6, 8, 3)
    deep[2, 3, 3] = 0
    cv2.imwrite(str(tmp_path / "b.png"), deep)
    with pytest.raises(CorruptInputError, match=r"b\.png"):
        read_picture(tmp_path / "b.png")


# --- what is written ---------------------------------------------------------------------------------------

PROFILE = b"\0" * 36 + b"acsp" + bytes(88)


def noted() -> Picture:
    exif = Image.Exif()
    exif[0x010F] = "Anna & Sohne"
    return Picture(RGB, exif.tobytes().removeprefix(b"Exif\0\0"), PROFILE, CameraNotes())


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg", ".JPEG"])
def test_notes_and_profile_travel_with_eight_bits(tmp_path, suffix):
    path = tmp_path / "new folder" / f"a{suffix}"
    write_picture(path, RGB, noted())
    with Image.open(path) as image:
        assert image.getexif()[0x010F] == "Anna & Sohne" and image.info["icc_profile"] == PROFILE
        difference = np.abs(np.asarray(image.convert("RGB")).astype(int) - RGB)
    assert difference.max() == 0 if suffix in (".png", ".webp") else difference.mean() < 6


def chunks(data: bytes) -> list[bytes]:
    kinds, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kinds.append(data[at + 4 : at + 8])
        at += 12 + length
    return kinds


def test_sixteen_bits_are_written_with_both_before_the_pixels(tmp_path):
    deep = np.random.default_rng(1).integers(0, 65536, (6, 8, 3), dtype=np.uint16)
    write_picture(tmp_path / "a.png", deep, noted())
    data = (tmp_path / "a.png").read_bytes()
    assert chunks(data)[:3] == [b"IHDR", b"iCCP", b"eXIf"] and chunks(data)[-1] == b"IEND"
    found = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(found.rgb, deep)
    assert found.icc_profile == PROFILE
    with Image.open(io.BytesIO(data)) as image:
        image.verify()  # every checksum holds
    write_picture(tmp_path / "b.png", deep, Picture(deep, b"", b"", CameraNotes()))
    assert not {b"iCCP", b"eXIf"} & set(chunks((tmp_path / "b.png").read_bytes()))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg", ".jpeg", ".PNG"])
def test_kinds_that_can_be_written_pass(suffix):
    check_target(Path(f"a{suffix}"), 8)


@pytest.mark.parametrize(
    ("name", "bits", "advice"),
    [
        ("a.tif", 8, ".jpg, .jpeg, .png, .webp"),
        ("a", 8, ".png"),
        ("a.jpg", 16, "--bits 8"),
        ("a.webp", 16, ".png"),
    ],
)
def test_kinds_that_cannot_are_refused_before_any_work(name, bits, advice):
    with pytest.raises(ConfigError, match=rf"^{name}: ") as caught:
        check_target(Path(name), bits)
    assert advice in caught.value.advice


def test_a_disk_that_refuses_leaves_nothing_behind(tmp_path):
    (tmp_path / "a").write_bytes(b"a file, no folder")
    with pytest.raises(StorageError):
        write_picture(tmp_path / "a" / "b.png", RGB, noted())
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<r:Description r:about="" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" '
    b'aux:ApproximateFocusDistance="72/100"/></r:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("kind", ["jpg", "webp", "tif", "png"])
def test_where_exif_does_not_say_the_focus_distance_xmp_does(tmp_path, kind):
    path, notes = tmp_path / f"a.{kind}", PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", XMP.decode())
    how = {"png": {"pnginfo": notes}, "tif": {"tiffinfo": {700: XMP}}}.get(kind, {"xmp": XMP})
    Image.fromarray(RGB).save(path, **how)
    assert read_picture(path).camera == CameraNotes(focus_distance_m=pytest.approx(0.72))


def test_exif_is_believed_before_xmp(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[SUBJECT_DISTANCE] = IFDRational(3, 2)
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif, xmp=XMP)
    assert read_picture(tmp_path / "a.jpg").camera.focus_distance_m == pytest.approx(1.5)
