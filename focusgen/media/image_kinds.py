"""Kinds of image files, told by their content, and the one parser that each is opened with."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from focusgen.base.errors import one_line
from focusgen.base.names import MediaError
from focusgen.media.png_chunks import PNG_SIGNATURE
from focusgen.media.stand_ins import stand_in, unread_picture

if TYPE_CHECKING:
    from PIL import Image

JPEG, PNG, TIFF, WEBP = "JPEG", "PNG", "TIFF", "WEBP"
_MAGIC = (
    (b"\xff\xd8\xff", JPEG),
    (PNG_SIGNATURE, PNG),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
)
_PILLOW_FORMATS = {JPEG: ("JPEG", "MPO"), PNG: ("PNG",), TIFF: ("TIFF",), WEBP: ("WEBP",)}
# What Pillow's parsers raise on hostile bytes; found by fuzzing them, and wide because the formats are.
_PARSER_ERRORS = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, ArithmeticError)
_DECODER_ERRORS = (*_PARSER_ERRORS, AttributeError, AssertionError, RuntimeError, struct.error, zlib.error)


def kind_of(file: str, head: bytes) -> str:
    """Return the kind of an image file whose content begins with `head`.

    Raises:
        MediaError: none of those that are read; says what it is instead.
    """
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    what = stand_in(head) or f"no JPEG, PNG, TIFF or WebP image{unread_picture(head)}"
    raise MediaError(file, f"is {what}")


@contextmanager
def opened(file: str, kind: str, stream: io.BufferedIOBase) -> Iterator[Image.Image]:
    """Open with the one parser that fits the content, and name the file in whatever goes wrong inside."""
    from PIL import Image

    with (
        naming(file, kind),
        Image.open(stream, formats=_PILLOW_FORMATS[kind]) as image,  # type: ignore[arg-type]
    ):
        yield image


@contextmanager
def naming(file: str, kind: str) -> Iterator[None]:
    """Name the file in whatever Pillow raises inside."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except Image.DecompressionBombError as error:
        raise MediaError(file, "claims more pixels than any image may have") from error
    except UnidentifiedImageError as error:
        raise MediaError(
            file, f"damaged {kind}, or of a kind that is not read: convert it to 8-bit RGB"
        ) from error
    except _DECODER_ERRORS as error:
        raise MediaError(file, f"damaged {kind}: {one_line(error)}") from error
