"""Phase 1's check of one scene: what is counted, which part of a video is looked at, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash

from focusgen.base.names import MediaError
from focusgen.media import rawcheck
from focusgen.media.rawcheck import (
    CheckOptions,
    RawReport,
    all_or_none,
    check_raw,
    check_same_size,
    raw_digest,
)
from focusgen.media.scenes import RawScene
from tests.clips import moving_texture, write_images, write_video


def images(folder: Path, n_frames: int = 3, size: tuple[int, int] = (16, 12)) -> RawScene:
    paths = write_images(folder, moving_texture(n_frames, *size))
    return RawScene("bear", "images", folder, tuple(path.name for path in paths), notes=("names jump",))


def check(raw: RawScene, on_frame: Callable[[int], None] = lambda n: None, **limits: Any) -> RawReport:
    return check_raw(raw, replace(CheckOptions(1, None, 0.35), **limits), on_frame)


def test_a_folder_is_described_from_its_first_to_its_last_image(tmp_path):
    raw, seen = images(tmp_path), []
    report = check(raw, on_frame=seen.append)
    assert (report.width, report.height, report.n_decoded, seen) == (16, 12, 3, [1, 2, 3])
    assert report.frames == raw.files and report.notes == ("names jump",)
    assert (report.fps, report.frame_times_s, report.first_frame, report.rules) == (None, None, 0, ())
    expected = [xxhash.xxh3_128_hexdigest((tmp_path / name).read_bytes()) for name in raw.files]
    assert list(report.digests) == expected == [raw_digest(tmp_path / name) for name in raw.files]


@pytest.mark.parametrize(("n_bits", "level"), [(8, None), (10, 4), (12, 16), (14, 64), (16, None)])
def test_sixteen_bit_files_that_hold_fewer_bits_are_said_to_be_dark(tmp_path, n_bits, level):
    import cv2

    raw = images(tmp_path)
    for name in raw.files if n_bits > 8 else ():
        deep = np.linspace(0, 2**n_bits - 1, 192).astype(np.uint16).reshape(12, 16)
        cv2.imwrite(str(tmp_path / name), deep)
    dark = [note for note in check(raw).notes if note.startswith("dark: ")]
    assert len(dark) == (level is not None)
    assert all(f"no pixel of any frame is above {level} of 255 (16-bit files" in note for note in dark)


def test_one_bright_frame_makes_dark_ones_a_fade(tmp_path):
    raw = images(tmp_path)
    write_images(tmp_path, np.zeros((2, 12, 16, 3), np.uint8))
    assert check(raw).notes == ("names jump",)


def test_a_video_that_begins_behind_its_key_frame_is_refused_with_the_way_to_keep_the_rest(tmp_path):
    import av

    write_video(tmp_path / "whole.mkv", moving_texture(24), g="12", bf="0")
    with av.open(str(tmp_path / "whole.mkv")) as source, av.open(str(tmp_path / "a.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in [packet for packet in source.demux(video=0) if packet.size][3:]:
            packet.stream = stream
            target.mux(packet)
    with pytest.raises(MediaError, match=r"a\.mkv: 12 frames could be decoded of 21 packets") as caught:
        check(RawScene("a", "video", tmp_path / "a.mkv", ("a.mkv",)))
    assert "ffmpeg -fflags +discardcorrupt -i INPUT -c:v ffv1 -an OUTPUT.mkv" in caught.value.advice


def test_a_report_comes_back_from_its_json(tmp_path):
    report = check(images(tmp_path))
    assert RawReport.from_json(json.loads(json.dumps(report.to_json()))) == report
    older = {key: value for key, value in report.to_json().items() if key not in ("rules", "first_frame")}
    assert RawReport.from_json(older) == report


def test_only_the_first_frames_are_looked_at_where_that_is_asked(tmp_path):
    raw = images(tmp_path)
    (tmp_path / raw.files[2]).write_bytes(b"junk")
    assert check(raw, max_frames=2).frames == raw.files[:2]
    with pytest.raises(MediaError, match=raw.files[2]):
        check(raw)


@pytest.mark.parametrize(("n_frames", "said"), [(1, "1 frame, fewer than 2"), (3, "3 frames, fewer than 4")])
def test_a_scene_that_is_too_short_is_refused_with_the_setting(tmp_path, n_frames, said):
    with pytest.raises(MediaError, match=rf"bear/: {said} \(data\.min_frames\)"):
        check(images(tmp_path / "bear", n_frames), min_frames=n_frames + 1)


@pytest.mark.parametrize("min_frames", [0, 1])
def test_no_frame_at_all_is_never_a_scene(tmp_path, min_frames):
    with pytest.raises(MediaError, match="0 frames, fewer than 1"):
        check(RawScene("bear", "images", tmp_path, ()), min_frames=min_frames)


def test_an_image_of_another_size_is_named_with_the_first(tmp_path):
    raw = images(tmp_path)
    write_images(tmp_path, moving_texture(1, 12, 16), first=1)
    with pytest.raises(MediaError, match=r"frame_0001\.png: 12x16 pixels, but frame_0000\.png has 16x12"):
        check(raw)
    check_same_size(np.zeros((12, 16, 3), np.uint8), (16, 12), "b", "a")


def test_limits_of_pixels_and_memory_are_refusals_of_the_scene(tmp_path, monkeypatch):
    raw = images(tmp_path / "bear")
    with pytest.raises(MediaError, match=r"frame_0000\.png: .*pixels"):
        check(raw, max_pixels=16 * 12 - 1)
    assert check(raw, max_pixels=16 * 12).n_decoded == 3

    def hungry(*_: object) -> RawReport:
        raise MemoryError

    monkeypatch.setattr(rawcheck, "_check_images", hungry)
    with pytest.raises(MediaError, match="bear: needs more memory than the limit allows$"):
        check(raw)
    monkeypatch.setattr(rawcheck.resource, "getrlimit", lambda which: (1 << 30, 1 << 30))
    with pytest.raises(MediaError, match="allows: ulimit -v is 1048576, run where it is higher"):
        check(raw)


def test_a_file_that_is_gone_has_no_digest(tmp_path):
    with pytest.raises(MediaError, match=r"gone\.png: cannot be read: No such file"):
        raw_digest(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("times", "known"), [([], ()), ([0.0, 0.5], (0.0, 0.5)), ([0.0, None], None), ([None], None)]
)
def test_times_are_known_of_all_frames_or_of_none(times, known):
    assert all_or_none(times) == known


# --- parts of a video --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames at 25 per second: 0, 0.04, ... 0.44 s."""
    return write_video(tmp_path_factory.mktemp("raw") / "a.mp4", moving_texture(12, 32, 24))


