"""Still images turned into RGB8 by one stated rule, or refused by name; damage is found, not decoded around.

The rule, in order:

- The kind is read from the content, not from the file's name: JPEG, PNG, TIFF or WebP, one picture per file.
- The size stands in the header and is compared with the limit before anything of that size is allocated.
- The file must be whole: JPEG is decoded strictly (Pillow's `verify` finds no truncated JPEG at all, and
  `cv2.imread` returns wrong pixels in silence), the checksum of every PNG chunk is compared.
- EXIF orientation is applied. Grey is repeated three times, a palette is looked up.
- 16 bits become 8 by rounding v * 255 / 65535.
- A colour profile other than sRGB is converted to sRGB, and said (colour_profiles.py). A gamma alone, or
  another statement about colours, is not applied, and said.
- Alpha that is opaque everywhere is dropped. Any other alpha is refused: the colour under a transparent pixel
  is undefined, and putting it on a background would draw edges that no camera saw.
- CMYK, Lab, float, 32-bit and animated or many-paged files are refused: how they should look is a choice.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import one_line
from focusgen.base.names import MediaError
from focusgen.media.codecs import MAX_PIXELS
from focusgen.media.colour_profiles import to_srgb, unapplied_note
from focusgen.media.eight_bits import (
    eight_bit,
    is_sixteen_bit,
    refuse_transparency,
    rounded_to_eight_bits,
    sixteen_bit_colour,
    tiff_tag,
)
from focusgen.media.image_kinds import JPEG, PNG, TIFF, kind_of, naming, opened
from focusgen.media.orientation import (
    EXIF_ORIENTATIONS,
    ORIENTATION_TAG,
    Orientation,
    turned_note,
    turning,
)
from focusgen.media.png_chunks import BrokenChunk, png_chunks
from focusgen.media.rules import ALL_RULES, PROFILE, TIFF_LAYOUT
from focusgen.media.stand_ins import HEAD_BYTES
from focusgen.media.tiff_layout import GreyPlanes, as_plain_grey

if TYPE_CHECKING:
    from PIL import Image

Frame = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""

EXIF_ASKS = "EXIF asks"
MAX_FILE_BYTES = 1 << 30  # 64 megapixels of 16-bit RGBA, uncompressed, take half of it


class Decoded(NamedTuple):
    """An upright picture.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        notes: what a person should know of its colours.
        rules: which of `rules.ALL_RULES` had an effect.
    """

    pixels: Frame
    notes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


class _Colours(NamedTuple):
    """What a file says of its colours, and what to say if it was turned upright."""

    profile: bytes
    unapplied: str
    turned: str = ""


def check_pixels(file: str, width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse a size before anything of that size is allocated.

    Raises:
        MediaError: more than `max_pixels`, or none at all.
    """
    if width < 1 or height < 1:
        raise MediaError(file, f"claims {width}x{height} pixels")
    if width * height > max_pixels:
        raise MediaError(file, f"claims {width}x{height} pixels (limit {max_pixels / 1e6:g} megapixels)")


