"""Single pictures read and written with what belongs to them: 16 bits, EXIF, colour profile."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.base.files import make_folder, publish
from focusgen.media.eight_bits import refuse_transparency
from focusgen.media.images import decode_image, deep_pixels, read_bytes
from focusgen.media.orientation import EXIF_ORIENTATIONS, Orientation
from focusgen.media.rules import ALL_RULES, PROFILE
from focusgen.media.tiff_layout import as_plain_grey
from focusgen.media.xmp import ENDLESS, xmp_focus_distance_m

if TYPE_CHECKING:
    from PIL import Image

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
"""Kinds that are read; written are all but TIFF."""

WRITTEN_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
JPEG_QUALITY = 95

EXIF_IFD, ORIENTATION = 0x8769, 0x0112
F_NUMBER, FOCAL_LENGTH_MM, FOCAL_LENGTH_35MM = 0x829D, 0x920A, 0xA405
SUBJECT_DISTANCE, DATE_TIME_ORIGINAL = 0x9206, 0x9003
FOCAL_PLANE_X_RESOLUTION, FOCAL_PLANE_UNIT = 0xA20E, 0xA210
PIXEL_X_DIMENSION, PIXEL_Y_DIMENSION = 0xA002, 0xA003
UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}
FULL_FRAME_MM = (36.0, 24.0)
FOUR_THIRDS, LIKE_FOUR_THIRDS = 4.0 / 3.0, 0.02
HEIGHT_MM = 25.0
"""Between those of the two shapes of sensors, 24.0 and 26.0 mm under one equivalent."""

PLAUSIBLE_SENSOR_MM = (2.0, 60.0)
"""Long sides of sensors, from those of old phones to medium format."""


@dataclass(frozen=True)
class CameraNotes:
    """What EXIF, and of the focus distance XMP, say of the lens; None where they say nothing usable.

    Attributes:
        sensor_width_mm: that lies along the long side of the picture.
        told_by_resolution: whether that follows from the sensor's pixels per inch, not a 35 mm equivalent.
        orientation: as EXIF numbers it, 1 to 8; pictures are turned by it when they are read.
    """

    focal_length_mm: float | None = None
    f_number: float | None = None
    sensor_width_mm: float | None = None
    focus_distance_m: float | None = None
    orientation: int = 1
    told_by_resolution: bool = False


@dataclass(frozen=True)
class Picture:
    """An upright picture and its notes.

    Attributes:
        rgb: (H, W, 3) uint8 or uint16.
        exif: TIFF bytes without a header, orientation set to upright; empty if there were none.
        icc_profile: the colour profile, empty if there was none.
        camera: what EXIF says of the lens.
    """

    rgb: npt.NDArray[Any]
    exif: bytes
    icc_profile: bytes
    camera: CameraNotes

    @property
    def is_deep(self) -> bool:
        """True for 16 bits per channel."""
        return self.rgb.dtype == np.uint16


def read_picture(path: Path) -> Picture:
    """Return a JPEG, PNG, TIFF or WebP picture, turned upright.

    Raises:
        CorruptInputError: damaged, or of a kind that `focusgen.media.images` refuses; names the file.
    """
    return picture_of(read_bytes(path, path.name), path.name)


def picture_of(data: bytes, file: str) -> Picture:
    """Return the picture in the bytes of a file, as `read_picture` does."""
    # Checks the file, whatever its depth; colours stay in the profile, which is written again with them.
    rgb: npt.NDArray[Any] = decode_image(data, file, rules=ALL_RULES - {PROFILE})
    planes = as_plain_grey(data)
    if planes is not None:
        deep, profile = deep_pixels(planes, file)
        rgb = deep if deep.ndim == 3 else np.repeat(deep[..., None], 3, axis=2)
        return Picture(np.ascontiguousarray(rgb), b"", profile, CameraNotes())
    return _with_notes(data, rgb, file)


def _with_notes(data: bytes, rgb: npt.NDArray[Any], file: str) -> Picture:
    """Return a decoded picture, with all of its 16 bits if it has them, and what belongs to it."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        exif, profile = image.getexif(), image.info.get("icc_profile") or b""
        deep = _sixteen_bits(image, data, rgb.shape[:2], EXIF_ORIENTATIONS[_orientation_of(exif)])
        if deep is not None:
            refuse_transparency(deep[..., 3:], 65535, file)
            rgb = np.ascontiguousarray(deep[..., :3])
        camera = _camera_notes(exif, _xmp_of(image), image.size)
        notes = _upright_exif(exif)
    return Picture(rgb, notes, bytes(profile), camera)


