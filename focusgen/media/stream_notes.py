"""What a person should know of a video whose pixels are unusual: said once, used as they are.

Only what changes the meaning of a pixel and cannot be seen in the index is said. A colour matrix that cannot
be converted is refused, because a guess would shift every colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from focusgen.base.names import MediaError

if TYPE_CHECKING:
    import av

_TO_BT2020 = ":tin={0}:pin=2020:m=2020_ncl:t={0}:p=2020"
# Numbers of ITU-T H.273 -> name, and the options of FFmpeg's zscale that convert it, where it can.
_REFUSED_MATRICES = {
    8: ("YCgCo", "min=ycgco:m=709"),
    10: ("BT.2020 constant luminance", "min=2020_cl" + _TO_BT2020.format("2020_10")),
    11: ("SMPTE ST 2085 (Y'D'zD'x)", ""),
    13: ("chromaticity-derived constant luminance", "min=chroma-derived-c" + _TO_BT2020.format("2020_10")),
    14: ("ICtCp", "min=ictcp" + _TO_BT2020.format("smpte2084")),
    15: ("IPT-C2", ""),
    16: ("YCgCo-Re", ""),
    17: ("YCgCo-Ro", ""),
}
_CURVES = {
    8: "linear transfer curve",
    9: "logarithmic transfer curve",
    10: "logarithmic transfer curve",
    16: "HDR transfer curve (PQ)",
    17: "DCI transfer curve (SMPTE ST 428)",
    18: "HDR transfer curve (HLG)",
}
_BT2020 = 9
_WIDE_PRIMARIES = {_BT2020: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
_FULL_RANGE, _UNSPECIFIED = 2, 2
_PLAYERS_ASSUME_BT709_FROM_LINES = 720
_SEEN_ASPECT = 0.005  # an encoder that keeps the picture's shape to the last pixel writes 852:853


class Looks(NamedTuple):
    """What a decoded frame says of its pixels, in the numbers of H.273."""

    is_interlaced: bool
    curve: int
    primaries: int
    matrix: int
    colour_range: int

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Looks:
        """Read them from PyAV's frame."""
        return cls(
            bool(frame.interlaced_frame),
            int(frame.color_trc),
            int(frame.color_primaries),
            int(frame.colorspace),
            int(frame.color_range),
        )


def check_matrix(file: str, looks: Looks) -> None:
    """Refuse a colour matrix that cannot be converted.

    Raises:
        MediaError: names the matrix, and the command that converts the file.
    """
    if looks.matrix not in _REFUSED_MATRICES:
        return
    name, options = _REFUSED_MATRICES[looks.matrix]
    how = "Write it with the matrix of BT.709, by the program that it comes from."
    if options:
        how = (
            f"Convert it: ffmpeg -i INPUT -vf zscale={options},format=yuv444p10le -c:v libx264 -crf 8 "
            "OUTPUT.mkv; if the matrix is stated by mistake, correct it: ffmpeg -i INPUT -c copy "
            "-bsf:v h264_metadata=matrix_coefficients=1 OUTPUT.mp4 (hevc_metadata for HEVC)."
        )
    raise MediaError(file, f"its colour matrix is {name}, which is not converted here", how)


def notes_on_looks(looks: Looks, *, is_rgb: bool, n_lines: int) -> Iterator[str]:
    """Yield what to say of frames that look so."""
    if looks.is_interlaced:
        yield "interlaced: each frame holds two moments"
    if looks.curve in _CURVES:
        yield f"{_CURVES[looks.curve]}: colours are kept as stored and look flat"
    # Where a file states no primaries, its matrix tells those of BT.2020.
    is_told_by_matrix = looks.primaries == _UNSPECIFIED and looks.matrix == _BT2020
    primaries = _BT2020 if is_told_by_matrix else looks.primaries
    if primaries in _WIDE_PRIMARIES:
        yield f"{_WIDE_PRIMARIES[primaries]} primaries: colours are kept as stored and look pale"
    if is_rgb:
        return
    if looks.colour_range == _FULL_RANGE:
        yield "full range: levels from 0 to 255, converted as the file states"
    if looks.matrix == _UNSPECIFIED and n_lines >= _PLAYERS_ASSUME_BT709_FROM_LINES:
        yield "no colour matrix is stated: BT.601 is used as FFmpeg does; players may show BT.709"


def note_on_aspect(stream: av.VideoStream) -> Iterator[str]:
    """Yield what to say of pixels that are not square."""
    aspect = stream.sample_aspect_ratio
    if aspect and abs(aspect - 1) > _SEEN_ASPECT:
        yield f"pixels are not square ({aspect.numerator}:{aspect.denominator}): blur discs will be ellipses"
