"""Which pictures of a video file are its frames, and what is said of them."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from focusgen.base.errors import CorruptInputError
from focusgen.media.rawcheck import CheckOptions, RawReport, check_raw
from focusgen.media.scenes import RawScene, discover
from focusgen.media.video import open_frames
from tests.clips import Frames, moving_texture, with_clap, with_pixel_crop, write_video


def scene_of(path: Path) -> RawScene:
    """Return the one scene that a video file is."""
    (scene,) = discover(path).scenes
    return scene


def check(path: Path, max_frames: int | None = None) -> RawReport:
    """Return phase 1's report on a video file."""
    return check_raw(scene_of(path), CheckOptions(1, max_frames, 0.35))


def frames_of(path: Path, rules: tuple[str, ...] | None = None) -> Frames:
    """Return all frames of a video file."""
    raw = scene_of(path)
    read: list[Frames] = []
    with open_frames(RawScene(raw.scene_id, raw.kind, raw.path, raw.files, rules=rules)) as reader:
        with pytest.raises(CorruptInputError, match="ends after"):
            while True:
                read.append(reader.read(len(read), len(read) + 1)[0])
    return np.stack(read)


def write_streams(path: Path, streams: list[Frames], default: int | None = None) -> Path:
    """Write several video streams into one file; one of them may be marked as the default one."""
    from av.stream import Disposition

    with av.open(str(path), "w") as output:
        made: list[Any] = []
        for number, frames in enumerate(streams):
            stream: Any = output.add_stream("mpeg4", rate=25)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "yuv420p"
            stream.disposition = Disposition.default if number == default else Disposition(0)
            made.append(stream)
        for index in range(max(map(len, streams))):
            for stream, frames in zip(made, streams, strict=True):
                if index < len(frames):
                    frame = av.VideoFrame.from_ndarray(frames[index], format="rgb24")
                    frame.pts = index
                    output.mux(stream.encode(frame))
        for stream in made:
            output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("suffix", "default"), [("mkv", None), ("mp4", 1)])
def test_of_several_streams_the_largest_is_the_video_and_that_is_said(suffix, default, tmp_path):
    small, large = moving_texture(6, 32, 24), moving_texture(8, 64, 48)
    path = write_streams(tmp_path / f"a.{suffix}", [small, large], default)
    report = check(path)
    assert (report.width, report.height, report.n_decoded, report.rules) == (64, 48, 8, ("stream",))
    assert report.notes[0] == "2 video streams: number 2 (64x48) is used, not 1 (32x24)"
    assert frames_of(path).shape == (8, 48, 64, 3)
    # A scene that an earlier release began goes on with the stream that it took.
    assert frames_of(path, rules=()).shape == (6, 24, 32, 3)


def test_the_default_stream_goes_before_a_larger_one(tmp_path):
    path = write_streams(
        tmp_path / "a.mkv", [moving_texture(6, 64, 48), moving_texture(6, 32, 24)], default=1
    )
    assert (check(path).width, check(path).rules) == (32, ("stream",))


def test_a_single_picture_beside_a_video_is_never_the_video(tmp_path):
    path = write_streams(tmp_path / "a.mp4", [moving_texture(1, 96, 64), moving_texture(6, 64, 48)])
    assert (check(path).width, check(path).n_decoded) == (64, 6)


@pytest.mark.parametrize(("offset", "first_row", "first_column"), [((0, 0), 8, 8), ((4, -3), 5, 12)])
def test_the_clean_aperture_of_mp4_is_applied(offset, first_row, first_column, tmp_path):
    path = write_video(tmp_path / "a.mp4", moving_texture(4))
    whole = frames_of(path)
    path.write_bytes(with_clap(path.read_bytes(), (48, 32), offset))
    expected = whole[:, first_row : first_row + 32, first_column : first_column + 48]
    assert np.array_equal(frames_of(path), expected)
    assert np.array_equal(frames_of(path, rules=()), whole)
    report = check(path)
    assert (report.width, report.height, report.rules) == (48, 32, ("crop",))
    told = f"cropped from 64x48 to 48x32, as the container asks (left {first_column}, top {first_row})"
    assert told in report.notes


def test_the_pixel_crop_of_matroska_is_applied_before_the_rotation(tmp_path):
    path = write_video(tmp_path / "a.mkv", moving_texture(4), rotation=90)
    whole = frames_of(path)
    path.write_bytes(with_pixel_crop(path.read_bytes(), {0x54CC: 2, 0x54BB: 4, 0x54DD: 6, 0x54AA: 8}))
    stored = np.rot90(whole, -1, axes=(1, 2))
    assert np.array_equal(frames_of(path), np.rot90(stored[:, 4:-8, 2:-6], 1, axes=(1, 2)))
    report = check(path)
    assert (report.width, report.height) == (36, 56)
    assert [note.split(",")[0] for note in report.notes] == [
        "cropped from 64x48 to 56x36",
        "stored turned or mirrored: frames stand upright",
    ]