def part(video: Path, start_s: float, end_s: float | None) -> RawScene:
    return RawScene("bear", "video", video, (video.name,), span_s=(start_s, end_s))


@pytest.mark.parametrize(
    ("start_s", "end_s", "first", "n_frames"),
    [
        (0.0, None, 0, 12),
        (0.12, None, 3, 9),
        (0.12, 0.24, 3, 3),  # the end does not belong to it
        (0.13, 0.25, 4, 3),
        (0.0, 0.04, 0, 1),
    ],
)
def test_a_part_is_told_by_the_times_of_its_frames(video, start_s, end_s, first, n_frames):
    report = check(part(video, start_s, end_s))
    assert (report.first_frame, report.n_decoded, len(report.frames)) == (first, n_frames, n_frames)
    assert report.frames[0] == "frame_0000" and not report.notes
    assert report.frame_times_s is not None
    assert report.frame_times_s[0] == pytest.approx(0.04 * first, abs=1e-6)


def test_a_video_that_ends_before_its_part_does_says_so(video):
    report = check(part(video, 0.12, 2.0))
    assert report.n_decoded == 9
    assert report.notes == ("the video ends 0.44 s after its first frame, before end_s 2",)
    # A frame that is still shown when the part ends is no early end; nor is a part that was cut short by us.
    assert check(part(video, 0.12, 0.48)).notes == ()
    assert check(part(video, 0.12, 2.0), max_frames=4).notes == ()


def test_a_part_behind_the_end_holds_nothing(video):
    with pytest.raises(MediaError, match=r"a\.mp4: 0 frames, fewer than 1"):
        check(part(video, 5.0, None))
