"""Levels of deep video are those that its numbers say; scenes that began otherwise go on so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from focusgen.media.rawcheck import CheckOptions, check_raw
from focusgen.media.scenes import RawScene, discover
from focusgen.media.video import open_frames

WIDTH, HEIGHT = 256, 64


def written(path: Path, pixel_format: str, bits: int, *, is_full: bool) -> Any:
    """Write a ramp of grey without loss; return the level of 0 to 255 that each column means."""
    peak = 2**bits - 1
    low, high = (0, peak) if is_full else (16 << bits - 8, 235 << bits - 8)
    levels = np.linspace(low, high, WIDTH).round()
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.color_range = ColorRange.JPEG if is_full else ColorRange.UNSPECIFIED
        for index in range(3):
            frame = av.VideoFrame(WIDTH, HEIGHT, pixel_format)
            for number, plane in enumerate(frame.planes):
                whole = (
                    np.frombuffer(plane, np.uint8 if bits == 8 else "<u2").reshape(plane.height, -1).copy()
                )
                whole[:, : plane.width] = 1 << bits - 1 if number else levels
                plane.update(whole.tobytes())
            frame.color_range, frame.pts = stream.codec_context.color_range, index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return 255.0 * (levels - low) / (high - low)


def shown(path: Path, rules: tuple[str, ...] | None = None) -> Any:
    """Return the levels of a row of a frame."""
    (raw,) = discover(path).scenes
    with open_frames(RawScene(raw.scene_id, raw.kind, raw.path, raw.files, rules=rules)) as reader:
        return reader.read(0, 3)[1, 20].astype(np.float64)


@pytest.mark.parametrize(
    ("pixel_format", "bits"), [("yuv420p10le", 10), ("yuv422p10le", 10), ("yuv420p12le", 12)]
)
@pytest.mark.parametrize(("is_full", "within"), [(False, 0.55), (True, 1.4)])
def test_deep_levels_are_those_that_the_numbers_say(tmp_path, pixel_format, bits, is_full, within):
    path = tmp_path / "a.mkv"
    true = written(path, pixel_format, bits, is_full=is_full)
    np.testing.assert_allclose(shown(path), true[:, None].repeat(3, 1), atol=within)
    (raw,) = discover(path).scenes
    assert check_raw(raw, CheckOptions(1, None, 0.35)).rules == ("deep",)
    if not is_full:
        as_before = shown(path, rules=())
        assert (as_before - true[:, None]).mean() < -1.0, "a scene that was begun so goes on so"


def test_of_eight_bits_and_of_whole_colours_no_byte_changes(tmp_path):
    for number, (pixel_format, bits) in enumerate((("yuv420p", 8), ("yuv444p10le", 10))):
        path = tmp_path / f"{number}" / "a.mkv"
        path.parent.mkdir()
        written(path, pixel_format, bits, is_full=False)
        np.testing.assert_array_equal(shown(path), shown(path, rules=()))
        (raw,) = discover(path).scenes
        assert check_raw(raw, CheckOptions(1, None, 0.35)).rules == ()
