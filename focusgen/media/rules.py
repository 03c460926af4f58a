"""Rules of decoding that came after the first release, so that no scene is made half by one, half by another.

Phase 1 applies all of them and records which had an effect on a scene. Later phases apply what is recorded:
a scene that an earlier release indexed goes on as it began, until phase 1 is told to look at it anew.
"""

from __future__ import annotations

STREAM = "stream"
"""Of several video streams the default one, else the largest, is taken, and not the first."""

CROP = "crop"
"""The container's crop (clap of mp4, PixelCrop of Matroska) is applied."""

PROFILE = "profile"
"""A colour profile other than sRGB is converted to sRGB."""

TIFF_LAYOUT = "tiff"
"""16-bit TIFF whose planes lie apart, or in which 0 is white, is read as it is meant."""

EXIF_LONG = "exif"
"""An EXIF orientation that was written as 32 bits, where the standard asks for 16, turns the picture."""

DEEP_LEVELS = "deep"
"""Subsampled video of 9 bits and more keeps its levels, which FFmpeg's direct road to RGB makes darker."""

ALL_RULES = frozenset({STREAM, CROP, PROFILE, TIFF_LAYOUT, EXIF_LONG, DEEP_LEVELS})
"""What phase 1 applies."""
