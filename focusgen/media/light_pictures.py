"""Pictures of floats, EXR and TIFF, as 16 bits: 0 is black, 1 is white, what lies beyond is clipped."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from focusgen.base.errors import CorruptInputError
from focusgen.base.names import listed
from focusgen.media.depth_arrays import check_pixels
from focusgen.media.depth_codecs import naming
from focusgen.media.depth_exr import on_canvas
from focusgen.media.depth_rasters import decoded
from focusgen.media.depth_units import Numbers
from focusgen.media.tiff_tags import FORMAT, first_directory, read_tiff_tags

EXR = ".exr"
FLOATS = 3
WHITE, DARKEST_WHITE = 1.0, 1.0 / 256.0
"""Floats from 0 to white; a picture whose brightest pixel is darker than the second would lose its greys."""

SCALE_ADVICE = "Scale all slices of a stack by one number: white is 1."


def read_light(path: Path) -> npt.NDArray[np.uint16]:
    """Return (H, W, 3) of an EXR file, upright.

    Raises:
        CorruptInputError: damaged, no picture, or of another scale; names the file.
    """
    with naming(path):
        return _sixteen_bits(_exr(path))


def light_of_tiff(data: bytes) -> npt.NDArray[np.uint16] | None:
    """Return (H, W, 3) of the bytes of a TIFF of floats; None where they are whole numbers, or no TIFF.

    Raises:
        CorruptInputError: damaged, not upright, or of another scale.
    """
    return _sixteen_bits(_tiff(data)) if _holds_floats(data) else None


def _holds_floats(data: bytes) -> bool:
    try:
        return FLOATS in first_directory(data)[0].get(FORMAT, ())
    except (CorruptInputError, struct.error):  # no TIFF, or damaged: who reads it as one says so
        return False


def _sixteen_bits(light: Numbers) -> npt.NDArray[np.uint16]:
    """Return floats, grey or of three channels, as uint16."""
    middle, brightest = float(np.median(light)), float(light.max())
    if middle > WHITE or brightest < DARKEST_WHITE:
        which = f"half of it lies above {middle:.3g}" if middle > WHITE else f"none is above {brightest:.3g}"
        raise CorruptInputError(f"{which}, and 1 is white", SCALE_ADVICE)
    whole = np.rint(np.clip(light, 0.0, WHITE) * np.float32(65535.0)).astype(np.uint16)
    return np.repeat(whole[..., None], 3, axis=2) if whole.ndim == 2 else whole


def _numbers(light: Numbers) -> Numbers:
    """Return floats, of which none may be missing.

    Raises:
        CorruptInputError: one is.
    """
    if np.isnan(light).any():
        raise CorruptInputError("some of its pixels are no numbers", "Render or save it anew.")
    return light


def _tiff(data: bytes) -> Numbers:
    tags = read_tiff_tags(data)
    check_pixels(tags.width, tags.height)
    image = decoded(data) if tags.n_pages == 1 and tags.orientation == 1 and not tags.is_inverted else None
    if image is None or image.dtype != np.float32 or tags.n_channels not in (1, 3):
        raise CorruptInputError(
            f"a TIFF of {tags.dtype} in {tags.n_channels} channels that is not read",
            "Save one picture of 32-bit floats, grey or RGB, upright, uncompressed; or 16-bit whole numbers.",
        )
    return _numbers(image[..., ::-1] if image.ndim == 3 else image)


def _exr(path: Path) -> npt.NDArray[np.float32]:
    """Return the colours of the first part of an EXR file, over black where it is transparent."""
    import OpenEXR

    with OpenEXR.File(str(path), header_only=True) as probe:
        header = dict(probe.header(0))
    (left, top), (right, bottom) = header["dataWindow"]
    check_pixels(int(right) - int(left) + 1, int(bottom) - int(top) + 1)
    wanted = _colours([str(channel.name) for channel in header["channels"]])
    with OpenEXR.File(str(path), separate_channels=True) as image:
        planes = [_numbers(image.channels(0)[name].pixels) for name in wanted]
    windows = header["dataWindow"], header["displayWindow"]  # what lies outside of the data is black
    shown = [np.nan_to_num(on_canvas(plane, *windows), posinf=np.inf) for plane in planes]
    return np.stack(shown, axis=-1).astype(np.float32)


def _colours(names: list[str]) -> list[str]:
    """Return the channels of red, green and blue: without a layer, of the one called Combined, or grey.

    Raises:
        CorruptInputError: it is not sure which these are; names all.
    """
    ends = [name[:-1] for name in names if name.endswith("R")]
    layers = [end for end in ends if {f"{end}G", f"{end}B"} <= set(names)]
    whole = [layer for layer in layers if not layer or layer.endswith("Combined.")] or layers
    if len(whole) == 1:
        return [f"{whole[0]}{colour}" for colour in "RGB"]
    if set(names) - {"A"} == {"Y"}:
        return ["Y"] * 3
    raise CorruptInputError(
        f"which of its channels are the picture? It has {listed(sorted(names), 12)}",
        "Save the picture alone, in channels R, G and B.",
    )
