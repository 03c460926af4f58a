"""Alpha that VP8 and VP9 carry beside the picture, in packets that FFmpeg's own decoders pass over.

libvpx reads it. An alpha plane that is opaque everywhere is harmless and dropped; any other is refused by the
rule of all other formats: the colour under a transparent pixel is undefined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from focusgen.base.names import MediaError

if TYPE_CHECKING:
    import av

_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_OPAQUE_FROM = 250  # the plane is coded with loss
OPAQUE_NOTE = "an alpha channel beside the picture is opaque everywhere: dropped"


class SideAlpha:
    """Looks at the alpha of every packet of one stream."""

    def __init__(self, codec: str, file: str, max_pixels: int) -> None:
        import av

        self._file = file
        self._decoder: Any = av.CodecContext.create(_DECODERS[codec], "r")
        self._decoder.thread_count = 1
        self._decoder.options = {"max_pixels": str(max_pixels)}

    def check(self, packet: av.Packet[av.VideoStream]) -> None:
        """Decode a packet once more, with its alpha.

        Raises:
            MediaError: a pixel is transparent.
        """
        if packet.size == 0:
            return
        for frame in self._decoder.decode(packet):
            if frame.format.name.startswith("yuva") and _least_alpha(frame) < _OPAQUE_FROM:
                raise MediaError(
                    self._file,
                    "has transparent pixels (an alpha channel beside the picture), whose colour is undefined",
                    "Flatten it, for instance over black: ffmpeg -c:v "
                    f"{self._decoder.codec.name} -i INPUT "
                    "-vf premultiply=inplace=1,format=yuv420p OUTPUT.webm",
                )


def side_alpha_of(stream: av.VideoStream, file: str, max_pixels: int) -> SideAlpha | None:
    """Return the reader of a stream's alpha, None if it states none.

    Raises:
        MediaError: it states one that this build of FFmpeg cannot read.
    """
    codec = stream.codec_context.codec.canonical_name
    if stream.metadata.get("alpha_mode") != "1" or codec not in _DECODERS:
        return None
    import av

    if _DECODERS[codec] not in av.codecs_available:
        raise MediaError(file, "has an alpha channel that cannot be read here", "Flatten it to RGB.")
    return SideAlpha(codec, file, max_pixels)


def _least_alpha(frame: av.VideoFrame) -> int:
    plane: Any = frame.planes[3]  # gives its memory; the stubs do not say so
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return int(rows[: frame.height, : frame.width].min())