def test_a_crop_that_leaves_nothing_is_said_and_not_applied(tmp_path):
    path = write_video(tmp_path / "a.mp4", moving_texture(4))
    path.write_bytes(with_clap(path.read_bytes(), (48, 32), (40, 0)))
    report = check(path)
    assert (report.width, report.height, report.rules) == (64, 48, ())
    assert report.notes == ("the container asks for a crop that does not fit 64x48: not applied",)


def write_with_alpha(path: Path, codec: str, alpha: int) -> Path:
    """Write six frames whose left half has an alpha of its own, beside the picture as webm keeps it."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=25, options={"auto-alt-ref": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        for index, pixels in enumerate(moving_texture(6)):
            rgba = np.dstack([pixels, np.full((48, 64), 255, np.uint8)])
            rgba[:, :32, 3] = alpha
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="yuva420p")
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_alpha_beside_the_picture_is_refused_unless_it_is_opaque(codec, tmp_path):
    path = write_with_alpha(tmp_path / "a.webm", codec, alpha=0)
    with pytest.raises(CorruptInputError) as caught:
        check(path)
    assert str(caught.value).startswith("a.webm: has transparent pixels")
    assert f"ffmpeg -c:v {codec} -i INPUT" in caught.value.advice
    report = check(write_with_alpha(tmp_path / "b.webm", codec, alpha=255))
    assert report.n_decoded == 6
    assert report.notes == ("an alpha channel beside the picture is opaque everywhere: dropped",)


def write_coloured(path: Path, **properties: int) -> Path:
    """Write three grey frames with colour properties in the numbers of H.273."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        for name, number in properties.items():
            setattr(stream.codec_context, name, number)
        for index in range(3):
            frame = av.VideoFrame(64, 48, "yuv444p")
            for plane in frame.planes:
                plane.update(bytes([120]) * plane.buffer_size)
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"color_trc": 18, "color_primaries": 9, "colorspace": 9}, ["HDR transfer curve (HLG)", "BT.2020"]),
        (
            {"color_trc": 16, "color_primaries": 12, "colorspace": 1},
            ["HDR transfer curve (PQ)", "Display P3"],
        ),
        ({"colorspace": 9}, ["BT.2020"]),
        ({"color_range": 2, "colorspace": 1}, ["full range"]),
        ({"color_range": 1, "colorspace": 1, "color_trc": 1, "color_primaries": 1}, []),
    ],
)
def test_unusual_colours_are_said(properties, said, tmp_path):
    notes = check(write_coloured(tmp_path / "a.mp4", **properties)).notes
    assert len(notes) == len(said)
    assert all(note.startswith(start) for note, start in zip(notes, said, strict=True)), notes


@pytest.mark.parametrize(
    ("matrix", "name"), [(8, "YCgCo"), (10, "BT.2020 constant luminance"), (14, "ICtCp")]
)
def test_a_matrix_that_cannot_be_converted_is_named_with_a_way_out(matrix, name, tmp_path):
    with pytest.raises(CorruptInputError) as caught:
        check(write_coloured(tmp_path / "a.mp4", colorspace=matrix))
    assert f"a.mp4: its colour matrix is {name}" in str(caught.value)
    assert "ffmpeg -i INPUT -vf zscale=min=" in caught.value.advice


def copied(path: Path, source: Path, n_packets: int) -> Path:
    """Copy the first packets in the order of decoding, as a cut without encoding does."""
    with av.open(str(source)) as whole, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(whole.streams.video[0])
        for number, packet in enumerate(whole.demux(whole.streams.video[0])):
            if number < n_packets and packet.size:
                packet.stream = stream
                output.mux(packet)
    return path


@pytest.mark.parametrize("n_packets", [40, 41, 42, 43])
def test_a_trim_that_ends_between_pictures_that_wait_for_each_other_is_whole(n_packets, tmp_path):
    pyramid = {"x264-params": "b-adapt=0"}
    source = write_video(tmp_path / "whole.mp4", moving_texture(60), bf="3", g="25", **pyramid)
    path = copied(tmp_path / "a.mp4", source, n_packets)
    data = bytearray(path.read_bytes())
    start = data.index(b"elst") + 12
    duration, first = struct.unpack(">Ii", data[start : start + 8])
    data[start : start + 8] = struct.pack(">Ii", duration - 680, first + 17 * 512)
    path.write_bytes(data)
    n_frames = check(path).n_decoded
    assert n_packets - 21 <= n_frames <= n_packets - 17
    assert np.array_equal(frames_of(path)[:20], frames_of(source)[17:37])


