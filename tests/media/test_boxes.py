"""Boxes of mp4 worked out by hand; tests of crops and containers walk whole files."""

from __future__ import annotations

import mmap
import struct

import pytest

from focusgen.media.boxes import Box, box_at, box_inside, boxes


def data(content: bytes) -> mmap.mmap:
    held = mmap.mmap(-1, len(content))
    held.write(content)
    return held


FREE = struct.pack(">I4s4x", 12, b"free")


@pytest.mark.parametrize(
    ("head", "box"),
    [
        (struct.pack(">I4s", 12, b"free"), Box(b"free", 8, 12)),
        (struct.pack(">I4s", 0, b"mdat"), Box(b"mdat", 8, 40)),
        (struct.pack(">I4sQ", 1, b"mdat", 1 << 33), Box(b"mdat", 16, 1 << 33)),
        (struct.pack(">I4s", 7, b"bad "), Box(b"bad ", 8, 7)),
    ],
)
def test_a_length_is_of_the_whole_box_and_may_stand_behind_or_go_on_to_the_end(head, box):
    assert box_at(data(head.ljust(40, b"\0")), 0, 40) == box


@pytest.mark.parametrize("length", [7, 9])
def test_a_box_that_ends_before_its_content_or_behind_what_holds_it_ends_the_walk(length):
    assert list(boxes(data(FREE + struct.pack(">I4s", length, b"free")), 0, 20)) == [Box(b"free", 8, 12)]


def test_boxes_are_looked_for_one_inside_the_other():
    inner = struct.pack(">I4s", 8 + len(FREE), b"mdia") + FREE
    whole = data(FREE + struct.pack(">I4s", 8 + len(inner), b"trak") + inner)
    assert box_inside(whole, 0, len(whole), b"trak", b"mdia", b"free") == Box(b"free", 36, 40)
    assert box_inside(whole, 0, len(whole), b"trak", b"free") is None
