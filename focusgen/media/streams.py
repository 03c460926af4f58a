"""Frames of one video file, in display order: every one of them, upright, never resampled.

- Only the demuxer that fits the content is used (containers.py), only local files, only known video codecs.
- The rotation or mirroring that the container asks for is applied; an oblique display matrix is refused.
- Pixels become RGB24 by the matrix and range that the stream declares; where it declares none, by FFmpeg's
  default, BT.601 and limited range. Transfer curves are not touched, and no tone mapping happens.
- A packet or frame that FFmpeg reports as corrupt is an error; its error concealment is never accepted.
- Decoding runs on one thread: the order of errors does not depend on the machine, and workers do not compete.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from focusgen.base.names import MediaError
from focusgen.media.containers import demuxer_of
from focusgen.media.images import MAX_PIXELS, Frame, Orientation, check_pixels, refuse_transparency

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.reformatter import VideoReformatter

# Canonical names. Less is decoded than FFmpeg can: each decoder more is a parser more for hostile bytes.
CODECS = frozenset(
    "av1 dnxhd dvvideo ffv1 ffvhuff h263 h264 hevc huffyuv mjpeg mpeg1video mpeg2video mpeg4 "
    "msmpeg4v2 msmpeg4v3 png prores qtrle rawvideo utvideo vp8 vp9".split()
)
# Decoders of these yield exactly one frame per packet: fewer frames than packets means that some were lost.
ONE_FRAME_PER_PACKET = frozenset(
    "av1 dnxhd dvvideo ffv1 ffvhuff h264 hevc huffyuv mjpeg prores utvideo vp9".split()
)
# With the decoders that are not called as their format is; FFmpeg's probing opens no other either.
_DECODERS = CODECS | {"libdav1d", "msmpeg4"}
_OPEN_OPTIONS = {
    "format_whitelist": "mov,mp4,matroska,webm,avi",
    "protocol_whitelist": "file",
    "codec_whitelist": ",".join(sorted(_DECODERS)),
    "enable_drefs": "0",  # mov: never follow references to other files
}
_CODEC_OPTIONS = {"err_detect": "explode+crccheck"}
_HDR_CURVES = (16, 18)  # PQ and HLG in ITU-T H.273
_UNITY = 1 << 16  # display matrices are 16.16 fixed point


class VideoStream:
    """An open video file; `decode` goes through it once.

    Attributes:
        file: name for messages.
        codec: canonical name.
        fps: average frame rate that the container states, or None.
        n_declared: frames that the container declares, 0 if it does not say.
        notes: what a person should know of pixels that are used as they are; known after the first frame.
        n_packets: packets of pictures to be shown, counted while decoding (an edit list may hide some).
    """

    def __init__(self, container: InputContainer, stream: av.VideoStream, file: str, max_pixels: int) -> None:
        self._container = container
        self._stream = stream
        self._max_pixels = max_pixels
        self._converter = _new_converter()
        self._orientation: Orientation | None = None
        self._first_size: tuple[int, int] | None = None
        self.file = file
        self.codec: str = stream.codec_context.codec.canonical_name
        self.fps = _usable_rate(stream.average_rate)
        self.n_declared: int = max(0, stream.frames)
        self.n_packets = 0
        self.notes: tuple[str, ...] = ()

    def decode(self) -> Generator[av.VideoFrame, None, None]:
        """Yield every frame as PyAV's own object, checked for corruption and for a constant size.

        Raises:
            MediaError: damaged, changing its size, too large.
        """
        with naming(self.file):
            for packet in self._container.demux(self._stream):
                self.n_packets += packet.size > 0 and not packet.is_discard
                if packet.is_corrupt:
                    raise MediaError(self.file, f"damaged: packet {self.n_packets - 1} is corrupt")
                yield from self._frames_of(packet)

    def count_in_time(self) -> int:
        """Return how many packets have a sound time, without decoding them; a damaged one leaves a hole."""
        with naming(self.file):
            packets = [packet for packet in self._container.demux(self._stream) if packet.size > 0]
        shown = sorted(packet.pts for packet in packets if packet.pts is not None)
        decoded = sorted(packet.dts for packet in packets if packet.dts is not None)
        if _widest_gap(shown) > 1.5 * _widest_gap(decoded):
            return 0
        duration = self._stream.duration or 0
        return sum(time - shown[0] < duration for time in shown)

    def _frames_of(self, packet: av.Packet[av.VideoStream]) -> Iterator[av.VideoFrame]:
        for frame in packet.decode():
            if frame.is_corrupt:
                raise MediaError(self.file, f"damaged: a frame near packet {self.n_packets - 1} is corrupt")
            self._check_geometry(frame)
            yield frame

    def _check_geometry(self, frame: av.VideoFrame) -> None:
        size = (frame.width, frame.height)
        if self._first_size is None:
            check_pixels(self.file, *size, self._max_pixels)
            self._first_size = size
            self._orientation = _orientation_of(frame, self.file)
            self.notes = tuple(_notes_on(self._stream, frame))
        elif size != self._first_size:
            width, height = self._first_size
            raise MediaError(
                self.file, f"changes its size from {width}x{height} to {size[0]}x{size[1]} midway"
            )
        elif _orientation_of(frame, self.file) != self._orientation:
            raise MediaError(self.file, "changes its rotation midway")

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) of the upright frames; known once a frame was decoded."""
        assert self._first_size is not None and self._orientation is not None
        return self._orientation.size(*self._first_size)

    def pixels(self, frame: av.VideoFrame) -> Frame:
        """Return a frame of `decode` as upright RGB, full size.

        Raises:
            MediaError: it has transparent pixels, or a pixel format that cannot be converted.
        """
        assert self._orientation is not None
        with naming(self.file):
            if _has_alpha(frame):
                rgba = self._array(frame, "rgba")
                refuse_transparency(rgba[..., 3], 255, self.file)
                return self._orientation.apply(rgba[..., :3])
            return self._orientation.apply(self._array(frame, "rgb24"))

    def _array(self, frame: av.VideoFrame, pixel_format: str) -> Frame:
        pixels: Any = self._converter.reformat(frame, format=pixel_format).to_ndarray()  # uint8 by its format
        return np.asarray(pixels)

    def thumbnail(self, frame: av.VideoFrame, width: int, height: int) -> Frame:
        """Return a frame of `decode` as a small RGB picture (not turned upright)."""
        with naming(self.file):
            if _has_alpha(frame):
                self.pixels(frame)
            small = self._converter.reformat(
                frame, width=width, height=height, format="rgb24", interpolation="AREA"
            )
            pixels: Any = small.to_ndarray()
            return np.asarray(pixels)


