"""Pixels of FFmpeg's frames as 8-bit arrays, whose levels are those that the stream says.

FFmpeg's direct road from subsampled colours of more than 8 bits to RGB makes levels up to four of 255 darker,
1.5 on average (limited range). With the colour differences enlarged first it rounds, and nothing else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from focusgen.media.images import Frame

if TYPE_CHECKING:
    import av

_DEEP_SUBSAMPLED = re.compile(r"yuv4(?:20|22|40|11|10)p(9|1[0-6])(le|be)")


class Pixels:
    """Turns frames of one stream into arrays; FFmpeg's tables are made once.

    Args:
        keeps_levels: go round the road that is too dark (`rules.DEEP_LEVELS`).
    """

    def __init__(self, *, keeps_levels: bool) -> None:
        from av.video.reformatter import VideoReformatter

        self._converter, self._enlarger = VideoReformatter(), VideoReformatter()
        self._keeps_levels = keeps_levels

    def way_round(self, frame: av.VideoFrame) -> str:
        """Return the format by which a frame keeps its levels on its way to RGB; "" where it needs none."""
        found = _DEEP_SUBSAMPLED.fullmatch(frame.format.name) if self._keeps_levels else None
        return "" if found is None else f"yuv444p{found[1]}{found[2]}"

    def array(self, frame: av.VideoFrame, pixel_format: str) -> Frame:
        """Return all of a frame in a format of 8 bits."""
        enlarged = self.way_round(frame)
        if enlarged:
            frame = self._enlarger.reformat(frame, format=enlarged)
        pixels: Any = self._converter.reformat(frame, format=pixel_format).to_ndarray()  # uint8 by its format
        return np.asarray(pixels)

    def small(self, frame: av.VideoFrame, width: int, height: int) -> Frame:
        """Return a frame as a small RGB picture, to look at and no more."""
        small = self._converter.reformat(
            frame, width=width, height=height, format="rgb24", interpolation="AREA"
        )
        pixels: Any = small.to_ndarray()
        return np.asarray(pixels)