def test_a_recorders_dropped_frames_are_no_damage_and_said(tmp_path):
    path = write_video(tmp_path / "a.avi", moving_texture(12), "mjpeg", "yuvj420p")
    whole = frames_of(path)
    path.write_bytes(without_frames(path.read_bytes(), {4, 9}))
    report = check(path)
    assert report.n_decoded == 10
    assert "2 frames were dropped by the recorder (empty chunks)" in report.notes
    assert np.array_equal(frames_of(path), np.delete(whole, [4, 9], axis=0))
    said = "1 frame was dropped by the recorder (empty chunks)"
    assert said not in check(path, max_frames=3).notes
    assert said in check(path, max_frames=6).notes


@pytest.mark.parametrize("size", [(48, 64), (49, 65)])
def test_eight_bits_without_a_palette_are_refused_with_a_way_that_reads_them_as_grey(tmp_path, size):
    levels = np.random.default_rng(1).integers(0, 256, (6, *size), np.uint8)
    path = tmp_path / "a.avi"
    path.write_bytes(eight_bit_avi(levels, bytes(level for i in range(256) for level in (i, i, i, 0))))
    assert np.array_equal(frames_of(path)[..., 0], levels)
    path.write_bytes(eight_bit_avi(levels, b""))
    with pytest.raises(CorruptInputError, match="no palette says which colours") as caught:
        check(path)
    assert "-c copy -tag:v Y800 GREY.avi" in caught.value.advice
    copied_with_tag(path, tmp_path / "grey.avi", "Y800")
    assert np.array_equal(frames_of(tmp_path / "grey.avi")[:, ::-1, :, 0], levels), "it stands on its head"


def eight_bit_avi(levels: Frames, palette: bytes) -> bytes:
    """Return an AVI as cameras write it: bottom row first, rows of a multiple of four bytes."""

    def chunk(code: bytes, content: bytes) -> bytes:
        return code + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)

    n, height, width = levels.shape
    rows = np.pad(levels[:, ::-1], ((0, 0), (0, 0), (0, -width % 4)))
    n_bytes = rows[0].size
    bitmap = struct.pack("<IiiHH6I", 40, width, height, 1, 8, 0, n_bytes, 0, 0, len(palette) // 4, 0)
    header = struct.pack("<4s4s10I4H", b"vids", b"DIB ", *(0, 0, 0, 1, 25, 0, n), n_bytes, 0, 0, *(0,) * 4)
    stream = chunk(b"LIST", b"strl" + chunk(b"strh", header) + chunk(b"strf", bitmap + palette))
    main = struct.pack("<14I", 40_000, 0, 0, 0, n, 0, 1, n_bytes, width, height, *(0,) * 4)
    pictures = b"".join(chunk(b"00db", picture.tobytes()) for picture in rows)
    lists = chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + stream) + chunk(b"LIST", b"movi" + pictures)
    return chunk(b"RIFF", b"AVI " + lists)


def copied_with_tag(source: Path, path: Path, tag: str) -> None:
    """Copy a video's packets under another name of their kind, as `ffmpeg -c copy -tag:v` does."""
    with av.open(str(source)) as container, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        stream.codec_context.codec_tag = tag
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                packet.stream = stream
                output.mux(packet)


def without_frames(data: bytes, dropped: set[int]) -> bytes:
    """Return an AVI in which some frames are chunks of length 0."""
    begin = data.index(b"movi") + 4
    end = begin - 4 + int.from_bytes(data[begin - 8 : begin - 4], "little")
    body, index, at, number = b"", b"", begin, 0
    while at < end:
        code, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        content = b"" if number in dropped else data[at + 8 : at + 8 + size]
        index += code + struct.pack("<III", 16, len(body) + 4, len(content))
        body += code + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
        at, number = at + 8 + size + size % 2, number + 1
    movie = struct.pack("<I", len(body) + 4) + b"movi" + body
    whole = data[: begin - 8] + movie + b"idx1" + struct.pack("<I", len(index)) + index
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


def encoded_mpeg2(frames: Frames, flags: int) -> list[Any]:
    """Return the packets of an MPEG-2 stream whose headers stand in every group of pictures."""
    encoder: Any = av.CodecContext.create("mpeg2video", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.flags |= flags
    packets = []
    for index, pixels in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, 25)
        packets += encoder.encode(frame)
    return packets + encoder.encode(None)


def test_interlaced_frames_late_in_a_video_are_noticed(tmp_path):
    path, interlaced = tmp_path / "a.mkv", 1 << 18 | 1 << 29  # interlaced DCT and motion
    frames = moving_texture(8)
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.start_encoding()
        for first, flags in ((0, 0), (4, interlaced)):
            for packet in encoded_mpeg2(frames[first : first + 4], flags):
                packet.stream, packet.time_base = stream, Fraction(1, 25)
                packet.pts, packet.dts = packet.pts + first, packet.dts + first
                output.mux(packet)
    assert check(path).notes == ("interlaced: each frame holds two moments",)


def test_an_hour_between_two_frames_is_said(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index, pixels in enumerate(moving_texture(8)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = index + (index > 3) * 90000
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert check(path).notes == ("times jump by 3600 s between frames 3 and 4 (usual step 0.04 s)",)