def read_bytes(path: Path, file: str) -> bytes:
    """Return the bytes of an image file.

    Raises:
        MediaError: unreadable, empty, or larger than any image within the pixel limit.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise MediaError(file, f"cannot be read: {error.strerror}") from error
    if not data:
        raise MediaError(file, "is empty")
    if len(data) > MAX_FILE_BYTES:
        raise MediaError(file, f"is larger than {MAX_FILE_BYTES} bytes")
    return data


def image_size(
    path: Path, max_pixels: int = MAX_PIXELS, rules: Collection[str] = ALL_RULES
) -> tuple[int, int]:
    """Return (width, height) of the upright image, from its header alone.

    Raises:
        MediaError: no image of an accepted kind, or larger than the limit.
    """
    file = path.name
    try:
        with path.open("rb") as stream:
            kind = kind_of(file, stream.read(HEAD_BYTES))
            stream.seek(0)
            with opened(file, kind, stream) as image:
                check_pixels(file, *image.size, max_pixels)
                return _orientation_of(image, file, rules)[0].size(*image.size)
    except OSError as error:
        raise MediaError(file, f"cannot be read: {error.strerror or error}") from error


def decode_image(
    data: bytes, file: str, max_pixels: int = MAX_PIXELS, rules: Collection[str] = ALL_RULES
) -> Frame:
    """Return the pixels of `examine_image`."""
    return examine_image(data, file, max_pixels, rules).pixels


def examine_image(
    data: bytes, file: str, max_pixels: int = MAX_PIXELS, rules: Collection[str] = ALL_RULES
) -> Decoded:
    """Return the upright RGB8 pixels of an image file's bytes, by the rule of this module, and what to say.

    Args:
        file: its name, for messages.
        max_pixels: limit, compared with the header.
        rules: which of `rules.ALL_RULES` to apply.

    Raises:
        MediaError: damaged, too large, or of a kind that the rule refuses; names the file.
    """
    kind = kind_of(file, data[:HEAD_BYTES])
    if kind == JPEG:
        pixels, colours, applied = _decode_jpeg(data, file, max_pixels, rules)
    else:
        pixels, colours, applied = _decode_other(data, file, kind, max_pixels, rules)
    turned = (colours.turned,) if colours.turned else ()
    if PROFILE not in rules or not (colours.profile or colours.unapplied):
        return Decoded(pixels, turned, applied)
    with naming(file, kind):
        managed = to_srgb(pixels, colours.profile)
    note = managed.note or colours.unapplied
    said = (*turned, note) if note else turned
    return Decoded(managed.pixels, said, applied + ((PROFILE,) if managed.is_converted else ()))


def _decode_other(
    data: bytes, file: str, kind: str, max_pixels: int, rules: Collection[str]
) -> tuple[Frame, _Colours, tuple[str, ...]]:
    """Return (pixels, colours, applied rules) of all that is no JPEG."""
    cicp = _check_png(data, file, max_pixels) if kind == PNG else b""
    grey_planes = as_plain_grey(data) if kind == TIFF else None
    if grey_planes is not None:
        if TIFF_LAYOUT not in rules:
            raise MediaError(
                file,
                "16-bit TIFF of a layout that the release which indexed this scene read wrongly",
                "Run phase 1 with --on_stale redo, then the later phases.",
            )
        deep, profile = deep_pixels(grey_planes, file, max_pixels)
        return rounded_to_eight_bits(deep), _Colours(profile, ""), (TIFF_LAYOUT,)
    with opened(file, kind, io.BytesIO(data)) as image:
        check_pixels(file, *image.size, max_pixels)
        _refuse_sequences(image, file)
        is_deep, tiff_value = is_sixteen_bit(image, data), tiff_tag(image, ORIENTATION_TAG, 1)
        image.load()
        orientation, applied = _orientation_of(image, file, rules)
        if not is_deep:
            pixels = eight_bit(image, file)
        elif image.mode.startswith("I;16"):
            pixels = rounded_to_eight_bits(np.asarray(image))
        elif tiff_value != 1:
            raise MediaError(file, "16-bit RGB with an orientation tag; save it upright")
        else:
            pixels = sixteen_bit_colour(data, file)
        upright = EXIF_ORIENTATIONS.get(tiff_value, orientation) if tiff_value != 1 else orientation
        turned = turned_note(upright, EXIF_ASKS)
        colours = _colours_of(image, cicp)._replace(turned=turned)
    return orientation.apply(pixels), colours, applied


def deep_pixels(
    planes: GreyPlanes, file: str, max_pixels: int = MAX_PIXELS
) -> tuple[npt.NDArray[np.uint16], bytes]:
    """Return ((H, W) grey or (H, W, 3) RGB, colour profile) of a TIFF that was taken apart into grey ones.

    Raises:
        MediaError: damaged, too large, or not opaque.
    """
    decoded = []
    for plane in planes.files:
        with opened(file, TIFF, io.BytesIO(plane)) as image:
            check_pixels(file, *image.size, max_pixels)
            _refuse_sequences(image, file)
            image.load()
            if not image.mode.startswith("I;16"):
                raise MediaError(file, "16-bit pixels of an unknown kind; convert it to 8-bit RGB")
            decoded.append(np.asarray(image))
            profile = bytes(image.info.get("icc_profile") or b"")
    deep = decoded[0] if len(decoded) == 1 else np.stack(decoded, axis=-1)
    if planes.is_white_zero:
        deep = 65535 - deep
    if deep.ndim == 3 and deep.shape[2] > 3:
        refuse_transparency(deep[..., 3:], 65535, file)
        deep = deep[..., :3]
    return deep, profile


def _colours_of(image: Image.Image, cicp: bytes) -> _Colours:
    profile = image.info.get("icc_profile") or b""
    if profile and not cicp:
        return _Colours(bytes(profile), "")
    return _Colours(b"", unapplied_note(image.info, image.info.get("exif", b""), cicp))


def _decode_jpeg(
    data: bytes, file: str, max_pixels: int, rules: Collection[str]
) -> tuple[Frame, _Colours, tuple[str, ...]]:
    import simplejpeg

    try:
        height, width, colour, _ = simplejpeg.decode_jpeg_header(data, strict=True)
        check_pixels(file, width, height, max_pixels)
        if colour in ("CMYK", "YCCK"):
            raise MediaError(file, f"{colour} colours; convert it to RGB")
        pixels: Frame = simplejpeg.decode_jpeg(data, colorspace="RGB", strict=True)
    except ValueError as error:
        raise MediaError(file, f"damaged JPEG: {one_line(error)}") from error
    with opened(file, JPEG, io.BytesIO(data)) as image:
        orientation, applied = _orientation_of(image, file, rules)
        colours = _colours_of(image, b"")._replace(turned=turned_note(orientation, EXIF_ASKS))
    return orientation.apply(pixels), colours, applied


def _check_png(data: bytes, file: str, max_pixels: int) -> bytes:
    """Walk the chunks: every checksum right, the first IHDR, an IEND at the end. Return the body of cICP."""
    is_first, cicp = True, b""
    try:
        for kind, begin, end in png_chunks(data):
            if is_first:
                if kind != b"IHDR" or end - begin != 13:
                    raise MediaError(file, "damaged PNG: no header")
                width, height = struct.unpack_from(">II", data, begin)
                check_pixels(file, width, height, max_pixels)
            is_first = False
            if kind == b"cICP":
                cicp = data[begin:end]
    except BrokenChunk as error:
        where = "inside a chunk" if error.kind else "before its last chunk"
        wrong = f"wrong checksum of chunk {error.kind!r} at byte {error.position}"
        said = f"truncated PNG: it ends {where}" if error.is_cut else f"damaged PNG: {wrong}"
        raise MediaError(file, said) from error
    return cicp


def _refuse_sequences(image: Image.Image, file: str) -> None:
    n_pictures = getattr(image, "n_frames", 1)
    if n_pictures > 1:
        raise MediaError(
            file,
            f"holds {n_pictures} pictures; one image file is one frame",
            "Save each of them as a file of its own.",
        )


def _orientation_of(
    image: Image.Image, file: str, rules: Collection[str]
) -> tuple[Orientation, tuple[str, ...]]:
    if image.format == TIFF:
        return Orientation(), ()  # Pillow states and loads TIFF upright by itself
    value, applied = turning(image.info.get("exif", b""), rules)
    if value not in EXIF_ORIENTATIONS:
        raise MediaError(file, f"EXIF orientation {value} does not exist (1 to 8)")
    return EXIF_ORIENTATIONS[value], applied
