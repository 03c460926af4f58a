"""RGB8 of what Pillow has opened: modes looked up, 16 bits rounded, transparency refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import one_line
from focusgen.base.names import MediaError

if TYPE_CHECKING:
    from PIL import Image

Frame = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""

Tag = TypeVar("Tag", int, tuple[int, ...])

TRANSPARENT = "has transparent pixels"

_RGB_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr"})
_BITS_TAG = 0x0102
_SAMPLE_FORMAT_TAG, _SIGNED = 0x0153, 2


def is_sixteen_bit(image: Image.Image, data: bytes) -> bool:
    """Say whether a picture that is open, not yet loaded, has 16 bits."""
    if image.format == "PNG":
        return data[24] == 16
    # Pillow reads 16-bit RGB as 8-bit, cutting instead of rounding.
    return 16 in tiff_tag(image, _BITS_TAG, ()) and image.mode in ("RGB", "RGBA", "I;16", "I;16B", "I;16L")


def tiff_tag(image: Image.Image, number: int, default: Tag) -> Tag:
    """Return a TIFF tag; Pillow drops some of them when it loads the pixels."""
    tags = getattr(image, "tag_v2", None)
    return default if tags is None else tags.get(number, default)


def eight_bit(image: Image.Image, file: str) -> Frame:
    """Return a picture of 8 bits or fewer as RGB.

    Raises:
        MediaError: how its pixels should look is a choice, or some are transparent.
    """
    if image.mode not in _RGB_MODES or _SIGNED in tiff_tag(image, _SAMPLE_FORMAT_TAG, ()):
        raise MediaError(file, f"pixels of mode {image.mode}; convert it to 8-bit RGB")
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    rgba: Frame = np.asarray(image.convert("RGBA"))
    refuse_transparency(rgba[..., 3], 255, file)
    return rgba[..., :3]


def refuse_transparency(alpha: npt.NDArray[Any], opaque: int, file: str) -> None:
    """Refuse an alpha plane that is not `opaque` everywhere.

    Raises:
        MediaError: a pixel is transparent.
    """
    if (alpha != opaque).any():
        raise MediaError(file, f"{TRANSPARENT}, whose colour is undefined; flatten it to RGB")


def as_eight_bits(rgb: npt.NDArray[Any]) -> Frame:
    """Return (H, W, 3) of 8 or 16 bits as RGB8."""
    return rgb if rgb.dtype == np.uint8 else rounded_to_eight_bits(rgb)


def rounded_to_eight_bits(deep: npt.NDArray[Any]) -> Frame:
    """Return (H, W) grey or (H, W, 3) of 16 bits as RGB8."""
    rounded: Frame = ((deep.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 / 255 = 257
    return np.repeat(rounded[..., None], 3, axis=2) if rounded.ndim == 2 else rounded


def sixteen_bit_colour(data: bytes, file: str) -> Frame:
    """Return 8 bits of 16, rounded; OpenCV reads all 16, and Pillow has shown the file to be whole.

    Raises:
        MediaError: damaged, transparent, or no colours of 16 bits.
    """
    import cv2

    if data.startswith(b"\x89PNG") and b"tRNS" in data[:4096]:
        raise MediaError(file, "has a transparent colour, which is undefined; flatten it to RGB")
    try:
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise MediaError(file, f"damaged image: {one_line(error)}") from error
    if stored is None or stored.dtype != np.uint16:
        raise MediaError(file, "16-bit pixels of an unknown kind; convert it to 8-bit RGB")
    if stored.ndim == 3 and stored.shape[2] == 4:
        refuse_transparency(stored[..., 3], 65535, file)
    bgr_or_grey = stored[..., :3] if stored.ndim == 3 else stored
    return rounded_to_eight_bits(bgr_or_grey)[..., ::-1]
