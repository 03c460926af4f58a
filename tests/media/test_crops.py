"""What a container asks to be cut off, from boxes and elements written byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from focusgen.base.names import MediaError
from focusgen.media.crops import Crop, track_crops

Fractions = tuple[int, int, int, int, int, int, int, int]


def box(code: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), code) + body


def entry(width: int, height: int, *inside: bytes) -> bytes:
    """Return a sample entry of a video: 78 bytes of fields, then boxes."""
    fields = bytearray(78)
    struct.pack_into(">HH", fields, 24, width, height)
    return box(b"avc1", bytes(fields), *inside)


def clap(width: float, height: float, x: int = 0, y: int = 0, denominator: int = 2) -> bytes:
    numbers = (width, height, x, y)
    pairs = [(round(number * denominator), denominator) for number in numbers]
    return box(b"clap", struct.pack(">IIIIiIiI", *[n for pair in pairs for n in pair]))


def track(entry_box: bytes, kind: bytes = b"vide") -> bytes:
    handler = box(b"hdlr", bytes(8), kind, bytes(12))
    table = box(b"stsd", bytes(4), struct.pack(">I", 1), entry_box)
    return box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", handler, box(b"minf", box(b"stbl", table))))


def movie(*tracks: bytes) -> bytes:
    return box(b"ftyp", b"isom") + box(b"mdat", bytes(100)) + box(b"moov", box(b"mvhd", bytes(100)), *tracks)


def crops(tmp_path: Path, data: bytes, demuxer: str = "mov") -> list[Crop]:
    path = tmp_path / "a.bin"
    path.write_bytes(data)
    return track_crops(path, "a.bin", demuxer)  # type: ignore[arg-type]


def test_each_video_track_has_its_own_and_sound_has_none(tmp_path):
    data = movie(
        track(entry(64, 48)),
        track(box(b"mp4a", bytes(28)), b"soun"),
        track(entry(64, 48, box(b"pasp", bytes(8)), clap(48, 32))),
    )
    first, second = crops(tmp_path, data)
    assert not first and not first.size[0]
    assert second == Crop(8, 8, 8, 8, (64, 48)) and second.cropped_size == (48, 32)


@pytest.mark.parametrize(
    ("asked", "left", "right"),
    [((48, 0), 8, 8), ((48, 8), 16, 0), ((48, -8), 0, 16), ((47, 0.5), 9, 8), ((64, 0), 0, 0)],
)
def test_an_aperture_is_placed_by_the_distance_of_the_centres(tmp_path, asked, left, right):
    (found,) = crops(tmp_path, movie(track(entry(64, 48, clap(asked[0], 48, asked[1])))))
    assert (found.left, found.right, found.top, found.bottom) == (left, right, 0, 0)
    assert bool(found) == bool(left or right)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(-60, 60), st.integers(-60, 60))
def test_what_is_cut_and_what_is_left_are_the_whole(tmp_path_factory, width, height, x, y):
    folder = tmp_path_factory.getbasetemp()
    (found,) = crops(folder, movie(track(entry(200, 200, clap(width, height, x, y)))))
    assert found.cropped_size == (width, height)
    is_inside = 0 <= found.left <= 200 - width and 0 <= found.top <= 200 - height
    assert found.is_possible == is_inside


def test_an_aperture_without_a_denominator_is_no_request(tmp_path):
    broken = box(b"clap", struct.pack(">IIIIiIiI", 48, 0, 32, 1, 0, 1, 0, 1))
    assert crops(tmp_path, movie(track(entry(64, 48, broken)))) == []


@pytest.mark.parametrize("length", [0, 1])
def test_boxes_to_the_end_and_of_64_bits_are_walked(tmp_path, length):
    content = box(b"mvhd", bytes(100)) + track(entry(64, 48, clap(48, 32)))
    head = struct.pack(">I4s", length, b"moov")
    head += struct.pack(">Q", 16 + len(content)) if length else b""
    assert [crop.left for crop in crops(tmp_path, head + content)] == [8]


def test_a_box_that_is_longer_than_what_holds_it_ends_the_walk(tmp_path):
    whole = movie(track(entry(64, 48, clap(48, 32))))
    at = whole.index(b"trak") - 4
    assert crops(tmp_path, whole[:at] + struct.pack(">I", 1 << 30) + whole[at + 4 :]) == []


# --- Matroska -----------------------------------------------------------------------------------------


def element(code: int, body: bytes = b"", *, is_open: bool = False) -> bytes:
    head = code.to_bytes((code.bit_length() + 7) // 8, "big")
    length = (1 << 56) - 1 if is_open else len(body)
    return head + (length | 1 << 56).to_bytes(8, "big") + body


def number(code: int, value: int) -> bytes:
    return element(code, value.to_bytes(2, "big"))


def video_track(**cut: int) -> bytes:
    codes = {"left": 0x54CC, "top": 0x54BB, "right": 0x54DD, "bottom": 0x54AA}
    sides = b"".join(number(codes[side], value) for side, value in cut.items())
    video = element(0xE0, number(0xB0, 64) + number(0xBA, 48) + sides)
    return element(0xAE, number(0x83, 1) + video)


def matroska(*entries: bytes, is_open: bool = False) -> bytes:
    inside = element(0x1654AE6B, b"".join(entries))
    return element(0x1A45DFA3, bytes(20)) + element(
        0x18538067, element(0xEC, bytes(9)) + inside, is_open=is_open
    )


@pytest.mark.parametrize("is_open", [False, True])
def test_matroska_states_the_cut_of_each_side(tmp_path, is_open):
    sound = element(0xAE, number(0x83, 2))
    entries = video_track(left=2, top=4, right=6, bottom=8), sound, video_track(top=1)
    found = crops(tmp_path, matroska(*entries, is_open=is_open), "matroska")
    assert found == [Crop(2, 4, 6, 8, (64, 48)), Crop(0, 1, 0, 0, (64, 48))]
    assert found[0].cropped_size == (56, 36)


def test_a_live_recording_is_not_searched_behind_its_first_cluster(tmp_path):
    cluster = element(0x1F43B675, bytes(64), is_open=True)
    late = element(0x18538067, cluster + element(0x1654AE6B, video_track(left=2)), is_open=True)
    assert crops(tmp_path, late, "matroska") == []


@pytest.mark.parametrize("demuxer", ["mov", "matroska"])
def test_every_cut_and_every_flipped_byte_is_borne(tmp_path, demuxer):
    whole = movie(track(entry(64, 48, clap(48, 32)))) if demuxer == "mov" else matroska(video_track(left=2))
    whole = whole[-300:] if demuxer == "mov" else whole
    for at in range(1, len(whole)):
        crops(tmp_path, whole[:at], demuxer)
        crops(tmp_path, whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :], demuxer)


def test_avi_knows_no_crop_and_a_missing_file_is_named(tmp_path):
    assert track_crops(tmp_path / "none.avi", "none.avi", "avi") == []
    with pytest.raises(MediaError, match=r"none\.mp4: cannot be read: No such file"):
        track_crops(tmp_path / "none.mp4", "none.mp4", "mov")


@pytest.mark.parametrize(
    ("crop", "is_possible"),
    [
        (Crop(0, 0, 0, 0, (64, 48)), True),
        (Crop(63, 0, 0, 0, (64, 48)), True),
        (Crop(32, 0, 32, 0, (64, 48)), False),
        (Crop(-1, 0, 0, 0, (64, 48)), False),
        (Crop(0, 48, 0, 0, (64, 48)), False),
    ],
)
def test_a_crop_must_leave_something_and_add_nothing(crop, is_possible):
    assert crop.is_possible == is_possible