def _sixteen_bits(
    image: Image.Image, data: bytes, size: tuple[int, ...], orientation: Orientation
) -> npt.NDArray[np.uint16] | None:
    """Return upright (H, W, 3 or 4) RGB(A) if the file has 16 bits per channel."""
    import cv2

    if data.startswith(b"\xff\xd8\xff") or data[:4] == b"RIFF":
        return None
    if image.format == "TIFF" and image.mode.startswith("I;16"):  # Pillow turns it, OpenCV gives 8 bits
        stored: Any = np.asarray(image).astype(np.uint16)
    else:
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if stored is None or stored.dtype != np.uint16:
            return None
        stored = orientation.apply(stored)
    if stored.shape[:2] != size:
        return None
    if stored.ndim == 2:
        return np.repeat(stored[..., None], 3, axis=2)
    order = [2, 1, 0, *range(3, stored.shape[2])]
    return np.ascontiguousarray(stored[..., order])


def _xmp_of(image: Image.Image) -> bytes:
    """Return the XMP packet of an opened picture, empty where it has none."""
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return found.encode() if isinstance(found, str) else bytes(found)


def _camera_notes(exif: Image.Exif, xmp: bytes, size: tuple[int, int]) -> CameraNotes:
    tags = exif.get_ifd(EXIF_IFD)
    focal_mm, f_number = _positive(tags.get(FOCAL_LENGTH_MM)), _positive(tags.get(F_NUMBER))
    same_view_mm = _positive(tags.get(FOCAL_LENGTH_35MM))
    width_mm = _same_view_mm(size) * focal_mm / same_view_mm if focal_mm and same_view_mm else None
    by_resolution_mm = None if width_mm else _plausible_mm(_focal_plane_mm(tags, size))
    focus_m = _distance_m(tags.get(SUBJECT_DISTANCE))
    told_m = focus_m or xmp_focus_distance_m(xmp)
    is_by_resolution = by_resolution_mm is not None
    return CameraNotes(
        focal_mm, f_number, width_mm or by_resolution_mm, told_m, _orientation_of(exif), is_by_resolution
    )


def _same_view_mm(size: tuple[int, int]) -> float:
    """Return the long side of what a 35 mm equivalent compares a picture of this size with.

    Equivalents keep the diagonal: 25 mm on Four Thirds, 17.3 mm wide, are said to be 50. Pictures of another
    shape are cut from what a sensor shows, under its equivalent: wider ones are taken to be as wide as a
    sensor of 3:2, whose width they mostly keep, others, square ones mostly, keep its height.
    """
    shape = max(size) / min(size)
    if abs(shape - FOUR_THIRDS) < LIKE_FOUR_THIRDS:
        return 0.8 * math.hypot(*FULL_FRAME_MM)
    return FULL_FRAME_MM[0] if shape > FOUR_THIRDS else shape * HEIGHT_MM


def _focal_plane_mm(tags: Mapping[int, Any], size: tuple[int, int]) -> float | None:
    """Return the long side of the sensor that a picture shows, by its pixels per inch in EXIF."""
    per_unit = _positive(tags.get(FOCAL_PLANE_X_RESOLUTION))
    unit_mm = UNIT_MM.get(tags.get(FOCAL_PLANE_UNIT, 2))
    if per_unit is None or unit_mm is None:
        return None
    # The resolution is of the picture as the sensor gave it; one that was turned has its long side upright.
    sides_px = (_positive(tags.get(tag)) for tag in (PIXEL_X_DIMENSION, PIXEL_Y_DIMENSION))
    taken_px = sorted(side for side in sides_px if side is not None) or [float(max(size))]
    # One that was made square since keeps the height.
    kept_px = min(taken_px[-1], taken_px[0] * max(size) / min(size)) if len(taken_px) == 2 else taken_px[0]
    return max(kept_px, 1.0) * unit_mm / per_unit


def _plausible_mm(width_mm: float | None) -> float | None:
    """Return the width of a sensor, None where it is none: some cameras write numbers that mean nothing."""
    least_mm, most_mm = PLAUSIBLE_SENSOR_MM
    return width_mm if width_mm is not None and least_mm <= width_mm <= most_mm else None


def _orientation_of(exif: Image.Exif) -> int:
    """Return 1 to 8; what else cameras write, 0 mostly, means nothing."""
    return next((n for n in range(1, 9) if n == exif.get(ORIENTATION)), 1)


