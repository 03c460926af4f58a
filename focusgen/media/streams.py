"""Frames of one video file, in display order: every one of them, upright, never resampled.

- Only the demuxer that fits the content is used (containers.py), only local files, only known video codecs.
- The rotation or mirroring that the container asks for is applied; an oblique display matrix is refused.
- Of several video streams the default one is used, else the largest; cover pictures and thumbnails never are.
- The crop that the container asks for is applied (crops.py).
- Pixels become RGB24 by the matrix and range that the stream declares; where it declares none, by FFmpeg's
  default, BT.601 and limited range. Transfer curves are not touched, and no tone mapping happens. What is
  unusual is said in `notes` (stream_notes.py).
- Alpha that is opaque is dropped, any other refused, also where it lies beside the picture (side_alpha.py).
- A packet or frame that FFmpeg reports as corrupt is an error; its error concealment is never accepted.
- Decoding runs on one thread: the order of errors does not depend on the machine, and workers do not compete.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusgen.base.errors import one_line
from focusgen.base.names import MediaError
from focusgen.media.codecs import MAX_PIXELS
from focusgen.media.containers import demuxer_of
from focusgen.media.crops import Crop, crop_note, track_crops
from focusgen.media.damage import advising
from focusgen.media.eight_bits import refuse_transparency
from focusgen.media.images import Frame, check_pixels
from focusgen.media.listing import LOSSLESS
from focusgen.media.orientation import Orientation, displayed_orientation, turned_note
from focusgen.media.rules import ALL_RULES, CROP, DEEP_LEVELS, STREAM
from focusgen.media.shots import thumbnail_of
from focusgen.media.side_alpha import OPAQUE_NOTE, SideAlpha, side_alpha_of
from focusgen.media.stream_choice import Choice, choose_stream
from focusgen.media.stream_codecs import OPEN_OPTIONS, prepare
from focusgen.media.stream_notes import Looks, check_matrix, note_on_aspect, notes_on_looks
from focusgen.media.stream_pixels import Pixels

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

_MAX_REORDERED = 16  # pictures that H.264 and HEVC may hold back to show later ones first


class VideoStream:
    """An open video file; `decode` goes through it once.

    Attributes:
        file: name for messages.
        codec: canonical name.
        track: place of the stream among the video tracks of the file.
        fps: average frame rate that the container states, or None.
        n_declared: frames that the container declares, 0 if it does not say.
        n_packets: packets of pictures to be shown, counted while decoding (an edit list may hide some).
        rules: which of `rules.ALL_RULES` had an effect; whole once the first frame was decoded.
    """

    def __init__(
        self,
        container: InputContainer,
        choice: Choice,
        file: str,
        max_pixels: int,
        alpha: SideAlpha | None,
        crop: Crop,
        rules: Collection[str],
    ) -> None:
        self._container = container
        self._stream = stream = choice.stream
        self._max_pixels = max_pixels
        self._pixels = Pixels(keeps_levels=DEEP_LEVELS in rules)
        self._orientation: Orientation | None = None
        self._first_size: tuple[int, int] | None = None
        self._alpha = alpha
        self._crop = crop
        self._seen_looks: set[Looks] = set()
        self._notes = dict.fromkeys([choice.note] if choice.note else [])
        self._first_s: float | None = None
        self._whole_s = 0.0
        self.file = file
        self.codec: str = stream.codec_context.codec.canonical_name
        self.track = choice.track
        self.fps = _usable_rate(stream.average_rate)
        self.n_declared: int = max(0, stream.frames)
        self.n_packets = 0
        self.rules: tuple[str, ...] = () if choice.is_first else (STREAM,)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the pixels; whole once all frames were decoded."""
        return tuple(self._notes)

    def decode(self) -> Generator[av.VideoFrame, None, None]:
        """Yield every frame as PyAV's own object, checked for corruption and for a constant size.

        Raises:
            MediaError: damaged, changing its size, too large.
        """
        with advising(lambda: self._whole_s), naming(self.file):
            for packet in self._container.demux(self._stream):
                self.n_packets += packet.size > 0 and not packet.is_discard
                if packet.is_corrupt:
                    raise MediaError(self.file, f"damaged: packet {self.n_packets - 1} is corrupt")
                if self._alpha is not None:
                    self._alpha.check(packet)
                yield from self._frames_of(packet)

    def count_in_time(self) -> int:
        """Return how many packets have a sound time, without decoding them; a damaged one leaves a hole."""
        with naming(self.file):
            packets = [packet for packet in self._container.demux(self._stream) if packet.size > 0]
        shown = sorted(packet.pts for packet in packets if packet.pts is not None)
        decoded = sorted(packet.dts for packet in packets if packet.dts is not None)
        step = _widest_gap(decoded)
        # Where a copy ends, the last pictures may wait for others that were cut off: no damage.
        if _widest_gap(shown[:-_MAX_REORDERED]) > 1.5 * step:
            return 0
        duration = self._stream.duration or 0
        n_shown: int = sum(time - shown[0] < duration + _MAX_REORDERED * step for time in shown)
        n_decoded: int = sum(time - decoded[0] < duration for time in decoded)
        return min(n_shown, n_decoded)

    def _frames_of(self, packet: av.Packet[av.VideoStream]) -> Iterator[av.VideoFrame]:
        for frame in packet.decode():
            if frame.is_corrupt:
                raise MediaError(self.file, f"damaged: a frame near packet {self.n_packets - 1} is corrupt")
            self._check_geometry(frame)
            self._note_time(frame)
            yield frame

    def _note_time(self, frame: av.VideoFrame) -> None:
        """Keep how far the video could be decoded."""
        time_s = frame_time_s(frame) or 0.0
        if self._first_s is None:
            self._first_s = time_s
        self._whole_s = time_s - self._first_s

    def _check_geometry(self, frame: av.VideoFrame) -> None:
        size = (frame.width, frame.height)
        if self._first_size is None:
            self._begin(frame, size)
        elif size != self._first_size:
            width, height = self._first_size
            raise MediaError(
                self.file, f"changes its size from {width}x{height} to {size[0]}x{size[1]} midway"
            )
        elif _orientation_of(frame, self.file) != self._orientation:
            raise MediaError(self.file, "changes its rotation midway")
        looks = Looks.of(frame)
        if looks not in self._seen_looks:
            self._take_note(looks, frame)

    def _begin(self, frame: av.VideoFrame, size: tuple[int, int]) -> None:
        check_pixels(self.file, *size, self._max_pixels)
        _check_palette(frame, self.file)
        self._first_size = size
        self._orientation = _orientation_of(frame, self.file)
        if self._pixels.way_round(frame):
            self.rules += (DEEP_LEVELS,)
        if self._crop:
            self._check_crop(size)
        turned = turned_note(self._orientation, "the file asks")
        if turned:
            self.note(turned)
        for note in note_on_aspect(self._stream):
            self.note(note)
        if self._alpha is not None:
            self.note(OPAQUE_NOTE)
        elif _has_alpha(frame):
            self.note("an alpha channel is opaque everywhere: dropped")

    def _check_crop(self, size: tuple[int, int]) -> None:
        if self._crop.size == size and self._crop.is_possible:
            self.note(crop_note(self._crop))
            self.rules += (CROP,)
        else:
            self.note(f"the container asks for a crop that does not fit {size[0]}x{size[1]}: not applied")
            self._crop = Crop()

    def _take_note(self, looks: Looks, frame: av.VideoFrame) -> None:
        self._seen_looks.add(looks)
        check_matrix(self.file, looks)
        for note in notes_on_looks(looks, is_rgb=bool(frame.format.is_rgb), n_lines=frame.height):
            self.note(note)

    def note(self, text: str) -> None:
        """Add a note, once."""
        self._notes.setdefault(text)

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) of the upright frames; known once a frame was decoded."""
        assert self._first_size is not None and self._orientation is not None
        size = self._crop.cropped_size if self._crop else self._first_size
        return self._orientation.size(*size)

    def pixels(self, frame: av.VideoFrame) -> Frame:
        """Return a frame of `decode` as upright RGB, full size.

        Raises:
            MediaError: it has transparent pixels, or a pixel format that cannot be converted.
        """
        assert self._orientation is not None
        with naming(self.file):
            if _has_alpha(frame):
                rgba = self._pixels.array(frame, "rgba")
                refuse_transparency(rgba[..., 3], 255, self.file)
                rgb = rgba[..., :3]
            else:
                rgb = self._pixels.array(frame, "rgb24")
        if self._crop:
            height, width = rgb.shape[:2]
            rgb = rgb[self._crop.top : height - self._crop.bottom, self._crop.left : width - self._crop.right]
        return self._orientation.apply(rgb)

    def thumbnail(self, frame: av.VideoFrame, width: int, height: int) -> Frame:
        """Return a frame of `decode` as a small RGB picture (not turned upright)."""
        if self._crop:
            return thumbnail_of(self.pixels(frame))
        with naming(self.file):
            if _has_alpha(frame):
                self.pixels(frame)
            return self._pixels.small(frame, width, height)


def count_pictures(path: Path) -> int:
    """Return the number of pictures in a file with those that its edit list hides, without decoding."""
    with open_video(path, ignore_edits=True) as video:
        return video.count_in_time()


@contextmanager
def open_video(
    path: Path,
    *,
    max_pixels: int = MAX_PIXELS,
    ignore_edits: bool = False,
    check_alpha: bool = False,
    rules: Collection[str] = ALL_RULES,
) -> Iterator[VideoStream]:
    """Open a video file for one pass.

    Args:
        max_pixels: limit of one frame.
        ignore_edits: also deliver what an mp4's edit list cuts away.
        check_alpha: decode alpha beside the picture as well, and refuse what is transparent.
        rules: which of `rules.ALL_RULES` to apply.

    Raises:
        MediaError: no container of the accepted kinds, no video in it, a codec that is not accepted.
    """
    import av

    file = path.name
    demuxer = demuxer_of(path, file)
    with advising(), naming(file):
        # "file:" and an absolute path: a name like "concat:a|b.mp4" is never read as a protocol.
        container = av.open(
            f"file:{path.absolute()}",
            format=demuxer,
            options={**OPEN_OPTIONS, "ignore_editlist": str(int(ignore_edits))},
            metadata_errors="replace",
        )
    with container:
        choice = choose_stream(container, file, rules)
        prepare(choice.stream, file, max_pixels)
        alpha = side_alpha_of(choice.stream, file, max_pixels) if check_alpha else None
        crops = track_crops(path, file, demuxer) if CROP in rules else []
        crop = crops[choice.track] if choice.track < len(crops) else Crop()
        yield VideoStream(container, choice, file, max_pixels, alpha, crop, rules)


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Name the file in whatever FFmpeg raises inside."""
    import av

    try:
        yield
    except av.error.FFmpegError as error:
        raise MediaError(file, f"cannot be decoded: {error.strerror or error}") from error
    except (OSError, ValueError, LookupError, UnicodeError) as error:
        raise MediaError(file, f"cannot be decoded: {one_line(error)}") from error


