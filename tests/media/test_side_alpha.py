"""Alpha beside the picture: what states it, what is transparent, and memory that is no picture."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from focusgen.base.names import MediaError
from focusgen.media import side_alpha
from focusgen.media.side_alpha import SideAlpha, side_alpha_of


def stream_of(codec: str, **metadata: str) -> Any:
    canonical = SimpleNamespace(canonical_name=codec)
    return SimpleNamespace(codec_context=SimpleNamespace(codec=canonical), metadata=metadata)


def frame_of(alpha: np.ndarray, padding: int = 255) -> av.VideoFrame:
    """Return a frame with this alpha; the memory beyond its width holds `padding`."""
    height, width = alpha.shape
    frame = av.VideoFrame(width, height, "yuva420p")
    plane = frame.planes[3]
    rows = np.full((plane.buffer_size // plane.line_size, plane.line_size), padding, np.uint8)
    rows[:height, :width] = alpha
    plane.update(rows.tobytes())
    return frame


class Decoder:
    """Gives the frames that it was made with."""

    codec = SimpleNamespace(name="libvpx-vp9")

    def __init__(self, *frames: av.VideoFrame) -> None:
        self.frames = frames

    def decode(self, packet: Any) -> tuple[av.VideoFrame, ...]:
        return self.frames


def reader(*frames: av.VideoFrame) -> SideAlpha:
    found = SideAlpha("vp9", "a b.webm", 1 << 20)
    found._decoder = Decoder(*frames)
    return found


PACKET: Any = SimpleNamespace(size=10)


@pytest.mark.parametrize(
    ("codec", "metadata"),
    [("vp9", {}), ("vp9", {"alpha_mode": "0"}), ("h264", {"alpha_mode": "1"}), ("av1", {"alpha_mode": "1"})],
)
def test_only_vp8_and_vp9_that_state_it_have_it(codec, metadata):
    assert side_alpha_of(stream_of(codec, **metadata), "a.webm", 100) is None


@pytest.mark.parametrize("codec", ["vp8", "vp9"])
def test_a_build_without_libvpx_cannot_look_and_does_not_guess(codec, monkeypatch):
    assert isinstance(side_alpha_of(stream_of(codec, alpha_mode="1"), "a.webm", 100), SideAlpha)
    monkeypatch.setattr(av, "codecs_available", {"h264"})
    with pytest.raises(MediaError, match=r"a\.webm: has an alpha channel that cannot be read here") as caught:
        side_alpha_of(stream_of(codec, alpha_mode="1"), "a.webm", 100)
    assert caught.value.advice == "Flatten it to RGB."


@pytest.mark.parametrize(("least", "is_refused"), [(255, False), (250, False), (249, True), (0, True)])
def test_one_transparent_pixel_in_a_corner_is_enough_but_rounding_is_not(least, is_refused):
    alpha = np.full((5, 33), 255, np.uint8)
    alpha[4, 32] = least
    if not is_refused:
        reader(frame_of(alpha)).check(PACKET)
        return
    with pytest.raises(MediaError, match=r"^a b\.webm: has transparent pixels") as caught:
        reader(frame_of(alpha)).check(PACKET)
    assert "ffmpeg -c:v libvpx-vp9 -i INPUT" in caught.value.advice


def test_memory_behind_a_row_is_no_pixel():
    opaque = np.full((5, 33), 255, np.uint8)
    assert frame_of(opaque).planes[3].line_size > 33
    reader(frame_of(opaque, padding=0)).check(PACKET)


def test_every_frame_of_a_packet_counts_and_frames_without_alpha_do_not():
    plain = av.VideoFrame(8, 8, "yuv420p")
    clear = frame_of(np.zeros((8, 8), np.uint8))
    reader(plain).check(PACKET)
    reader().check(PACKET)
    with pytest.raises(MediaError):
        reader(plain, clear).check(PACKET)


def test_the_empty_packet_at_the_end_is_not_decoded():
    reader(frame_of(np.zeros((4, 4), np.uint8))).check(SimpleNamespace(size=0))  # type: ignore[arg-type]


def test_the_limit_of_pixels_reaches_the_second_decoder(monkeypatch):
    made: list[Any] = []
    create = lambda name, mode: made.append(SimpleNamespace(name=name, options={})) or made[-1]  # noqa: E731
    monkeypatch.setattr(side_alpha, "_DECODERS", {"vp8": "libvpx"})
    monkeypatch.setattr(av, "CodecContext", SimpleNamespace(create=create))
    SideAlpha("vp8", "a.webm", 12345)
    assert made[0].name == "libvpx" and made[0].options == {"max_pixels": "12345"}
    assert made[0].thread_count == 1