def count_pictures(path: Path) -> int:
    """Return the number of pictures in a file with those that its edit list hides, without decoding."""
    with open_video(path, ignore_edits=True) as video:
        return video.count_in_time()


@contextmanager
def open_video(
    path: Path, *, max_pixels: int = MAX_PIXELS, ignore_edits: bool = False
) -> Iterator[VideoStream]:
    """Open a video file for one pass.

    Args:
        path: the file.
        max_pixels: limit of one frame.
        ignore_edits: also deliver what an mp4's edit list cuts away.

    Raises:
        MediaError: no container of the accepted kinds, no video in it, a codec that is not accepted.
    """
    import av

    file = path.name
    demuxer = demuxer_of(path, file)
    with naming(file):
        # "file:" and an absolute path: a name like "concat:a|b.mp4" is never read as a protocol.
        container = av.open(
            f"file:{path.absolute()}",
            format=demuxer,
            options={**_OPEN_OPTIONS, "ignore_editlist": str(int(ignore_edits))},
            metadata_errors="replace",
        )
    with container:
        yield VideoStream(container, _only_video(container, file, max_pixels), file, max_pixels)


def _only_video(container: InputContainer, file: str, max_pixels: int) -> av.VideoStream:
    from av.stream import Disposition

    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise MediaError(file, "holds no video")
    stream = streams[0]
    context = stream.codec_context
    if context is None:
        raise MediaError(file, "damaged, or a codec that is not accepted")
    if context.codec.canonical_name not in CODECS:
        raise MediaError(
            file,
            f"codec {context.codec.canonical_name} is not accepted",
            f"Accepted: {', '.join(sorted(CODECS))}.",
        )
    if context.width and context.height:
        check_pixels(file, context.width, context.height, max_pixels)
    context.thread_count = 1
    context.options = {**_CODEC_OPTIONS, "max_pixels": str(max_pixels)}
    return stream


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Name the file in whatever FFmpeg raises inside."""
    import av

    try:
        yield
    except av.error.FFmpegError as error:
        raise MediaError(file, f"cannot be decoded: {error.strerror or error}") from error
    except (OSError, ValueError, LookupError, UnicodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MediaError(file, f"cannot be decoded: {reason or type(error).__name__}") from error


def _new_converter() -> VideoReformatter:
    from av.video.reformatter import VideoReformatter

    return VideoReformatter()


def _usable_rate(rate: Fraction | None) -> float | None:
    if rate is None or rate <= 0:
        return None
    fps = float(rate)
    return fps if math.isfinite(fps) else None


def _notes_on(stream: av.VideoStream, frame: av.VideoFrame) -> Iterator[str]:
    aspect = stream.sample_aspect_ratio
    if aspect and aspect != 1:
        yield f"pixels are not square ({aspect.numerator}:{aspect.denominator}): blur discs will be ellipses"
    if frame.interlaced_frame:
        yield "interlaced: each frame holds two moments"
    if int(frame.color_trc) in _HDR_CURVES:
        yield "HDR transfer curve: colours are kept as stored and look flat"


def _widest_gap(times: list[int]) -> int:
    return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0)


def _has_alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _orientation_of(frame: Any, file: str) -> Orientation:
    for item in frame.side_data.keys():
        if item.type.name == "DISPLAYMATRIX":
            return _orientation_from(bytes(item), file)
    return Orientation()


def _orientation_from(matrix: bytes, file: str) -> Orientation:
    """Return what a display matrix does: stored (x, y) goes to (a x + c y, b x + d y)."""
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix)
    shape = tuple(np.sign(value) if abs(abs(value) - _UNITY) <= 1 else value for value in (a, b, c, d))
    if shape[1:3] == (0, 0) and {abs(shape[0]), abs(shape[3])} == {1}:
        return Orientation(transpose=False, flip_x=bool(a < 0), flip_y=bool(d < 0))
    if (shape[0], shape[3]) == (0, 0) and {abs(shape[1]), abs(shape[2])} == {1}:
        return Orientation(transpose=True, flip_x=bool(c < 0), flip_y=bool(b < 0))
    raise MediaError(file, "is to be shown turned by other than 90 degrees or scaled; re-encode it upright")


def frame_time_s(frame: av.VideoFrame) -> float | None:
    """Return the time at which a frame is shown, in seconds as the container counts, or None."""
    time_s = frame.time
    return float(time_s) if time_s is not None and math.isfinite(time_s) else None