def exif_focal_px(path: Path) -> float | None:
    """Return the focal length in pixels that a camera wrote into a picture, None where it did not.

    Raises:
        OSError: the file is gone or no picture.
    """
    from PIL import Image

    with Image.open(path) as image:
        tags, size = image.getexif().get_ifd(EXIF_IFD), image.size
    same_view_mm = _positive(tags.get(FOCAL_LENGTH_35MM))
    if same_view_mm is not None:
        return max(size) * same_view_mm / _same_view_mm(size)
    focal_mm, sensor_mm = _positive(tags.get(FOCAL_LENGTH_MM)), _focal_plane_mm(tags, size)
    return None if focal_mm is None or sensor_mm is None else focal_mm / sensor_mm * max(size)


def taken_at(path: Path) -> datetime | None:
    """Return when a camera took a picture, to the second; None where EXIF does not say it.

    Raises:
        OSError: the file is gone or no picture.
    """
    from PIL import Image

    with Image.open(path) as image:
        said = image.getexif().get_ifd(EXIF_IFD).get(DATE_TIME_ORIGINAL)
    try:
        return datetime.strptime(str(said), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def _distance_m(value: str | SupportsFloat | None) -> float | None:
    """Return the subject distance; EXIF writes infinity as the largest numerator, unknown as 0."""
    from PIL.TiffImagePlugin import IFDRational

    if isinstance(value, IFDRational) and value.numerator == ENDLESS:
        return float("inf")  # whatever the denominator: some cameras write 1000, or 0
    distance_m = _positive(value)
    return float("inf") if distance_m is not None and distance_m >= ENDLESS else distance_m


def _positive(value: str | SupportsFloat | None) -> float | None:
    try:
        number = float(value or 0)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _upright_exif(exif: Image.Exif) -> bytes:
    if not len(exif):
        return b""
    exif[ORIENTATION] = 1  # the pixels that are written stand upright
    written: bytes = exif.tobytes()
    return written.removeprefix(b"Exif\0\0")


def check_target(path: Path, bits: int) -> None:
    """Refuse a file that could not be written, before any work is done.

    Raises:
        ConfigError: an unknown kind, or 16 bits where the kind has 8.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITTEN_SUFFIXES:
        raise ConfigError(f"{path}: cannot write this kind", f"Choose one of {', '.join(WRITTEN_SUFFIXES)}.")
    if bits == 16 and suffix != ".png":
        raise ConfigError(f"{path}: 16 bits are written as PNG only", "Name it .png, or say --bits 8.")


def write_picture(path: Path, rgb: npt.NDArray[Any], like: Picture) -> None:
    """Write a picture with the notes and the colour profile of another, whole or not at all.

    Args:
        path: target; the suffix says the kind.
        rgb: (H, W, 3) uint8, or uint16 for PNG.
        like: where EXIF and colour profile come from.

    Raises:
        StorageError: the disk refused.
    """
    data = _png16(rgb, like) if rgb.dtype == np.uint16 else _eight_bits(path.suffix.lower(), rgb, like)
    make_folder(path.parent)
    publish(path, data)


def _eight_bits(suffix: str, rgb: npt.NDArray[np.uint8], like: Picture) -> bytes:
    from PIL import Image

    options: dict[str, Any] = {"exif": b"Exif\0\0" + like.exif} if like.exif else {}
    if like.icc_profile:
        options["icc_profile"] = like.icc_profile
    if suffix in (".jpg", ".jpeg"):
        options.update(quality=JPEG_QUALITY, subsampling=0)
    if suffix == ".webp":
        options.update(lossless=True)
    buffer = io.BytesIO()
    kind = {".png": "PNG", ".webp": "WEBP"}.get(suffix, "JPEG")
    Image.fromarray(rgb).save(buffer, format=kind, **options)
    return buffer.getvalue()


def _png16(rgb: npt.NDArray[np.uint16], like: Picture) -> bytes:
    """Return a 16-bit PNG with profile and EXIF; Pillow writes no 16-bit colour, OpenCV no notes."""
    import cv2

    is_encoded, data = cv2.imencode(".png", rgb[..., ::-1])
    if not is_encoded:
        raise CorruptInputError(f"a picture of {rgb.shape} could not be encoded")
    return png_with(data.tobytes(), like.icc_profile, like.exif)


def png_with(plain: bytes, icc_profile: bytes, exif: bytes = b"") -> bytes:
    """Return a PNG file without notes with a colour profile and EXIF, of which either may be empty."""
    end_of_header = 8 + 12 + 13
    chunks = b""
    if icc_profile:
        chunks += _chunk(b"iCCP", b"profile\0\0" + zlib.compress(icc_profile))
    if exif:
        chunks += _chunk(b"eXIf", exif)
    return plain[:end_of_header] + chunks + plain[end_of_header:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
