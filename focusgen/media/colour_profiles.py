"""Colour profiles of still images: what is not sRGB becomes sRGB, and what says so is told.

Phones write Display P3 and cameras Adobe RGB; taken as sRGB, every saturated colour is another. A profile
that describes sRGB, however it is called, changes no pixel: rounding through it would, and to no use.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

Frame = npt.NDArray[np.uint8]

_SAME_WITHIN_LEVELS = 3  # versions of the sRGB profile differ by one or two in the darkest tones
_SAME_CURVE_WITHIN_LEVELS = 30  # a gamma of 1.8 gives 17, linear light 60
_PROBE_STEPS = 12
_CACHED_PROFILES = 8
_ADOBE_RGB_IN_EXIF = b"R03\0"
_SRGB_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.02
_SRGB_CODES = (
    (1, 13),
    (1, 1),
    (1, 6),
    (2, 2),
)  # (primaries, transfer) of PNG's cICP that mean sRGB or the like


class Managed(NamedTuple):
    """Pixels in sRGB and what was done; `note` is empty where nothing was."""

    pixels: Frame
    is_converted: bool
    note: str


class _Profile(NamedTuple):
    """How a profile is applied: a transform from `mode`; None where nothing is to be done."""

    transform: ImageCmsTransform | None
    mode: str
    note: str


def to_srgb(pixels: Frame, profile: bytes) -> Managed:
    """Return (H, W, 3) pixels in sRGB.

    Args:
        pixels: RGB as stored; grey has three equal channels.
        profile: ICC profile, empty if there is none.
    """
    if not profile:
        return Managed(pixels, False, "")
    known = _profile_of(profile)
    if known.transform is None:
        return Managed(pixels, False, known.note)
    from PIL import Image

    if known.mode == "L":
        if (pixels != pixels[..., :1]).any():
            return Managed(
                pixels, False, "ICC colour profile of a grey picture in one with colours: not applied"
            )
        stored = Image.fromarray(np.ascontiguousarray(pixels[..., 0]))
    else:
        stored = Image.fromarray(np.ascontiguousarray(pixels))
    converted = known.transform.apply(stored)
    return Managed(np.asarray(converted), True, known.note)


def are_alike(one: bytes, other: bytes) -> bool:
    """Say whether two profiles mean the same colours; without one, sRGB is meant."""
    return (
        one == other or int(np.abs(_probe_through(one) - _probe_through(other)).max()) <= _SAME_WITHIN_LEVELS
    )


def has_display_curve(profile: bytes) -> bool:
    """Say whether middle grey is about as bright as in sRGB: in linear light it is far brighter."""
    grey = np.full((1, 1, 3), 128, np.uint8)
    return (
        int(np.abs(to_srgb(grey, profile).pixels.astype(np.int16) - 128).max()) <= _SAME_CURVE_WITHIN_LEVELS
    )


def _probe_through(profile: bytes) -> npt.NDArray[np.int16]:
    return to_srgb(_probe(), profile).pixels.astype(np.int16)


def _probe() -> Frame:
    """Return colours from all over the cube, (1, n, 3)."""
    levels = np.linspace(0, 255, _PROBE_STEPS).round().astype(np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)


@lru_cache(maxsize=_CACHED_PROFILES)
def _profile_of(profile: bytes) -> _Profile:
    from PIL import ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = opened.profile.xcolor_space.strip()
        name = " ".join((opened.profile.profile_description or "").split())[:60] or "without a name"
        if space not in ("RGB", "GRAY"):
            return _Profile(None, "", f"ICC colour profile for {space} in an RGB picture: not applied")
        mode = "RGB" if space == "RGB" else "L"
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return _Profile(None, "", "damaged ICC colour profile: not applied")
    if _is_identity(transform, mode):
        return _Profile(None, "", "")
    return _Profile(transform, mode, f"ICC colour profile '{name}' converted to sRGB")


def _is_identity(transform: ImageCmsTransform, mode: str) -> bool:
    """Say whether a transform leaves colours as they are, but for rounding."""
    from PIL import Image

    if mode == "L":
        probe = np.arange(256, dtype=np.uint8)[None]
        expected = np.repeat(probe[..., None], 3, axis=2)
    else:
        probe = expected = _probe()
    found = np.asarray(transform.apply(Image.fromarray(probe)))
    return int(np.abs(found.astype(np.int16) - expected).max()) <= _SAME_WITHIN_LEVELS


def unapplied_note(info: dict[Any, Any], exif: bytes, cicp: bytes) -> str:
    """Return what to say of other statements about colour, which are not applied; empty if there is none.

    Args:
        info: Pillow's notes on a picture without a colour profile.
        cicp: body of a PNG's cICP chunk, empty if there is none.
    """
    if len(cicp) == 4 and struct.unpack("BB", cicp[:2]) not in _SRGB_CODES:
        return f"PNG states colours of H.273 ({cicp[0]}, {cicp[1]}) that are not sRGB: not applied"
    if "srgb" not in info and "gamma" in info and abs(info["gamma"] - _SRGB_GAMMA) > _GAMMA_TOLERANCE:
        return f"PNG states a gamma of {info['gamma']:.4g} and no colour profile: not applied"
    if _ADOBE_RGB_IN_EXIF in exif:
        return "EXIF says Adobe RGB, but no colour profile is there: colours are taken as sRGB"
    return ""
