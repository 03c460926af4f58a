"""Which of a file's video streams is the video: the default one, else the largest, never a cover picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from focusgen.base.names import MediaError
from focusgen.media.rules import STREAM

if TYPE_CHECKING:
    import av
    from av.container import InputContainer


@dataclass(frozen=True)
class Choice:
    """A video stream.

    Attributes:
        stream: PyAV's object.
        track: its place among the video tracks of the file.
        is_first: the first release would have taken it too.
        note: what to say where there was a choice; else empty.
    """

    stream: av.VideoStream
    track: int
    is_first: bool
    note: str


def choose_stream(container: InputContainer, file: str, rules: Collection[str]) -> Choice:
    """Return the stream to decode.

    Raises:
        MediaError: there is no video.
    """
    from av.stream import Disposition

    tracks = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not tracks:
        raise MediaError(file, "holds no video")
    if STREAM not in rules or len(tracks) == 1:
        return Choice(tracks[0], 0, True, "")
    shown = [s for s in tracks if not s.disposition & Disposition.timed_thumbnails] or tracks
    moving = [s for s in shown if s.frames != 1] or shown
    best = max(moving, key=lambda s: (bool(s.disposition & Disposition.default), _n_pixels(s)))
    number = tracks.index(best)
    note = (
        f"{len(tracks)} video streams: number {number + 1}{_size_of(best)} is used, "
        f"not {', '.join(f'{tracks.index(s) + 1}{_size_of(s)}' for s in tracks if s is not best)}"
    )
    return Choice(best, number, best is tracks[0], note)


def _n_pixels(stream: av.VideoStream) -> int:
    context = stream.codec_context
    return 0 if context is None else int(context.width) * int(context.height)


def _size_of(stream: av.VideoStream) -> str:
    context = stream.codec_context
    return "" if context is None else f" ({context.width}x{context.height})"
