"""Which codecs of videos are decoded, and what FFmpeg is held to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from focusgen.base.names import MediaError
from focusgen.media.images import check_pixels
from focusgen.media.listing import WITHOUT_LOSS

if TYPE_CHECKING:
    import av

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
OPEN_OPTIONS = {
    "format_whitelist": "mov,mp4,matroska,webm,avi",
    "protocol_whitelist": "file",
    "codec_whitelist": ",".join(sorted(_DECODERS)),
    "enable_drefs": "0",  # mov: never follow references to other files
}
CODEC_OPTIONS = {"err_detect": "explode+crccheck"}


def prepare(stream: av.VideoStream, file: str, max_pixels: int) -> None:
    """Check the codec of a stream before it is opened, and set its options.

    Raises:
        MediaError: the codec is not accepted, or a frame has more than `max_pixels`.
    """
    context = stream.codec_context
    if context is None:
        raise MediaError(file, "damaged, or a codec that is not accepted")
    if context.codec.canonical_name not in CODECS:
        raise MediaError(
            file,
            f"codec {context.codec.canonical_name} is not accepted",
            f"Convert it without loss: {WITHOUT_LOSS}. Accepted: {', '.join(sorted(CODECS))}.",
        )
    if context.width and context.height:
        check_pixels(file, context.width, context.height, max_pixels)
    context.thread_count = 1
    context.options = {**CODEC_OPTIONS, "max_pixels": str(max_pixels)}