def _usable_rate(rate: Fraction | None) -> float | None:
    if rate is None or rate <= 0:
        return None
    fps = float(rate)
    return fps if math.isfinite(fps) else None


def _widest_gap(times: list[int]) -> int:
    return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0)


def _check_palette(frame: av.VideoFrame, file: str) -> None:
    """Refuse numbers without a palette: FFmpeg decodes them to black.

    Raises:
        MediaError: nothing says which colours the pixels have.
    """
    if frame.format.name == "pal8" and not any(bytes(frame.planes[1])):
        raise MediaError(
            file,
            "8 bits a pixel, and no palette says which colours they are",
            "If they are levels of grey: ffmpeg -i INPUT -c copy -tag:v Y800 GREY.avi; where that stands on "
            f"its head, then ffmpeg -i GREY.avi -vf vflip {LOSSLESS}.",
        )


def _has_alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _orientation_of(frame: Any, file: str) -> Orientation:
    for item in frame.side_data.keys():
        if item.type.name == "DISPLAYMATRIX":
            return displayed_orientation(bytes(item), file)
    return Orientation()


def frame_time_s(frame: av.VideoFrame) -> float | None:
    """Return the time at which a frame is shown, in seconds as the container counts, or None."""
    time_s = frame.time
    return float(time_s) if time_s is not None and math.isfinite(time_s) else None
